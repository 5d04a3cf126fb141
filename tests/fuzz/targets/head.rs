//! Any bytes as a head of HTTP/1. The first two say which limits hold and how the rest is cut.
//!
//! However it is cut, the answer is the same; and what is accepted a lenient parser reads alike.

#![no_main]

use libfuzzer_sys::fuzz_target;
use switchback_wire::{Framing, Head, HeadLimits, HeadReader, Refusal, Version};

const LIMITS: [HeadLimits; 4] = [
    HeadLimits { size: 32 * 1024, fields: 100, target: 8 * 1024 },
    HeadLimits { size: 100, fields: 100, target: 8 * 1024 },
    HeadLimits { size: 32 * 1024, fields: 3, target: 8 * 1024 },
    HeadLimits { size: 32 * 1024, fields: 100, target: 9 },
];

fuzz_target!(|bytes: &[u8]| {
    let [limits, step, text @ ..] = bytes else { return };
    let limits = LIMITS[usize::from(*limits) % LIMITS.len()];
    let whole = read(limits, text, text.len().max(1));
    assert_eq!(read(limits, text, 1), whole, "byte by byte");
    assert_eq!(read(limits, text, usize::from(*step).max(1)), whole, "in pieces of {step}");
    if let Ok(Some(head)) = whole {
        assert!(head.len <= limits.size && head.fields <= limits.fields);
        assert!(head.target.len() <= limits.target);
        agrees(text, &head);
    }
});

fn read(limits: HeadLimits, text: &[u8], step: usize) -> Result<Option<Head>, Refusal> {
    let mut reader = HeadReader::new(limits);
    for end in (0..text.len()).step_by(step).chain([text.len()]) {
        if let Some(head) = reader.read(&text[..end])? {
            return Ok(Some(head));
        }
    }
    Ok(None)
}

fn agrees(text: &[u8], head: &Head) {
    // httparse takes nothing else.
    let Ok(target) = std::str::from_utf8(&text[head.target.clone()]) else { return };
    let mut fields = [httparse::EMPTY_HEADER; 100];
    let mut request = httparse::Request::new(&mut fields);
    assert_eq!(request.parse(text), Ok(httparse::Status::Complete(head.len)));
    assert_eq!(request.method.map(str::as_bytes), Some(&text[head.method.clone()]));
    assert_eq!(request.path, Some(target));
    assert_eq!(request.version, Some(u8::from(head.version == Version::Http11)));
    assert_eq!(request.headers.len(), head.fields);
    let values = |name: &str| -> Vec<&[u8]> {
        let named = request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        named.map(|field| field.value).collect()
    };
    match values("host")[..] {
        [host] => assert_eq!(head.host.clone().map(|at| &text[at]), Some(host)),
        [] => assert!(head.version == Version::Http10),
        _ => panic!("repeated Host"),
    }
    match (&values("content-length")[..], &values("transfer-encoding")[..], head.framing) {
        ([], [], Framing::None) => {}
        ([length], [], Framing::Length(read)) => {
            assert_eq!(String::from_utf8_lossy(length).parse(), Ok(read));
        }
        ([], [coding], Framing::Chunked) => assert!(coding.eq_ignore_ascii_case(b"chunked")),
        other => panic!("{other:?}"),
    }
    let underscores = request.headers.iter().any(|field| field.name.contains('_'));
    assert_eq!(underscores, head.underscores);
}
