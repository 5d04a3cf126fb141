//! The data of a body, out of the chunks that it came in.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

/// Where the data of a body stands in what was read. Mostly it is one place.
pub(super) enum Places {
    None,
    One(Range<usize>),
    Many(Vec<Range<usize>>),
}

impl Places {
    pub(super) fn add(&mut self, place: Range<usize>) {
        if place.is_empty() {
            return;
        }
        *self = match std::mem::replace(self, Self::None) {
            Self::None => Self::One(place),
            Self::One(first) => Self::Many(vec![first, place]),
            Self::Many(mut places) => {
                places.push(place);
                Self::Many(places)
            }
        };
    }

    /// The data; `None`: there is none.
    pub(super) fn of(self, bytes: &Bytes) -> Option<Bytes> {
        match self {
            Self::None => None,
            Self::One(place) => Some(bytes.slice(place)),
            Self::Many(places) => {
                let mut data =
                    BytesMut::with_capacity(places.iter().map(ExactSizeIterator::len).sum());
                for place in places {
                    data.extend_from_slice(&bytes[place]);
                }
                Some(data.freeze())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_place_is_not_copied_and_several_become_one() {
        let bytes = Bytes::from_static(b"3\r\nabc\r\n2\r\nde\r\n");
        let data = |places: &[Range<usize>]| {
            let mut found = Places::None;
            places.iter().for_each(|place| found.add(place.clone()));
            found.of(&bytes)
        };
        assert_eq!(data(&[]), None);
        assert_eq!(data(&[3..3, 6..6]), None);
        let one = data(&[3..6, 6..6]).unwrap();
        assert_eq!((&*one, one.as_ptr()), (&b"abc"[..], bytes[3..].as_ptr()));
        assert_eq!(data(&[3..6, 11..13]).unwrap(), "abcde");
        assert_eq!(data(&[3..6, 11..13, 11..12]).unwrap(), "abcded");
    }
}
