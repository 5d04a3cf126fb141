//! The fields of a head that has been read, one by one.

use std::ops::Range;

use memchr::memchr;

/// Where the fields stand in a head: names, and values without the white space around them. To be called with a head that
/// [`super::HeadReader`] has let through, from its first line to its empty one: of anything else, it names what looks like fields.
pub fn fields(head: &[u8]) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let mut at = line(head, 0).unwrap_or(head.len());
    std::iter::from_fn(move || {
        let start = at;
        let colon = start + memchr(b':', head.get(start..)?)?;
        let next = line(head, colon)?;
        at = next;
        let mut value = colon + 1..next - 2;
        let is_blank = |byte: u8| byte == b' ' || byte == b'\t';
        while value.start < value.end && is_blank(head[value.start]) {
            value.start += 1;
        }
        while value.start < value.end && is_blank(head[value.end - 1]) {
            value.end -= 1;
        }
        Some((start..colon, value))
    })
}

/// Where the next line begins.
fn line(head: &[u8], at: usize) -> Option<usize> {
    let cr = at + memchr(b'\r', head.get(at..)?)?;
    (head.get(cr + 1) == Some(&b'\n')).then_some(cr + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_named_in_their_order_without_white_space() {
        let head = b"GET /a:b HTTP/1.1\r\nHost: a:80\r\nX: \t y z \r\nEmpty:\r\nBlank:   \r\n\r\n";
        let text = |range: Range<usize>| std::str::from_utf8(&head[range]).unwrap();
        let found: Vec<_> = fields(head).map(|(name, value)| (text(name), text(value))).collect();
        assert_eq!(found, [("Host", "a:80"), ("X", "y z"), ("Empty", ""), ("Blank", "")]);
    }

    #[test]
    fn a_head_without_fields_has_none_and_half_a_line_is_none() {
        assert_eq!(fields(b"GET / HTTP/1.0\r\n\r\n").count(), 0);
        assert_eq!(fields(b"GET / HTTP/1.0\r\nX: y").count(), 0);
        assert_eq!(fields(b"").count(), 0);
    }
}
