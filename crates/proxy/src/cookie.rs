//! Cookies of a request (RFC 6265, section 4.2).

use http::header::COOKIE;
use pingora::http::RequestHeader;

/// The value of the first cookie of this name. HTTP/2 may split the cookies over several fields.
pub(crate) fn value<'a>(header: &'a RequestHeader, name: &str) -> Option<&'a str> {
    let fields = header.headers.get_all(COOKIE);
    let pairs = fields.into_iter().filter_map(|field| field.to_str().ok());
    pairs.flat_map(|field| field.split(';')).find_map(|pair| {
        let (known, value) = pair.trim_ascii_start().split_once('=')?;
        let value = value.trim_ascii_end();
        let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        (known == name).then_some(unquoted.unwrap_or(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(cookies: &[&str]) -> Option<String> {
        let mut header = RequestHeader::build("GET", b"/", None).unwrap();
        for cookie in cookies {
            header.append_header(COOKIE, *cookie).unwrap();
        }
        value(&header, "sb").map(str::to_owned)
    }

    #[test]
    fn a_cookie_is_found_wherever_it_stands() {
        for cookies in
            [&["sb=1"][..], &["a=b; sb=1; c=d"], &["a=b", "sb=1"], &["sb=\"1\""], &["a;sb=1 "]]
        {
            assert_eq!(found(cookies).as_deref(), Some("1"), "{cookies:?}");
        }
    }

    #[test]
    fn what_only_looks_like_it_is_another() {
        for cookies in [&["xsb=1"][..], &["a=sb=1"], &["SB=1"], &["sb"], &[]] {
            assert_eq!(found(cookies), None, "{cookies:?}");
        }
    }
}
