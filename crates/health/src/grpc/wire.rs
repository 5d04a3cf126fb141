//! A health check's bytes: the request, and what an answer says.
//!
//! `HealthCheckRequest { string service = 1 }` and `HealthCheckResponse { ServingStatus status = 1 }`
//! in the encoding of Protocol Buffers, each behind gRPC's prefix of five bytes: whether it is
//! compressed, and its length. Fields that are not known are skipped, as the encoding has it.
//!
//! What an endpoint says ends up in a log line, so it is cut short there and loses its control
//! characters.

use http::{HeaderMap, HeaderValue, StatusCode};

const PREFIX: usize = 5;
/// How many characters of an endpoint's own words are repeated.
const WORDS: usize = 120;

/// `google.rpc.Code`, by number.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The body of a request about `service`; empty: about the server as a whole.
pub(super) fn request(service: &str) -> Vec<u8> {
    let mut message = Vec::new();
    // A field with its default value is left out.
    if !service.is_empty() {
        message.push(1 << 3 | 2);
        put_varint(&mut message, service.len() as u64);
        message.extend_from_slice(service.as_bytes());
    }
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[0], &length.to_be_bytes()[..], &message].concat()
}

/// Whether an answer is one of gRPC at all.
pub(super) fn is_grpc(status: StatusCode, headers: &HeaderMap) -> Result<(), String> {
    if status != StatusCode::OK {
        return Err(format!("HTTP status {}", status.as_u16()));
    }
    let kind = headers.get(http::header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    match kind {
        Some(kind) if kind.starts_with(b"application/grpc") => Ok(()),
        Some(kind) => Err(format!("answered {}, not application/grpc", words(kind))),
        None => Err("answered without a content-type, not application/grpc".to_owned()),
    }
}

/// What a header or a trailer says of how the call ended; `None` if it does not say.
pub(super) fn grpc_status(fields: &HeaderMap) -> Option<Result<(), String>> {
    let status = fields.get("grpc-status")?;
    if status == "0" {
        return Some(Ok(()));
    }
    let code = status.to_str().ok().and_then(|status| status.parse::<usize>().ok());
    let name = code.and_then(|code| CODES.get(code)).map(|name| format!(" ({name})"));
    let message = fields.get("grpc-message").map(|message| words(&unescape(message.as_bytes())));
    let message =
        message.filter(|message| !message.is_empty()).map(|message| format!(": {message}"));
    Some(Err(format!(
        "grpc-status {}{}{}",
        words(status.as_bytes()),
        name.unwrap_or_default(),
        message.unwrap_or_default()
    )))
}

/// What the body of an answer that ended well says.
pub(super) fn verdict(body: &[u8]) -> Result<(), String> {
    let Some((prefix, message)) = body.split_first_chunk::<PREFIX>() else {
        let what = if body.is_empty() { "no message" } else { "a message that was cut off" };
        return Err(format!("answered with {what}"));
    };
    let [compressed, length @ ..] = *prefix;
    let length = u32::from_be_bytes(length) as usize;
    match compressed {
        0 => {}
        1 => return Err("answered with a compressed message, which was not asked for".to_owned()),
        _ => return Err("answered with what is no message of gRPC".to_owned()),
    }
    if message.len() != length {
        let what = if message.len() < length {
            "a message that was cut off"
        } else {
            "more than one message"
        };
        return Err(format!("answered with {what}"));
    }
    match status(message) {
        Some(1) => Ok(()),
        Some(0) => Err("UNKNOWN".to_owned()),
        Some(2) => Err("NOT_SERVING".to_owned()),
        Some(3) => Err("SERVICE_UNKNOWN".to_owned()),
        Some(status) => Err(format!("answered with the unknown status {status}")),
        None => Err("answered with a malformed message".to_owned()),
    }
}

/// The status in a `HealthCheckResponse`: 0 if it has none, the last if it has several. `None` if
/// it is malformed.
fn status(mut message: &[u8]) -> Option<u64> {
    let mut status = 0;
    while !message.is_empty() {
        let tag = take_varint(&mut message)?;
        match (tag >> 3, tag & 7) {
            (0, _) => return None,
            (1, 0) => status = take_varint(&mut message)?,
            (_, 0) => drop(take_varint(&mut message)?),
            (_, 1) => message = message.get(8..)?,
            (_, 2) => {
                let length = usize::try_from(take_varint(&mut message)?).ok()?;
                message = message.get(length..)?;
            }
            (_, 5) => message = message.get(4..)?,
            _ => return None,
        }
    }
    Some(status)
}

fn put_varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

/// `None` if it does not end, or not within 64 bits.
fn take_varint(from: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = from.split_first()?;
        *from = rest;
        let bits = u64::from(byte & 0x7f);
        value |= bits << shift;
        if byte < 0x80 {
            return (bits << shift >> shift == bits).then_some(value);
        }
    }
    None
}

/// Percent-decoding; what is not an escape stays as it is.
fn unescape(text: &[u8]) -> Vec<u8> {
    let digit = |at: usize| text.get(at).and_then(|&byte| char::from(byte).to_digit(16));
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                plain.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    plain
}

