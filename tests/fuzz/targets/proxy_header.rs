//! Any bytes as the beginning of a connection that must begin with a PROXY header.
//!
//! What is read does not depend on how it arrives, ends within the bytes and the limit, and is the same
//! when it is written again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use switchback_wire::proxy_protocol::{LONGEST, read, v1, v2};

fuzz_target!(|bytes: &[u8]| {
    let mut said = Ok(None);
    for end in 0..=bytes.len().min(LONGEST + 1) {
        let now = read(&bytes[..end]);
        assert!(said == Ok(None) || now == said, "{end}: {said:?}, then {now:?}");
        if let Ok(Some(header)) = now {
            assert!(header.len <= end.min(LONGEST));
        }
        assert!(now != Ok(None) || end < LONGEST, "never enough");
        said = now;
    }
    let Ok(Some(header)) = said else { return };
    for again in [v1(header.addresses), v2(header.addresses)] {
        let Ok(Some(read)) = read(&again) else { panic!("{again:?} is refused") };
        assert_eq!((read.len, read.addresses), (again.len(), header.addresses));
    }
});
