//! What the tests of the algorithms share.

use std::net::SocketAddr;

use super::Candidates;
use crate::id::EndpointIndex;
use crate::plan::Weight;

pub(super) fn weight(value: u16) -> Weight {
    Weight::new(value).unwrap()
}

/// Endpoints 0, 1, 2… with these weights.
pub(super) fn candidates(weights: &[u16]) -> Candidates {
    let mut candidates = Candidates::default();
    for (endpoint, _, weight) in endpoints(weights) {
        candidates.insert(endpoint, weight);
    }
    candidates
}

/// Endpoints 0, 1, 2… at 10.0.0.1 and so on, with these weights.
pub(super) fn endpoints(weights: &[u16]) -> Vec<(EndpointIndex, SocketAddr, Weight)> {
    (0_u32..)
        .zip(weights)
        .map(|(n, &value)| {
            let address = SocketAddr::from(((0x0a00_0001 + n).to_be_bytes(), 8080));
            (EndpointIndex(n), address, weight(value))
        })
        .collect()
}

/// How often each of `count` endpoints came.
pub(super) fn tally(count: usize, picks: impl Iterator<Item = EndpointIndex>) -> Vec<u32> {
    let mut got = vec![0; count];
    picks.for_each(|endpoint| got[endpoint.at()] += 1);
    got
}

/// Asserts that chance, once in a thousand times or more, spreads the counts as far from these
/// shares: Pearson's chi-square, its quantile after Wilson and Hilferty (1931). A share of zero
/// must have got nothing.
#[track_caller]
pub(super) fn assert_shares(got: &[u32], shares: &[u16]) {
    let all: f64 = got.iter().copied().map(f64::from).sum();
    let whole: f64 = shares.iter().copied().map(f64::from).sum();
    let mut chi_square = 0.0;
    let mut freedom = -1.0;
    for (&got, &share) in got.iter().zip(shares) {
        if share == 0 {
            assert_eq!(got, 0);
            continue;
        }
        let expected = all * f64::from(share) / whole;
        chi_square += (f64::from(got) - expected).powi(2) / expected;
        freedom += 1.0;
    }
    if freedom < 1.0 {
        return;
    }
    let spread: f64 = 2.0 / (9.0 * freedom);
    let most = freedom * (1.0 - spread + 3.09 * spread.sqrt()).powi(3);
    assert!(chi_square < most, "{got:?}: chi-square {chi_square:.1}, at most {most:.1}");
}
