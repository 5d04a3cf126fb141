//! A pool's `sticky` to a [`StickyPlan`].

use std::time::Duration;

use switchback_core::plan::{SameSite, Secure, StickyPlan};

use crate::decode::{Field, Given};
use crate::diagnostic::{Problem, Reporter, quote};
use crate::schema;
use crate::value::{duration, number, token};

/// What the cookie is called unless the file says otherwise.
const COOKIE: &str = "switchback";
/// `Max-Age` counts whole seconds, and 0 deletes a cookie (RFC 6265, section 5.2.2).
const SHORTEST: Duration = Duration::from_secs(1);

/// What `secure` can be.
pub(crate) const SECURE: &[(&str, Secure)] =
    &[("auto", Secure::Auto), ("always", Secure::Always), ("never", Secure::Never)];
/// What `same_site` can be.
pub(crate) const SAME_SITE: &[(&str, SameSite)] =
    &[("lax", SameSite::Lax), ("strict", SameSite::Strict), ("none", SameSite::None)];

/// The sessions that stay; `None`: none do, or what is wrong has been reported.
pub(super) fn sticky(field: &Field<schema::Sticky>, reporter: &Reporter<'_>) -> Option<StickyPlan> {
    let Given { value: sticky, span } = field.given()?;
    if sticky.secret.is_missing() {
        let problem = Problem::new("`sticky` has no `secret`", "the key is missing here");
        let help = format!(
            "write `secret: ${{STICKY_SECRET}}`; it needs {} characters or more, the same on every gateway",
            token::SECRET
        );
        reporter.error(*span, problem.help(help));
    }
    let cookie = sticky.cookie.parse(reporter, |text| token::cookie(text));
    let secret = sticky.secret.parse(reporter, |text| token::secret(text));
    let max_age = sticky.max_age.parse(reporter, |text| max_age(text));
    let secure = sticky.secure.parse(reporter, |text| number::choice("secure", text, SECURE));
    let same_site =
        sticky.same_site.parse(reporter, |text| number::choice("same_site", text, SAME_SITE));
    if let Some(Given { span, .. }) = secure.given().filter(|given| given.value == Secure::Never) {
        warn_of_dropped(*span, &cookie, &same_site, reporter);
    }
    Some(StickyPlan {
        cookie: cookie.or(COOKIE.into()),
        secret: secret.given()?.value.clone(),
        max_age: max_age.given().map(|given| given.value),
        secure: secure.or(Secure::default()),
        same_site: same_site.or(SameSite::default()),
    })
}

fn max_age(text: &str) -> Result<Duration, Problem> {
    let help = "leave the key away for a cookie that ends with the browser's session";
    let age = duration::parse_or("max_age", text, help)?;
    if age < SHORTEST {
        let problem = Problem::new("`max_age` is shorter than a second", "cookies count seconds");
        return Err(problem.help("write at least `1s`"));
    }
    Ok(age)
}

/// Warns of a cookie that browsers take only with `Secure`, which it never has (RFC 6265bis, sections
/// 4.1.3 and 5.6.7).
fn warn_of_dropped(
    span: crate::source::Span,
    cookie: &Field<std::sync::Arc<str>>,
    same_site: &Field<SameSite>,
    reporter: &Reporter<'_>,
) {
    let is_prefixed = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.starts_with("__host-") || name.starts_with("__secure-")
    };
    let (label, related) =
        if let Some(given) = same_site.given().filter(|given| given.value == SameSite::None) {
            ("with `same_site: none`, they ask for `Secure`".to_owned(), given.span)
        } else if let Some(given) = cookie.given().filter(|given| is_prefixed(&given.value)) {
            (format!("for the name {}, they ask for `Secure`", quote(&given.value)), given.span)
        } else {
            return;
        };
    let problem = Problem::new("browsers drop this cookie, so no session stays", label)
        .related(related, "because of this")
        .help("write `secure: always`, or leave that key away");
    reporter.warn(span, problem);
}
