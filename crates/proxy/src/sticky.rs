//! Sessions that stay with their endpoint: the cookie that comes with a request, and the one that an
//! answer brings.

use http::header::{HeaderValue, SET_COOKIE};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora_core::{OrErr, Result};
use switchback_core::EndpointIndex;
use switchback_core::plan::{SameSite, Secure, StickyPlan};
use switchback_runtime::PoolHandle;

use crate::cookie;
use crate::ctx::Ctx;

/// The endpoint that a request's session belongs to.
pub(crate) fn endpoint(pool: &PoolHandle, header: &RequestHeader) -> Option<EndpointIndex> {
    let sticky = pool.sticky.as_ref()?;
    sticky.endpoint(cookie::value(header, &sticky.plan.cookie)?)
}

/// Names the endpoint that answers to the client, unless the client has named it.
pub(crate) fn keep(ctx: &mut Ctx, answer: &mut ResponseHeader) -> Result<()> {
    let (Some(forward), Some(attempt)) = (ctx.forward.as_mut(), ctx.attempt.as_ref()) else {
        return Ok(());
    };
    // Of an answer that was held, and will not be passed on.
    forward.cookie = None;
    let Some(sticky) = &forward.pool.sticky else { return Ok(()) };
    let endpoint = attempt.endpoint();
    if forward.request.sticky == Some(endpoint) {
        return Ok(());
    }
    // An endpoint that is newer than this request's configuration is named by the next one's.
    let Some(value) = sticky.value(attempt.address()) else { return Ok(()) };
    let cookie = set_cookie(&sticky.plan, value, ctx.over_tls);
    let cookie = HeaderValue::from_str(&cookie).or_fail()?;
    forward.cookie = Some(cookie.clone());
    answer.append_header(SET_COOKIE, cookie)?;
    Ok(())
}

/// Gives an answer that takes the place of one whose header the client has the cookie that this one had:
/// it is no difference, and does not go out again.
pub(crate) fn keep_as_begun(ctx: &Ctx, answer: &mut ResponseHeader) -> Result<()> {
    if let Some(cookie) = ctx.forward.as_ref().and_then(|forward| forward.cookie.clone()) {
        answer.append_header(SET_COOKIE, cookie)?;
    }
    Ok(())
}

/// A cookie for all paths of the host, which scripts cannot read (RFC 6265, section 4.1).
fn set_cookie(plan: &StickyPlan, value: &str, over_tls: bool) -> String {
    let mut cookie = format!("{}={value}; Path=/; HttpOnly", plan.cookie);
    if let Some(max_age) = plan.max_age {
        cookie.push_str(&format!("; Max-Age={}", max_age.as_secs()));
    }
    let secure = match plan.secure {
        Secure::Auto => over_tls,
        Secure::Always => true,
        Secure::Never => false,
    };
    if secure {
        cookie.push_str("; Secure");
    }
    cookie.push_str(match plan.same_site {
        SameSite::Lax => "; SameSite=Lax",
        SameSite::Strict => "; SameSite=Strict",
        SameSite::None => "; SameSite=None",
    });
    cookie
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn plan(max_age: Option<u64>, secure: Secure, same_site: SameSite) -> StickyPlan {
        StickyPlan {
            cookie: "sb".into(),
            secret: "0123456789abcdef".into(),
            max_age: max_age.map(Duration::from_secs),
            secure,
            same_site,
        }
    }

    #[test]
    fn a_cookie_is_for_the_host_alone_and_never_for_scripts() {
        let session = plan(None, Secure::Auto, SameSite::Lax);
        let base = "sb=1; Path=/; HttpOnly";
        assert_eq!(set_cookie(&session, "1", false), format!("{base}; SameSite=Lax"));
        assert_eq!(set_cookie(&session, "1", true), format!("{base}; Secure; SameSite=Lax"));
        let kept = plan(Some(3600), Secure::Always, SameSite::None);
        let expected = format!("{base}; Max-Age=3600; Secure; SameSite=None");
        assert_eq!(set_cookie(&kept, "1", false), expected);
        let strict = plan(None, Secure::Never, SameSite::Strict);
        assert_eq!(set_cookie(&strict, "1", true), format!("{base}; SameSite=Strict"));
    }
}
