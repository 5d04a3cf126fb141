//! How much a pool takes at once: the limits of its endpoints, and who waits for them.

use std::num::NonZeroU32;
use std::time::Duration;

use switchback_core::plan::QueuePlan;

use crate::decode::{Field, Given};
use crate::diagnostic::{Problem, Reporter};
use crate::schema;
use crate::value::{duration, number};

/// More than one process can hold.
const MOST: u32 = 1_000_000;

/// A limit of an endpoint; `None`: the file has none.
pub(super) fn limit(what: &str, field: &Field<i64>, reporter: &Reporter<'_>) -> Option<NonZeroU32> {
    let limit = field.parse(reporter, |value| {
        number::count(what, *value, MOST).map_err(|problem| match value {
            ..=0 => problem.help("for no limit, leave the key away; an endpoint that should receive nothing has `disabled: true`"),
            _ => problem,
        })
    });
    limit.value().copied()
}

/// Who waits, and for how long where the file says it and it can come to that; `request` is how long a
/// request may take as a whole.
pub(super) fn queue(
    pool: &schema::Pool,
    request: Duration,
    reporter: &Reporter<'_>,
) -> (QueuePlan, Option<Given<Duration>>) {
    let default = QueuePlan::default();
    let none = "for no queue, write `queue: 0`; leave the key away for 1s";
    let size = pool.queue.parse(reporter, |value| number::within("queue", *value, 0..=MOST.into()));
    let timeout =
        pool.queue_timeout.parse(reporter, |text| duration::parse_or("queue_timeout", text, none));
    let is_off = size.value() == Some(&0);
    let mut limit = None;
    if let Some(given) = timeout.given() {
        if is_off {
            let problem =
                Problem::new("`queue_timeout` has no effect", "`queue` is 0, so none wait");
            reporter.warn(given.span, problem.help("remove it, or make `queue` larger"));
        } else if given.value >= request {
            let label =
                format!("`timeouts.request` ends everything after {}", duration::display(request));
            let problem = Problem::new("`queue_timeout` can never fire", label);
            let help = "make `queue_timeout` shorter than `request`, or `request` longer";
            reporter.warn(given.span, problem.help(help));
        } else {
            limit = Some(*given);
        }
    }
    let plan = QueuePlan { size: size.or(default.size), timeout: timeout.or(default.timeout) };
    (plan, limit)
}
