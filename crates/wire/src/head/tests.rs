use proptest::prelude::*;

use super::*;

const LIMITS: HeadLimits = HeadLimits { size: 32 * 1024, fields: 100, target: 8 * 1024 };

/// Reads a head that is there as a whole.
fn read(text: impl AsRef<[u8]>) -> Result<Option<Head>, Refusal> {
    HeadReader::new(LIMITS).read(text.as_ref())
}

fn accepted(text: &str) -> Head {
    match read(text) {
        Ok(Some(head)) => head,
        other => panic!("{other:?} for {text:?}"),
    }
}

/// Status and code; 0 and nothing if it is not refused.
fn refused(text: impl AsRef<[u8]>) -> (u16, &'static str) {
    read(text).err().map_or((0, ""), |refusal| (refusal.status, refusal.code))
}

/// Reads pieces that end there, and at the end of the text.
fn in_pieces(
    text: &[u8],
    limits: HeadLimits,
    ends: impl Iterator<Item = usize>,
) -> Result<Option<Head>, Refusal> {
    let mut reader = HeadReader::new(limits);
    for end in ends.chain([text.len()]) {
        if let Some(head) = reader.read(&text[..end])? {
            return Ok(Some(head));
        }
    }
    Ok(None)
}

/// A request of HTTP/1.1 to `a` with these lines more.
fn with(lines: &str) -> String {
    format!("POST /p HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n")
}

#[test]
fn a_head_says_where_it_ends_and_what_follows() {
    let text = "PUT /a?b=c HTTP/1.1\r\nHost: \t shop.example.com:80 \t\r\nX_Y:\r\n\
                content-LENGTH:\t0042 \r\nExpect: 100-Continue\r\nEmpty: \r\nT: a\tb\r\n\r\n";
    let head = accepted(&format!("{text}body"));
    assert_eq!(&text[head.method.clone()], "PUT");
    assert_eq!(&text[head.target.clone()], "/a?b=c");
    assert_eq!(&text[head.host.clone().unwrap()], "shop.example.com:80");
    assert_eq!((head.skip, head.len, head.fields), (0, text.len(), 6));
    assert_eq!((head.version, head.framing), (Version::Http11, Framing::Length(42)));
    assert!(head.underscores && head.expects_continue && !head.upgrade);
}

#[test]
fn the_smallest_heads_pass() {
    let head = accepted("GET / HTTP/1.0\r\n\r\n");
    assert_eq!((head.version, head.host, head.fields), (Version::Http10, None, 0));
    assert_eq!(head.framing, Framing::None);
    let head = accepted("get / HTTP/1.1\r\nhOST:a\r\n\r\n");
    assert_eq!((head.method, head.target, head.host), (0..3, 4..5, Some(21..22)));
}

#[test]
fn an_upgrade_is_asked_for_by_both_fields_and_in_http11() {
    for (version, lines, expected) in [
        ("1.1", "Connection: Upgrade\r\nUpgrade: websocket", true),
        ("1.1", "Upgrade: websocket\r\nConnection: keep-alive , upgrade", true),
        ("1.1", "Upgrade: websocket\r\nConnection: keep-alive\r\nConnection: upgrade", true),
        ("1.1", "Upgrade: websocket", false),
        ("1.1", "Connection: Upgrade", false),
        ("1.1", "Upgrade: websocket\r\nConnection: upgraded", false),
        ("1.0", "Upgrade: websocket\r\nConnection: upgrade", false),
    ] {
        let head = accepted(&format!("GET / HTTP/{version}\r\nHost: a\r\n{lines}\r\n\r\n"));
        assert_eq!(head.upgrade, expected, "{version} {lines}");
    }
}

#[test]
fn only_a_client_of_http11_awaits_a_100() {
    for (version, value, expected) in
        [("1.1", "100-continue", true), ("1.1", "100", false), ("1.0", "100-continue", false)]
    {
        let text = format!("PUT / HTTP/{version}\r\nHost: a\r\nExpect: {value}\r\n\r\n");
        assert_eq!(accepted(&text).expects_continue, expected, "{version} {value}");
    }
}

