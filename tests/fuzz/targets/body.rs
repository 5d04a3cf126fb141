//! Any bytes as a body. The first says how the rest is cut, the second how it is framed.
//!
//! However it is cut, the answer is the same, and never more is taken than there is.

#![no_main]

use libfuzzer_sys::fuzz_target;
use switchback_wire::{Body, Framing, Refusal};

fuzz_target!(|bytes: &[u8]| {
    let [step, framing, text @ ..] = bytes else { return };
    let framing = match framing {
        0 => Framing::None,
        1..16 => Framing::Length(u64::from(*framing)),
        _ => Framing::Chunked,
    };
    let whole = read(framing, text, text.len().max(1));
    assert_eq!(read(framing, text, 1), whole, "byte by byte");
    assert_eq!(read(framing, text, usize::from(*step).max(1)), whole, "in pieces of {step}");
});

/// How many bytes belong to the message, how many of these are data, and whether it has ended.
fn read(framing: Framing, text: &[u8], step: usize) -> Result<(usize, u64, bool), Refusal> {
    let mut body = Body::new(framing);
    let mut taken = 0;
    for piece in text.chunks(step) {
        let more = body.read(piece)?;
        assert!(more <= piece.len());
        assert!(more == piece.len() || body.is_done(), "{more} of {}", piece.len());
        taken += more;
    }
    assert!(body.received() <= taken as u64);
    match framing {
        Framing::None => assert!(body.is_done() && taken == 0),
        Framing::Length(length) => {
            assert_eq!(taken as u64, length.min(text.len() as u64));
            assert_eq!(body.received(), taken as u64);
        }
        Framing::Chunked if body.is_done() => {
            assert!(text[..taken].ends_with(b"\r\n"));
        }
        Framing::Chunked => assert_eq!(taken, text.len()),
    }
    Ok((taken, body.received(), body.is_done()))
}
