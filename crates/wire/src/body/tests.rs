use proptest::prelude::*;

use super::*;

/// What is left, what has been received and whether it is done; or the code of the refusal.
fn read(bytes: &[u8], cut: usize) -> Result<(usize, u64, bool), &'static str> {
    let mut body = Body::new(Framing::Chunked);
    let mut taken = 0;
    for piece in bytes.chunks(cut.max(1)) {
        let more = body.read(piece).map_err(|refusal| refusal.code)?;
        taken += more;
        assert!(more == piece.len() || body.is_done());
        if more < piece.len() {
            break;
        }
    }
    Ok((bytes.len() - taken, body.received(), body.is_done()))
}

/// Whatever the cut, the same.
fn chunked(text: impl AsRef<[u8]>) -> Result<(usize, u64, bool), &'static str> {
    let bytes = text.as_ref();
    let whole = read(bytes, bytes.len());
    for cut in 1..bytes.len().min(20) {
        assert_eq!(read(bytes, cut), whole, "in pieces of {cut}: {:?}", bytes.escape_ascii());
    }
    whole
}

#[test]
fn without_a_body_no_byte_belongs_to_it() {
    for framing in [Framing::None, Framing::Length(0)] {
        let mut body = Body::new(framing);
        assert!(body.is_done());
        assert_eq!(body.read(b"GET"), Ok(0));
    }
}

#[test]
fn a_body_with_a_length_ends_there() {
    let mut body = Body::new(Framing::Length(5));
    assert_eq!(body.read(b"ab"), Ok(2));
    assert_eq!(body.read(b""), Ok(0));
    assert!(!body.is_done());
    assert_eq!(body.read(b"cdeGET"), Ok(3));
    assert!(body.is_done());
    assert_eq!((body.received(), body.read(b"GET")), (5, Ok(0)));
    let mut body = Body::new(Framing::Length(u64::MAX));
    assert_eq!(body.read(&[0; 1000]), Ok(1000));
    assert!(!body.is_done());
}

#[test]
fn chunks_end_with_the_last_one_and_its_trailers() {
    for (text, left, received) in [
        ("0\r\n\r\n", 0, 0),
        ("0000000000000000\r\n\r\nGET", 3, 0),
        ("5\r\nabcde\r\n0\r\n\r\n", 0, 5),
        ("5\r\n\r\n0\r\n\r\n0\r\n\r\nG", 1, 5),
        ("a\r\n0123456789\r\n1\r\n!\r\n00\r\n\r\n", 0, 11),
        ("A\r\n0123456789\r\n0\r\n\r\n", 0, 10),
        ("1;a=b;c=\"d;\te\";ü\r\nx\r\n0 \t ; last\r\n\r\n", 0, 1),
        ("0\r\nX: y\r\nChecksum:\tabc\r\nEmpty:\r\n\r\nGET", 3, 0),
        ("0\r\nHosts: a\r\nA-very-long-name-of-a-field: b\r\nContent-Lengt: 5\r\n\r\n", 0, 0),
    ] {
        assert_eq!(chunked(text), Ok((left, received, true)), "{text:?}");
    }
}

#[test]
fn what_has_not_ended_is_not_done() {
    for (text, received) in [
        ("", 0),
        ("0\r\n", 0),
        ("0\r\n\r", 0),
        ("0\r\nX: y\r\n", 0),
        ("5\r\nabc", 3),
        ("5\r\nabcde", 5),
        ("5\r\nabcde\r\n", 5),
        ("ffffffffffffffff\r\nabc", 3),
    ] {
        assert_eq!(chunked(text), Ok((0, received, false)), "{text:?}");
    }
}

#[test]
fn the_chunked_coding_has_one_form() {
    for text in [
        "\r\n",
        ";x\r\n",
        " 5\r\n",
        "\n5\r\n",
        "x\r\n",
        "0x5\r\n",
        "+5\r\n",
        "-1\r\n",
        "5_0\r\n",
        "5\n",
        "5\r\r\n",
        "5\rX",
        "5 \r\n",
        "5\t\r\n",
        "5 5\r\n",
        "5,\r\n",
        "g\r\n",
        "10000000000000000\r\n",
        "00000000000000000\r\n",
        "5;a\n",
        "5;a\rb\r\n",
        "5;\0\r\n",
        "5;\u{7f}\r\n",
        "5;a\u{b}\r\n",
        "5\r\nabcdef",
        "5\r\nabcde\n",
        "5\r\nabcde\r\r\n",
        "5\r\nabcde0\r\n\r\n",
        "0\n\n",
    ] {
        assert_eq!(chunked(text), Err("invalid_chunk"), "{text:?}");
    }
}