#[test]
fn the_body_is_framed_by_a_length_or_by_chunks() {
    for (lines, framing) in [
        ("X: y", Framing::None),
        ("Content-Length: 0", Framing::Length(0)),
        ("Content-Length: 18446744073709551615", Framing::Length(u64::MAX)),
        ("Content-Length:00000000000000000005", Framing::Length(5)),
        ("Transfer-Encoding: chunked", Framing::Chunked),
        ("transfer-encoding:\t CHUNKED \t", Framing::Chunked),
        ("Transfer_Encoding: chunked", Framing::None),
        ("Content_Length: 5", Framing::None),
    ] {
        assert_eq!(accepted(&with(lines)).framing, framing, "{lines}");
    }
}

#[test]
fn one_empty_line_before_is_dropped_and_a_second_is_not() {
    let head = accepted("\r\nGET /a HTTP/1.1\r\nHost: b\r\n\r\n");
    assert_eq!((head.skip, head.len, head.method), (2, 30, 2..5));
    assert_eq!((head.target, head.host), (6..8, Some(25..26)));
    for text in ["\r\n\r\nGET", "\n", "\r\rG", "\rG", "\r\n\n"] {
        assert_eq!(refused(text), (400, "malformed_request_line"), "{text:?}");
    }
}

#[test]
fn the_first_line_has_one_form() {
    for (line, code) in [
        ("GET / HTTP/1.1\n", "malformed_request_line"),
        ("GET / HTTP/1.1\r\r\n", "malformed_request_line"),
        ("GET / HTTP/1.1 \r\n", "malformed_request_line"),
        ("GET  / HTTP/1.1\r\n", "malformed_request_line"),
        ("GET /  HTTP/1.1\r\n", "malformed_request_line"),
        ("GET /a b HTTP/1.1\r\n", "malformed_request_line"),
        ("GET / HTTP/1.1 X\r\n", "malformed_request_line"),
        ("GET /\r\n", "malformed_request_line"),
        ("GET /\n", "malformed_request_line"),
        ("GET / \r\n", "malformed_request_line"),
        ("GET\r\n", "malformed_request_line"),
        ("GET /\rHTTP/1.1\r\n", "malformed_request_line"),
        ("GET / http/1.1\r\n", "malformed_request_line"),
        ("GET / HTTP/1,1\r\n", "malformed_request_line"),
        ("GET / HTTP/1.x\r\n", "malformed_request_line"),
        ("GET / HTTP/1.10\r\n", "malformed_request_line"),
        ("GET / HTTP/01.1\r\n", "malformed_request_line"),
        ("GET / HTTP/1\r\n", "malformed_request_line"),
        ("GET / HTTP/+1.1\r\n", "malformed_request_line"),
        ("GET / HTTPS/1.1\r\n", "malformed_request_line"),
        ("GET / ICY/1.1\r\n", "malformed_request_line"),
        ("GET\t/ HTTP/1.1\r\n", "invalid_method"),
        (" GET / HTTP/1.1\r\n", "invalid_method"),
        ("GET: / HTTP/1.1\r\n", "invalid_method"),
        ("G\0ET / HTTP/1.1\r\n", "invalid_method"),
        ("GËT / HTTP/1.1\r\n", "invalid_method"),
        ("\u{16}\u{3}\u{1}", "invalid_method"),
        ("GET /a\tHTTP/1.1\r\n", "invalid_target"),
        ("GET /a\0 HTTP/1.1\r\n", "invalid_target"),
        ("GET /a\u{7f} HTTP/1.1\r\n", "invalid_target"),
        ("GET /a\u{b} HTTP/1.1\r\n", "invalid_target"),
        ("GET /a#b HTTP/1.1\r\n", "invalid_target"),
        ("GET c HTTP/1.1\r\n", "invalid_target"),
        ("GET :80/c HTTP/1.1\r\n", "invalid_target"),
        ("GET @evil/c HTTP/1.1\r\n", "invalid_target"),
        ("GET * HTTP/1.1\r\n", "invalid_target"),
        ("GET a.example:80 HTTP/1.1\r\n", "invalid_target"),
        ("GET http://u@a/ HTTP/1.1\r\n", "invalid_target"),
        ("GET http:///a HTTP/1.1\r\n", "invalid_target"),
        ("PRI * HTTP/2.0\r\n", "invalid_target"),
    ] {
        assert_eq!(refused(line), (400, code), "{line:?}");
    }
}

#[test]
fn other_versions_and_tunnels_have_answers_of_their_own() {
    for version in ["0.9", "1.2", "2.0", "3.0", "9.9"] {
        let line = format!("GET / HTTP/{version}\r\n");
        assert_eq!(refused(line), (505, "version_not_supported"), "{version}");
    }
    assert_eq!(refused("CONNECT "), (405, "connect_not_allowed"));
    assert_eq!(refused("TRACE "), (405, "trace_not_allowed"));
}

