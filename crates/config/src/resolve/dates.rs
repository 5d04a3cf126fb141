//! What is to be said of a certificate's dates.

use std::time::{Duration, SystemTime};

use crate::certificate::Chain;
use crate::diagnostic::Problem;

/// A certificate that ends sooner is worth a warning: enough time for somebody to be back from leave.
const SOON: Duration = Duration::from_secs(14 * DAY);
const DAY: u64 = 24 * 60 * 60;

/// What is to be said of those of the file that is called `name`; `others` are those who are shown it.
pub(super) fn out_of_date(
    chain: &Chain,
    name: &str,
    others: &str,
    now: SystemTime,
) -> Option<Problem> {
    let (from, to) = (chain.not_before, chain.not_after);
    if let Ok(ago) = now.duration_since(to.time()) {
        let problem = Problem::new(
            format!("the certificate in {name} has ended"),
            format!("on {to}, {} ago", days(ago)),
        );
        return Some(problem.help(format!("{others} refuse it: put a new one in its place")));
    }
    if let Ok(left) = from.time().duration_since(now)
        && !left.is_zero()
    {
        let problem = Problem::new(
            format!("the certificate in {name} is not valid yet"),
            format!("only from {from} on, in {}", days(left)),
        );
        return Some(
            problem.help(format!(
                "{others} refuse it until then; is the clock of this machine right?"
            )),
        );
    }
    let left = to.time().duration_since(now).ok().filter(|left| *left < SOON)?;
    let problem = Problem::new(
        format!("the certificate in {name} ends within two weeks"),
        format!("on {to}, in {}", days(left)),
    );
    Some(problem.help(format!("{others} refuse it from then on: renew it")))
}

/// A time in days.
pub(super) fn days(time: Duration) -> String {
    match time.as_secs() / DAY {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}
