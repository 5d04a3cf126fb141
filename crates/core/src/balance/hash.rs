//! What hash keys are hashed with.

use twox_hash::XxHash3_64;

/// XXH3 with 64 bits and no seed: the same in every process, on every machine and in every version,
/// so that two gateways and one restarted agree where a key belongs. (`std`'s hasher, `ahash` and
/// `foldhash` promise the opposite.) It is no defence against a client that makes up keys which
/// fall together; bounded load is.
pub fn hash(key: &[u8]) -> u64 {
    XxHash3_64::oneshot(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_published_xxh3() {
        // The test vectors of the reference implementation (xxHash, `XXH3_64bits`).
        assert_eq!(hash(b""), 0x2D06_8005_38D3_94C2);
        assert_eq!(hash(b"foo"), 0xAB6E_5F64_077E_7D8A);
        // What is longer than 240 bytes takes another path; this value is our own, and must stay.
        let long: Vec<u8> = (0..=255).cycle().take(1000).collect();
        assert_eq!(hash(&long), 15_221_559_858_528_915_024);
    }
}