#[test]
fn lines_are_fields_and_nothing_else() {
    for (lines, code) in [
        (" X: y", "folded_field"),
        ("X: y\r\n z", "folded_field"),
        ("X: y\r\n\tz", "folded_field"),
        ("X : y", "invalid_field_name"),
        ("X\t: y", "invalid_field_name"),
        (": y", "invalid_field_name"),
        ("X", "invalid_field_name"),
        ("X(): y", "invalid_field_name"),
        ("Ä: y", "invalid_field_name"),
        ("X\0: y", "invalid_field_name"),
        ("X\n: y", "invalid_field_name"),
        ("\nX: y", "invalid_field_name"),
        ("X: y\rz", "invalid_field_value"),
        ("X: y\r\rz", "invalid_field_value"),
        ("X: y\nz", "invalid_field_value"),
        ("X: y\0", "invalid_field_value"),
        ("X: \u{7f}", "invalid_field_value"),
        ("X: \u{b}", "invalid_field_value"),
        ("X: y\r\n\rz", "invalid_field_value"),
    ] {
        assert_eq!(refused(with(lines)), (400, code), "{lines:?}");
    }
    accepted(&with("X: grün, \"\\(ü)\" <b>\ty"));
    let latin1 = [&b"GET / HTTP/1.1\r\nHost: a\r\nX: \xfc\r\n\r\n"[..]].concat();
    assert!(matches!(read(latin1), Ok(Some(_))));
}

