//! As much of HTTP/1.1 as both ends of a measurement need, and no more: they share a CPU, and what they spend is
//! missing where the proxy is to be kept busy.

/// Where the head ends, its empty line included; `None`: not yet.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// The length of the body that a head announces; `None`: it announces none.
pub(crate) fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let line = head
        .split(|&byte| byte == b'\n')
        .find(|line| line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)))?;
    std::str::from_utf8(line.get(NAME.len()..)?).ok()?.trim().parse().ok()
}

/// Whether a head is that of a 200.
pub(crate) fn is_ok(head: &[u8]) -> bool {
    head.starts_with(b"HTTP/1.1 200")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_with_its_empty_line() {
        assert_eq!(head_end(b"HTTP/1.1 200 OK\r\n\r\nbody"), Some(19));
        assert_eq!(head_end(b"HTTP/1.1 200 OK\r\n"), None);
    }

    #[test]
    fn a_length_is_found_in_any_case() {
        assert_eq!(content_length(b"HTTP/1.1 200 OK\r\ncontent-LENGTH:  42\r\n\r\n"), Some(42));
        assert_eq!(content_length(b"HTTP/1.1 200 OK\r\nX-Content-Length: 42\r\n\r\n"), None);
    }

    #[test]
    fn only_a_200_is_one() {
        assert!(is_ok(b"HTTP/1.1 200 OK\r\n\r\n"));
        assert!(!is_ok(b"HTTP/1.1 502 Bad Gateway\r\n\r\n"));
    }
}
