//! The header of a request of HTTP/1, made from the places that its head's reader has found.
//!
//! Names and values are parts of the bytes that came, not copies; names keep their spelling, which an endpoint of HTTP/1 gets to see.

use std::ops::Range;

use bytes::Bytes;
use http::{HeaderValue, Method, Version};
use pingora::http::RequestHeader;
use pingora_core::{ErrorType, OrErr, Result};
use switchback_wire::{Head, Version as HeadVersion, fields};

/// How many fields a request gets on its way, so that its map has room for them.
const ADDED_FIELDS: usize = 6;

/// The request that a head tells; `bytes` are the head's, without an empty line before.
///
/// # Errors
/// What the head's reader lets through and the types of the `http` crate do not: few targets, names of more than 64 KiB.
pub(super) fn request_header(head: &Head, bytes: &Bytes) -> Result<RequestHeader> {
    let place = |range: &Range<usize>| range.start - head.skip..range.end - head.skip;
    let method = bytes.get(place(&head.method)).unwrap_or_default();
    let target = bytes.get(place(&head.target)).unwrap_or_default();
    let method = Method::from_bytes(method).or_err(ErrorType::InvalidHTTPHeader, "method")?;
    let mut request = RequestHeader::build(method, target, Some(head.fields + ADDED_FIELDS))?;
    request.set_version(match head.version {
        HeadVersion::Http10 => Version::HTTP_10,
        HeadVersion::Http11 => Version::HTTP_11,
    });
    for (name, value) in fields(bytes) {
        let value = HeaderValue::from_maybe_shared(bytes.slice(value));
        let value = value.or_err(ErrorType::InvalidHTTPHeader, "field value")?;
        request.append_header(bytes.slice(name), value)?;
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use switchback_wire::{HeadLimits, HeadReader};

    use super::*;

    fn read(text: &'static str) -> RequestHeader {
        let limits = HeadLimits { size: 4096, fields: 16, target: 1024 };
        let head = HeadReader::new(limits).read(text.as_bytes()).unwrap().expect("a whole head");
        let bytes = Bytes::from_static(text.as_bytes()).slice(head.skip..head.len);
        request_header(&head, &bytes).unwrap()
    }

    #[test]
    fn a_request_is_told_as_it_came() {
        let head =
            "POST /a?b HTTP/1.1\r\nHost: shop\r\nx-TWICE: 1\r\nX-Twice:  2 \r\nEmpty:\r\n\r\nbody";
        let request = read(head);
        assert_eq!((request.method.as_str(), request.version), ("POST", Version::HTTP_11));
        assert_eq!(request.raw_path(), b"/a?b");
        let mut wire = Vec::new();
        request.header_to_h1_wire(&mut wire);
        assert_eq!(wire, b"Host: shop\r\nx-TWICE: 1\r\nX-Twice: 2\r\nEmpty: \r\n");
    }

    #[test]
    fn an_empty_line_before_and_another_form_of_the_target_move_nothing() {
        let request = read("\r\nGET http://shop/a HTTP/1.0\r\n\r\n");
        assert_eq!((request.version, request.uri.path()), (Version::HTTP_10, "/a"));
        assert_eq!(request.raw_path(), b"http://shop/a");
        assert!(request.headers.is_empty());
    }
}