#[test]
fn a_request_is_for_exactly_one_host() {
    for (head, code) in [
        ("GET / HTTP/1.1\r\n", "missing_host"),
        ("GET / HTTP/1.1\r\nX-Host: a\r\n", "missing_host"),
        ("GET http://a/ HTTP/1.1\r\n", "missing_host"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n", "repeated_host"),
        ("GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n", "repeated_host"),
        ("GET / HTTP/1.1\r\nHost:\r\n", "invalid_host"),
        ("GET / HTTP/1.0\r\nHost: \r\n", "invalid_host"),
        ("GET / HTTP/1.1\r\nHost: a, b\r\n", "invalid_host"),
        ("GET / HTTP/1.1\r\nHost: a b\r\n", "invalid_host"),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n", "invalid_host"),
        ("GET / HTTP/1.1\r\nHost: u@a\r\n", "invalid_host"),
        ("GET / HTTP/1.1\r\nHost: a:\r\n", "invalid_host"),
        ("GET http://a/ HTTP/1.1\r\nHost: b\r\n", "host_disagrees"),
        ("GET http://a:80/ HTTP/1.1\r\nHost: a\r\n", "host_disagrees"),
        ("GET http://a/ HTTP/1.0\r\nHost: b\r\n", "host_disagrees"),
        // To the letter: so compares whoever reads it next.
        ("GET http://A.example/ HTTP/1.1\r\nHost: a.EXAMPLE\r\n", "host_disagrees"),
    ] {
        assert_eq!(refused(format!("{head}\r\n")), (400, code), "{head:?}");
    }
    for (text, expected) in [
        ("GET HTTP://a.EXAMPLE/ HTTP/1.1\r\nHost: a.EXAMPLE\r\n\r\n", "a.EXAMPLE"),
        ("GET http://a.example?q HTTP/1.0\r\n\r\n", "a.example"),
        ("OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "[::1]:80"),
    ] {
        assert_eq!(&text[accepted(text).host.unwrap()], expected);
    }
}

/// The classics of request smuggling. Each has been read in two ways by programs in use.
#[test]
fn what_frames_a_body_in_two_ways_is_refused() {
    for (lines, status, code) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked", 400, "ambiguous_framing"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5", 400, "ambiguous_framing"),
        ("Transfer-Encoding: chunked\r\ncontent-length: x", 400, "ambiguous_framing"),
        ("Content-Length: 5\r\nContent-length: 5", 400, "invalid_content_length"),
        ("Content-Length: 5\r\nContent-Length: 6", 400, "invalid_content_length"),
        ("Content-Length: 5, 5", 400, "invalid_content_length"),
        ("Content-Length: +5", 400, "invalid_content_length"),
        ("Content-Length: -5", 400, "invalid_content_length"),
        ("Content-Length: 0x10", 400, "invalid_content_length"),
        ("Content-Length: 5 5", 400, "invalid_content_length"),
        ("Content-Length: 5;", 400, "invalid_content_length"),
        ("Content-Length: \"5\"", 400, "invalid_content_length"),
        ("Content-Length: 5.0", 400, "invalid_content_length"),
        ("Content-Length: 1e2", 400, "invalid_content_length"),
        ("Content-Length: 1_000", 400, "invalid_content_length"),
        ("Content-Length:", 400, "invalid_content_length"),
        ("Content-Length: ٥", 400, "invalid_content_length"),
        ("Content-Length: 18446744073709551616", 400, "invalid_content_length"),
        ("Content-Length: 000000000000000000005", 400, "invalid_content_length"),
        ("Content-Length : 5", 400, "invalid_field_name"),
        ("Content-Length\u{b}: 5", 400, "invalid_field_name"),
        ("Content-Length: \u{c}5", 400, "invalid_field_value"),
        ("Transfer-Encoding : chunked", 400, "invalid_field_name"),
        ("Transfer-Encoding\t: chunked", 400, "invalid_field_name"),
        ("Transfer-Encoding\r\n : chunked", 400, "invalid_field_name"),
        ("Transfer-Encoding:\u{b}chunked", 400, "invalid_field_value"),
        ("Transfer-Encoding: chunked\u{0}", 400, "invalid_field_value"),
        ("Transfer-Encoding: chu\rnked", 400, "invalid_field_value"),
        ("X: y\nTransfer-Encoding: chunked", 400, "invalid_field_value"),
        ("X: y\rTransfer-Encoding: chunked", 400, "invalid_field_value"),
        (" Transfer-Encoding: chunked", 400, "folded_field"),
        ("Transfer-Encoding:\r\n chunked", 400, "invalid_transfer_encoding"),
        ("X:\r\n Transfer-Encoding: chunked", 400, "folded_field"),
        ("Transfer-Encoding:", 400, "invalid_transfer_encoding"),
        ("Transfer-Encoding: \"chunked\"", 400, "invalid_transfer_encoding"),
        ("Transfer-Encoding: ,chunked", 400, "invalid_transfer_encoding"),
        ("Transfer-Encoding: chunked,", 400, "invalid_transfer_encoding"),
        ("Transfer-Encoding: chunked;q=1", 400, "invalid_transfer_encoding"),
        ("Transfer-Encoding: chunked identity", 400, "invalid_transfer_encoding"),
        ("Transfer-Encoding: [chunked]", 400, "invalid_transfer_encoding"),
        ("Transfer-Encoding: chun\u{212a}ed", 400, "invalid_transfer_encoding"),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            400,
            "invalid_transfer_encoding",
        ),
        ("Transfer-Encoding: chunked\r\nTransfer-encoding: x", 400, "invalid_transfer_encoding"),
        ("Transfer-Encoding: identity", 501, "unknown_transfer_coding"),
        ("Transfer-Encoding: xchunked", 501, "unknown_transfer_coding"),
        ("Transfer-Encoding: gzip, chunked", 501, "unknown_transfer_coding"),
        ("Transfer-Encoding: chunked, identity", 501, "unknown_transfer_coding"),
        ("Transfer-Encoding: chunked, chunked", 501, "unknown_transfer_coding"),
        (
            "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
            501,
            "unknown_transfer_coding",
        ),
    ] {
        assert_eq!(refused(with(lines)), (status, code), "{lines:?}");
    }
    let text = "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(refused(text), (400, "invalid_transfer_encoding"));
}

#[test]
fn a_head_may_be_as_large_as_the_limits_and_no_larger() {
    let line = "GET /1234567 HTTP/1.1\r\n";
    let text = format!("{line}Host: a\r\nX: y\r\nY: z\r\n\r\n");
    let exact = HeadLimits { size: text.len(), fields: 3, target: 8 };
    let read = |limits| HeadReader::new(limits).read(text.as_bytes());
    assert!(matches!(read(exact), Ok(Some(_))));
    for (limits, status, code) in [
        (HeadLimits { size: text.len() - 1, ..exact }, 431, "header_too_large"),
        (HeadLimits { size: 0, ..exact }, 431, "header_too_large"),
        (HeadLimits { fields: 2, ..exact }, 431, "too_many_fields"),
        (HeadLimits { fields: 0, ..exact }, 431, "too_many_fields"),
        (HeadLimits { target: 7, ..exact }, 414, "target_too_long"),
        (HeadLimits { target: 0, ..exact }, 414, "target_too_long"),
    ] {
        let refusal = read(limits).unwrap_err();
        assert_eq!((refusal.status, refusal.code), (status, code), "{limits:?}");
    }
    let mut reader = HeadReader::new(HeadLimits { size: 40, ..exact });
    assert_eq!(reader.read(&text.as_bytes()[..40]), Ok(None));
    assert_eq!(reader.read(&text.as_bytes()[..41]), Err(TOO_LARGE));
}

