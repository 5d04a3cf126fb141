//! What a client would have its connection encrypted with, read before rustls reads it: which configuration
//! rustls is given is settled by then.
//!
//! Only what has come is looked at, and nothing is waited for. A ClientHello that comes in pieces smaller than
//! that, or is none, says nothing here; what is wrong with it rustls will say.

/// ChaCha20-Poly1305: with TLS 1.3, and with TLS 1.2 by ECDSA and RSA.
const CHACHA20: &[u16] = &[0x1303, 0xcca9, 0xcca8];

/// Whether a client would rather have ChaCha20 than all else.
pub(super) fn prefers_chacha(received: &[u8]) -> bool {
    first_suite(received).is_some_and(|suite| CHACHA20.contains(&suite))
}

/// The first cipher suite of a ClientHello (RFC 8446, section 4.1.2) in one record, but for those that mean nothing
/// (GREASE, RFC 8701).
fn first_suite(received: &[u8]) -> Option<u16> {
    const HANDSHAKE: u8 = 22;
    const CLIENT_HELLO: u8 = 1;
    // A type, a version and a length of the record; a type and a length of the message; a version; a
    // random number.
    let (start, rest) = received.split_at_checked(5 + 4 + 2 + 32)?;
    if start[0] != HANDSHAKE || start[5] != CLIENT_HELLO {
        return None;
    }
    let (&session, rest) = rest.split_first()?;
    let (length, rest) = rest.get(usize::from(session)..)?.split_first_chunk()?;
    let offered = &rest[..rest.len().min(u16::from_be_bytes(*length).into())];
    let mut suites = offered.chunks_exact(2).map(|suite| u16::from_be_bytes([suite[0], suite[1]]));
    suites.find(|suite| suite & 0x0f0f != 0x0a0a)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ClientHello with these suites, to the end of them.
    fn hello(session: &[u8], suites: &[u16]) -> Vec<u8> {
        let mut hello = vec![22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
        hello.extend([7; 32]);
        hello.push(session.len() as u8);
        hello.extend(session);
        hello.extend((suites.len() as u16 * 2).to_be_bytes());
        hello.extend(suites.iter().flat_map(|suite| suite.to_be_bytes()));
        hello
    }

    #[test]
    fn the_first_suite_that_means_something_says_it() {
        for (suites, prefers) in [
            (&[0x1303, 0x1301, 0x1302][..], true),
            (&[0x1301, 0x1303, 0x1302], false),
            (&[0x1302, 0x1303, 0x1301, 0xcca9], false),
            (&[0x3a3a, 0x1303, 0x1301], true),
            (&[0x3a3a, 0x1301, 0x1303], false),
            (&[0xcca9, 0xcca8, 0xc02b], true),
            (&[0xcca8, 0xc02f], true),
            (&[0xc02f, 0xcca8], false),
            (&[0x0a0a], false),
            (&[], false),
        ] {
            for session in [&[][..], &[9; 32]] {
                let mut hello = hello(session, suites);
                assert_eq!(prefers_chacha(&hello), prefers, "{suites:x?}");
                // What follows does not matter.
                hello.extend([0x13, 0x03, 0x13, 0x03]);
                assert_eq!(prefers_chacha(&hello), prefers, "{suites:x?}");
            }
        }
    }

    #[test]
    fn a_piece_of_it_and_what_is_none_say_nothing() {
        let whole = hello(&[9; 32], &[0x1303]);
        for length in 0..whole.len() {
            assert!(!prefers_chacha(&whole[..length]), "{length} bytes");
        }
        for (position, other) in [(0, 23), (5, 2)] {
            let mut changed = whole.clone();
            changed[position] = other;
            assert!(!prefers_chacha(&changed));
        }
        let mut changed = whole;
        changed[43] = 255;
        assert!(!prefers_chacha(&changed), "a session that is longer than what follows");
    }
}