/// An endpoint's words, fit for a log line.
fn words(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let mut clean = said.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut words: String = clean.by_ref().take(WORDS).collect();
    if clean.next().is_some() {
        words.push('…');
    }
    words.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(of: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |&(name, value): &(&'static str, &'static str)| {
            (http::HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        of.iter().map(pair).collect()
    }

    fn framed(message: &[u8]) -> Vec<u8> {
        [&[0, 0, 0, 0, message.len() as u8], message].concat()
    }

    #[test]
    fn the_request_is_what_protobuf_makes_of_it() {
        assert_eq!(request(""), [0, 0, 0, 0, 0]);
        assert_eq!(request("shop"), *b"\x00\x00\x00\x00\x06\x0a\x04shop");
        let long = request(&"x".repeat(300));
        assert_eq!(long[..8], [0, 0, 0, 1, 47, 10, 0xac, 2]);
        assert_eq!(long.len(), PREFIX + 303);
    }

    #[test]
    fn serving_passes_and_nothing_else() {
        let table: [(&[u8], Result<(), &str>); 17] = [
            (&[8, 1], Ok(())),
            (&[], Err("UNKNOWN")),
            (&[8, 0], Err("UNKNOWN")),
            (&[8, 2], Err("NOT_SERVING")),
            (&[8, 3], Err("SERVICE_UNKNOWN")),
            (&[8, 7], Err("answered with the unknown status 7")),
            (&[8, 2, 8, 1], Ok(())),
            (&[8, 1, 8, 2], Err("NOT_SERVING")),
            (&[0x12, 3, b'a', b'b', b'c', 8, 1, 0x18, 0x96, 1], Ok(())),
            (&[0x11, 1, 2, 3, 4, 5, 6, 7, 8, 0x1d, 1, 2, 3, 4, 8, 1], Ok(())),
            (&[8], Err("answered with a malformed message")),
            (&[8, 0x81], Err("answered with a malformed message")),
            (&[0x12, 9, 8, 1], Err("answered with a malformed message")),
            (&[0x0b, 8, 1], Err("answered with a malformed message")),
            (&[0x11, 1, 8, 1], Err("answered with a malformed message")),
            (&[0, 1], Err("answered with a malformed message")),
            (
                &[8, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2],
                Err("answered with a malformed message"),
            ),
        ];
        for (message, expected) in table {
            assert_eq!(verdict(&framed(message)), expected.map_err(str::to_owned), "{message:?}");
        }
    }

    #[test]
    fn a_body_that_is_not_one_plain_message_fails() {
        let table: [(&[u8], &str); 6] = [
            (&[], "answered with no message"),
            (&[0, 0], "answered with a message that was cut off"),
            (&[0, 0, 0, 0, 2, 8], "answered with a message that was cut off"),
            (&[0, 0, 0, 0, 2, 8, 1, 0, 0, 0, 0, 0], "answered with more than one message"),
            (&[1, 0, 0, 0, 2, 8, 1], "answered with a compressed message, which was not asked for"),
            (b"<html></html>", "answered with what is no message of gRPC"),
        ];
        for (body, expected) in table {
            assert_eq!(verdict(body), Err(expected.to_owned()), "{body:?}");
        }
    }

    #[test]
    fn any_bytes_are_read_without_harm() {
        let mut seed = 1_u64;
        for _ in 0..100_000 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let bytes = seed.to_be_bytes();
            let _ = (verdict(&framed(&bytes)), unescape(&bytes), words(&bytes));
        }
    }

    #[test]
    fn a_status_other_than_zero_is_told_with_its_name_and_its_words() {
        let told = |of| grpc_status(&fields(of)).and_then(Result::err);
        assert_eq!(grpc_status(&fields(&[("grpc-status", "0")])), Some(Ok(())));
        assert_eq!(grpc_status(&fields(&[])), None);
        let table: [(&[(&'static str, &'static str)], &str); 6] = [
            (&[("grpc-status", "5")], "grpc-status 5 (NOT_FOUND)"),
            (
                &[("grpc-status", "12"), ("grpc-message", "no%20such method%0A%zz")],
                "grpc-status 12 (UNIMPLEMENTED): no such method %zz",
            ),
            (&[("grpc-status", "14"), ("grpc-message", "")], "grpc-status 14 (UNAVAILABLE)"),
            (&[("grpc-status", "77")], "grpc-status 77"),
            (&[("grpc-status", "-1")], "grpc-status -1"),
            (&[("grpc-status", "what")], "grpc-status what"),
        ];
        for (of, expected) in table {
            assert_eq!(told(of).as_deref(), Some(expected));
        }
        assert_eq!(words("é".repeat(1_000).as_bytes()).chars().count(), WORDS + 1);
    }

    #[test]
    fn what_is_not_grpc_is_told_from_it() {
        let grpc = |status, of| is_grpc(StatusCode::from_u16(status).unwrap(), &fields(of));
        assert_eq!(grpc(200, &[("content-type", "application/grpc")]), Ok(()));
        assert_eq!(grpc(200, &[("content-type", "application/grpc+proto")]), Ok(()));
        assert_eq!(grpc(404, &[]), Err("HTTP status 404".to_owned()));
        assert_eq!(
            grpc(200, &[("content-type", "text/html")]),
            Err("answered text/html, not application/grpc".to_owned())
        );
        assert!(grpc(200, &[]).is_err());
    }
}