#[test]
fn what_is_certain_is_refused_at_once() {
    let limits = HeadLimits { size: 100, fields: 1, target: 10 };
    for (text, code) in [
        ("G(", "invalid_method"),
        ("CONNECT ", "connect_not_allowed"),
        ("GET /1234567890", "target_too_long"),
        ("GET c ", "invalid_target"),
        ("GET / HTTP/2.0\r\n", "version_not_supported"),
        ("GET / X", "malformed_request_line"),
        ("GET / HTTP/1.1\n", "malformed_request_line"),
        ("GET / HTTP/1.1\r\n ", "folded_field"),
        ("GET / HTTP/1.1\r\nA: b\r\nC", "too_many_fields"),
        ("GET / HTTP/1.1\r\nHost: a,b\r\n", "invalid_host"),
        ("GET / HTTP/1.1\r\nA: b\n", "invalid_field_value"),
    ] {
        let refusal = HeadReader::new(limits).read(text.as_bytes()).unwrap_err();
        assert_eq!(refusal.code, code, "{text:?}");
        let shorter = &text.as_bytes()[..text.len() - 1];
        assert_eq!(HeadReader::new(limits).read(shorter), Ok(None), "{text:?} without its end");
    }
}

#[test]
fn a_buffer_that_shrinks_or_a_head_that_is_read_again_does_no_harm() {
    let text = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut reader = HeadReader::new(LIMITS);
    assert_eq!(reader.read(&text[..20]), Ok(None));
    assert_eq!(reader.read(&text[..5]), Ok(None));
    let head = reader.read(text);
    assert!(matches!(head, Ok(Some(_))));
    assert_eq!(reader.read(text), head);
}

#[test]
fn refusals_can_be_told_in_a_header() {
    let texts = ["(", "CONNECT ", "TRACE ", "GET /#", "GET c ", "GET\r", "GET / HTTP/9.9\r\n"];
    let lines = [" a", ":", "a: \0", "Host: b", "Content-Length: a", "Transfer-Encoding: a"];
    let texts = texts.map(str::to_owned).into_iter().chain(lines.map(with));
    for text in texts {
        let refusal = read(&text).unwrap_err();
        let plain = |c: char| (c == ' ' || c.is_ascii_graphic()) && c != '"' && c != '\\';
        assert!(refusal.details.chars().all(plain), "{refusal:?}");
        assert!(refusal.code.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{refusal:?}");
    }
}

/// Heads that are right, and slips in them.
fn heads() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => Just("\r\n".to_owned()),
        4 => Just("Host: a.example".to_owned()),
        2 => Just("Content-Length: 5".to_owned()),
        2 => Just("Transfer-Encoding: chunked".to_owned()),
        2 => Just("Connection: upgrade\r\nUpgrade: x_y".to_owned()),
        1 => Just("Expect: 100-continue".to_owned()),
        6 => "[A-Za-z-]{1,12}: [ -~ü\t]{0,30}",
        1 => "[ -~\r\n\t\0]{0,4}",
    ];
    let line = prop_oneof![
        6 => Just("GET /a HTTP/1.1\r\nHost: a.example\r\n".to_owned()),
        2 => Just("GET http://a.example/ HTTP/1.0\r\n".to_owned()),
        1 => Just("\r\nOPTIONS * HTTP/1.1\r\nHost: b".to_owned()),
        2 => "[A-Z]{1,5} /[!-~ü]{0,20} HTTP/[0-2].[0-2]\r\n",
    ];
    let head = (line, prop::collection::vec(piece, 0..10));
    (head, any::<bool>(), any::<(prop::sample::Index, u8)>()).prop_map(
        |((line, pieces), slip, (at, byte))| {
            let mut text = line.into_bytes();
            for piece in pieces {
                text.extend_from_slice(piece.as_bytes());
                if piece != "\r\n" {
                    text.extend_from_slice(b"\r\n");
                }
            }
            text.extend_from_slice(b"\r\n");
            if slip {
                let at = at.index(text.len());
                text[at] = byte;
            }
            text
        },
    )
}

