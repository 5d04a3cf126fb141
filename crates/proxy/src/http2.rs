//! Whether a request of HTTP/2 is sound.
//!
//! h2 and Pingora refuse what is malformed by itself (RFC 9113, section 8.2 and 8.3). What is left are the
//! rules that HTTP/1 has at the edge, so that a request means the same whichever way it came: an endpoint
//! that speaks HTTP/1 gets its host, target and method as text.

use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use pingora::http::RequestHeader;
use switchback_core::plan::LimitsPlan;
use switchback_wire::{Refusal, is_host, is_method, is_target};

const INVALID_HOST: Refusal = Refusal::bad("invalid_host", "the authority is not a host");
const TOO_MANY_FIELDS: Refusal =
    Refusal { status: 431, code: "too_many_fields", details: "the header has too many fields" };
const TARGET_TOO_LONG: Refusal =
    Refusal { status: 414, code: "target_too_long", details: "the target is too long" };
const REPEATED_LENGTH: Refusal =
    Refusal::bad("invalid_content_length", "Content-Length is repeated");
const TRANSFER_CODING: Refusal =
    Refusal::bad("invalid_transfer_encoding", "HTTP/2 knows no Transfer-Encoding");

/// Refuses what HTTP/1 would be refused for.
///
/// # Errors
///
/// With what is wrong.
pub(crate) fn sound(header: &RequestHeader, limits: &LimitsPlan) -> Result<(), Refusal> {
    let method = header.method.as_str().as_bytes();
    is_method(method)?;
    let target = header.raw_path();
    if target.len() > limits.target_size as usize {
        return Err(TARGET_TOO_LONG);
    }
    is_target(method, target)?;
    if header.headers.len() > limits.header_fields as usize {
        return Err(TOO_MANY_FIELDS);
    }
    if header.headers.contains_key(TRANSFER_ENCODING) {
        return Err(TRANSFER_CODING);
    }
    // h2 holds the body to it where it is one number, and refuses most of what is none; Pingora lets
    // one that is said twice pass if both are alike.
    if header.headers.get_all(CONTENT_LENGTH).iter().count() > 1 {
        return Err(REPEATED_LENGTH);
    }
    match header.headers.get(HOST) {
        Some(host) if is_host(host.as_bytes()) => Ok(()),
        _ => Err(INVALID_HOST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_target_here_is_one_to_pingora() {
        for byte in 0_u8..=255 {
            for target in [&[b'/', byte][..], &[b'/', b'?', byte]] {
                // Of a fragment it would take the part before.
                let taken = http::Uri::try_from(target).is_ok() && byte != b'#';
                assert_eq!(is_target(b"GET", target).is_ok(), taken, "{target:?}");
            }
        }
    }
}
