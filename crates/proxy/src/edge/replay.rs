//! What has come of a request's body, for another attempt.
//!
//! Pingora's own buffer copies all of it. Here a body comes in pieces that are counted references, so
//! that large ones are kept as they are. Small ones are copied together: each might keep the whole of what was
//! read with it, and a body of single bytes a thousand times its size.

use bytes::{Bytes, BytesMut};

/// The most that is kept: as much as Pingora keeps.
const MOST: usize = 64 * 1024;

/// From here on a piece is kept as it is: half a frame. What it was read with is hardly larger than a frame.
const LARGE: usize = 8 * 1024;

/// The beginning of a body, unless it has become too long.
#[derive(Debug, Default)]
pub(super) struct Replay {
    pieces: Vec<Bytes>,
    /// What follows the pieces.
    small: BytesMut,
    length: usize,
}

impl Replay {
    /// Adds what has come.
    pub(super) fn keep(&mut self, data: &Bytes) {
        if self.is_truncated() {
            return;
        }
        self.length += data.len();
        if self.is_truncated() {
            (self.pieces, self.small) = (Vec::new(), BytesMut::new());
        } else if data.len() < LARGE {
            self.small.extend_from_slice(data);
        } else {
            if !self.small.is_empty() {
                self.pieces.push(self.small.split().freeze());
            }
            self.pieces.push(data.clone());
        }
    }

    /// Whether it has become too long, and nothing of it is kept.
    pub(super) fn is_truncated(&self) -> bool {
        self.length > MOST
    }

    /// What has come, in one piece; `None`: nothing, or too much.
    pub(super) fn all(&self) -> Option<Bytes> {
        match (self.pieces.as_slice(), self.small.is_empty()) {
            ([], true) => None,
            ([piece], true) => Some(piece.clone()),
            (pieces, _) => {
                let mut all = BytesMut::with_capacity(self.length);
                pieces.iter().for_each(|piece| all.extend_from_slice(piece));
                all.extend_from_slice(&self.small);
                Some(all.freeze())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(length: usize, byte: u8) -> Bytes {
        vec![byte; length].into()
    }

    #[test]
    fn pieces_come_back_in_their_order() {
        let mut replay = Replay::default();
        assert_eq!(replay.all(), None);
        let mut expected = Vec::new();
        for (byte, length) in (0..).zip([LARGE, 1, 2, LARGE + 1, LARGE, 3, LARGE - 1, LARGE]) {
            let piece = bytes(length, byte);
            replay.keep(&piece);
            expected.extend_from_slice(&piece);
            assert_eq!(replay.all().as_deref(), Some(expected.as_slice()), "after {length}");
        }
    }

    #[test]
    fn a_single_large_piece_is_not_copied() {
        let mut replay = Replay::default();
        let piece = bytes(LARGE, 1);
        replay.keep(&piece);
        assert_eq!(replay.all().unwrap().as_ptr(), piece.as_ptr());
    }

    #[test]
    fn a_body_that_is_too_long_is_not_kept_at_all() {
        let mut replay = Replay::default();
        replay.keep(&bytes(MOST - 1, 1));
        replay.keep(&bytes(1, 2));
        assert_eq!(replay.all().map(|all| all.len()), Some(MOST));
        replay.keep(&bytes(1, 3));
        assert!(replay.is_truncated());
        assert_eq!(replay.all(), None);
        replay.keep(&bytes(1, 4));
        assert_eq!(replay.all(), None);
    }
}