/// What is accepted here, a common lenient parser reads in the same way.
fn agrees(text: &[u8], head: &Head) -> Result<(), TestCaseError> {
    let Ok(target) = std::str::from_utf8(&text[head.target.clone()]) else { return Ok(()) };
    let mut fields = [httparse::EMPTY_HEADER; 128];
    let mut request = httparse::Request::new(&mut fields);
    let end = request.parse(text).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(end, httparse::Status::Complete(head.len));
    prop_assert_eq!(request.method.map(str::as_bytes), Some(&text[head.method.clone()]));
    prop_assert_eq!(request.path, Some(target));
    prop_assert_eq!(request.version, Some(u8::from(head.version == Version::Http11)));
    prop_assert_eq!(request.headers.len(), head.fields);
    let values = |name: &str| -> Vec<&[u8]> {
        let named = request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        named.map(|field| field.value).collect()
    };
    if let [host] = values("host")[..] {
        prop_assert_eq!(head.host.clone().map(|at| &text[at]), Some(host));
    }
    let framing = match (&values("content-length")[..], &values("transfer-encoding")[..]) {
        ([], []) => Framing::None,
        ([length], []) => {
            let length = std::str::from_utf8(length).ok().and_then(|text| text.parse().ok());
            Framing::Length(length.ok_or_else(|| TestCaseError::fail("no number"))?)
        }
        ([], [coding]) if coding.eq_ignore_ascii_case(b"chunked") => Framing::Chunked,
        other => return Err(TestCaseError::fail(format!("{other:?}"))),
    };
    prop_assert_eq!(head.framing, framing);
    Ok(())
}

proptest! {
    #[test]
    fn how_the_bytes_are_cut_changes_nothing(
        text in heads(),
        mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        size in prop_oneof![Just(LIMITS.size), 0_usize..200],
        fields in 0_usize..12,
        target in prop_oneof![Just(LIMITS.target), 0_usize..20],
    ) {
        let limits = HeadLimits { size, fields, target };
        let whole = in_pieces(&text, limits, std::iter::empty());
        prop_assert_eq!(&in_pieces(&text, limits, 0..text.len()), &whole);
        cuts.sort_by_key(|cut| cut.index(text.len()));
        let cuts = cuts.iter().map(|cut| cut.index(text.len()));
        prop_assert_eq!(&in_pieces(&text, limits, cuts), &whole);
    }

    #[test]
    fn what_is_accepted_others_read_alike(text in heads()) {
        if let Ok(Some(head)) = read(&text) {
            agrees(&text, &head)?;
        }
    }

    #[test]
    fn anything_may_come(text in any::<Vec<u8>>()) {
        let whole = in_pieces(&text, LIMITS, std::iter::empty());
        prop_assert_eq!(in_pieces(&text, LIMITS, 0..text.len()), whole);
    }
}

/// `cargo test --release -p switchback-wire -- --ignored --nocapture cost`
#[test]
#[ignore = "measures"]
fn cost() {
    let browser = "GET /shop/articles/4711?color=red HTTP/1.1\r\nHost: shop.example.com\r\n\
        User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
        Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n\
        Accept-Encoding: gzip, deflate, br\r\nConnection: keep-alive\r\nCookie: id=0123456789\r\n\r\n";
    let small = "GET / HTTP/1.1\r\nHost: a.example\r\nUser-Agent: curl/8\r\nAccept: */*\r\n\r\n";
    for text in [browser, small] {
        let rounds = 1_000_000_u32;
        let best = (0..5).map(|_| {
            let began = std::time::Instant::now();
            for _ in 0..rounds {
                let read = HeadReader::new(LIMITS).read(std::hint::black_box(text.as_bytes()));
                assert!(std::hint::black_box(read).is_ok_and(|head| head.is_some()));
            }
            began.elapsed() / rounds
        });
        println!("{} bytes: {:?}", text.len(), best.min());
    }
    let text = with(&format!("X: {}", "y".repeat(32_000)));
    let began = std::time::Instant::now();
    let mut reader = HeadReader::new(LIMITS);
    for end in 0..text.len() {
        assert_eq!(reader.read(&text.as_bytes()[..end]), Ok(None));
    }
    println!("{} bytes, one by one: {:?}", text.len(), began.elapsed());
}