#[test]
fn trailers_are_fields_that_do_not_frame_the_message() {
    for lines in [
        "\n",
        "\rX",
        "X\r\n",
        "X : y\r\n",
        ": y\r\n",
        " X: y\r\n",
        "X: y\r\n z\r\n",
        "X: y\n",
        "X: y\rz",
        "X: \0",
        "X: \u{7f}",
        "X(: y",
        "Ä: y",
        "Host: a\r\n",
        "hOST:",
        "Content-Length: 5\r\n",
        "X: y\r\ncontent-length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "GET / HTTP/1.1\r\n",
    ] {
        assert_eq!(chunked(format!("0\r\n{lines}")), Err("invalid_trailer"), "{lines:?}");
    }
}

#[test]
fn what_is_no_data_is_bounded() {
    let line = |extra: usize| format!("1;{}\r\nx\r\n", "e".repeat(extra));
    assert_eq!(chunked(line(254)), Ok((0, 1, false)));
    assert_eq!(chunked(line(255)), Err("chunk_extensions"));
    assert_eq!(chunked(format!("1{}\r\n", " ".repeat(255))), Err("invalid_chunk"));
    assert_eq!(chunked(format!("1{}", " ".repeat(256))), Err("chunk_extensions"));

    // 128 bytes of each line are extensions.
    let many = |lines: usize| line(127).repeat(lines);
    assert_eq!(chunked(many(128)), Ok((0, 128, false)));
    assert_eq!(chunked(many(128) + "1\r\nx\r\n0\r\n\r\n"), Ok((0, 129, true)));
    assert_eq!(chunked(many(128) + "0;\r\n"), Err("chunk_extensions"));

    let fields = |count: usize| format!("0\r\n{}\r\n", "X: y\r\n".repeat(count));
    assert_eq!(chunked(fields(32)), Ok((0, 0, true)));
    assert_eq!(chunked(fields(33)), Err("invalid_trailer"));
    let value = |size: usize| format!("0\r\nX:{}\r\n\r\n", "y".repeat(size - 6));
    assert_eq!(chunked(value(8 * 1024)), Ok((0, 0, true)));
    assert_eq!(chunked(value(8 * 1024 + 1)), Err("invalid_trailer"));
}

#[test]
fn what_is_refused_stays_refused() {
    let mut body = Body::new(Framing::Chunked);
    let refusal = body.read(b"1\r\nab").unwrap_err();
    assert_eq!(body.read(b"\r\n0\r\n\r\n"), Err(refusal));
    assert_eq!(body.read(b""), Err(refusal));
    assert!(!body.is_done());
}

proptest! {
    #[test]
    fn what_is_coded_is_read_back(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..8),
        next in any::<Vec<u8>>(),
        cut in 1_usize..100,
    ) {
        let mut text = Vec::new();
        for chunk in &chunks {
            text.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            text.extend_from_slice(chunk);
            text.extend_from_slice(b"\r\n");
        }
        text.extend_from_slice(b"0\r\n\r\n");
        text.extend_from_slice(&next);
        let received = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        prop_assert_eq!(read(&text, cut).map(|(_, received, done)| (received, done)), Ok((received, true)));
        prop_assert_eq!(read(&text, text.len()), Ok((next.len(), received, true)));
    }

    #[test]
    fn anything_may_come(text in "[0-3a;=:X \t\r\n\0]{0,60}", cut in 1_usize..60) {
        let whole = read(text.as_bytes(), text.len());
        let done = |read: Result<(usize, u64, bool), &'static str>| {
            read.map(|(_, received, done)| (received, done))
        };
        prop_assert_eq!(done(read(text.as_bytes(), cut)), done(whole));
    }
}

#[test]
fn what_is_due_is_known_of_lengths_and_of_chunks_that_have_begun() {
    let mut body = Body::new(Framing::Length(10));
    body.read(b"abc").unwrap();
    assert_eq!(body.due(), Due::Exactly(7));
    let mut body = Body::new(Framing::Chunked);
    assert_eq!(body.due(), Due::AtLeast(0));
    body.read(b"a\r\nabc").unwrap();
    assert_eq!(body.due(), Due::AtLeast(7));
}

#[test]
fn the_places_of_data_are_named_without_their_coding() {
    let bytes = b"3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: x\r\n\r\nGET";
    for cut in 0..bytes.len() {
        let (mut body, mut data) = (Body::new(Framing::Chunked), Vec::new());
        let (first, second) = bytes.split_at(cut);
        let mut taken = 0;
        for piece in [first, second] {
            taken += body.read_data(piece, |at| data.extend_from_slice(&piece[at])).unwrap();
        }
        assert_eq!(
            (data.as_slice(), taken, body.is_done()),
            (&b"abcde"[..], bytes.len() - 3, true),
            "{cut}"
        );
    }
}
