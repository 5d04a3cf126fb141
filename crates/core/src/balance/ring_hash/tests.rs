//! Shares, and which keys move.

use super::*;
use crate::balance::hash;
use crate::balance::testing::{endpoints, tally, weight};

fn home(ring: &HashRing, key: u32) -> EndpointIndex {
    ring.walk(hash(&key.to_le_bytes())).next().unwrap()
}

#[test]
fn a_small_ring_is_what_it_has_always_been() {
    let ring = HashRing::new(&endpoints(&[1, 1, 2]));
    let homes: Vec<u32> = (0..16).map(|key| home(&ring, key).0).collect();
    assert_eq!(homes, [1, 2, 0, 2, 2, 2, 0, 2, 2, 0, 0, 0, 2, 2, 0, 2]);
    assert_eq!(ring.points.len(), 640);
}

#[test]
fn shares_are_by_weight_within_the_spread_of_the_points() {
    let weights = [1, 1, 2, 4, 8, 100, 1, 30];
    let ring = HashRing::new(&endpoints(&weights));
    let got = tally(8, (0..200_000).map(|key| home(&ring, key)));
    let total: f64 = weights.iter().copied().map(f64::from).sum();
    for (&got, &weight) in got.iter().zip(&weights) {
        let share = 200_000.0 * f64::from(weight) / total;
        // Four standard deviations: of the arcs between the points, and of the keys.
        let spread = (1.0 / (160.0 * f64::from(weight)) + 1.0 / share).sqrt();
        let off = (f64::from(got) / share - 1.0).abs();
        assert!(off < 4.0 * spread, "weight {weight}: {got} instead of {share}");
    }
}

#[test]
fn who_leaves_moves_its_own_keys_alone() {
    let all = endpoints(&[1; 10]);
    let before = HashRing::new(&all);
    for gone in 0..10 {
        let mut rest = all.clone();
        rest.remove(gone as usize);
        let after = HashRing::new(&rest);
        let mut moved = 0;
        for key in 0..20_000 {
            let (was, is) = (home(&before, key), home(&after, key));
            if was == EndpointIndex(gone) {
                moved += 1;
                // And goes where the walk would have led it.
                let next = before.walk(hash(&key.to_le_bytes())).nth(1).unwrap();
                assert_eq!(is, next);
            } else {
                assert_eq!(was, is, "key {key} is not of {gone}");
            }
        }
        let of_share = f64::from(moved) / 2000.0;
        assert!((0.65..1.35).contains(&of_share), "{moved} of 20,000 moved");
    }
}

#[test]
fn the_order_of_the_endpoints_does_not_matter() {
    let mut all = endpoints(&[1, 5, 2, 9]);
    let before = HashRing::new(&all);
    all.reverse();
    let after = HashRing::new(&all);
    assert!((0..10_000).all(|key| home(&before, key) == home(&after, key)));
}

#[test]
fn great_weights_do_not_make_a_huge_ring() {
    let total = |weights: &[u16]| {
        let divisor = divisor(weights.iter().map(|&value| weight(value)));
        weights.iter().map(|&value| u64::from(units(weight(value), divisor))).sum::<u64>()
    };
    assert_eq!(total(&[1000, 500, 1]), 1501, "as it is, while it has room");
    assert!((UNITS / 2..=UNITS).contains(&total(&[1000; 100])));
    assert_eq!(total(&[1; 10_000]), 10_000);
    assert!((10_000..=20_000).contains(&total(&[1000; 10_000])));
    let mut one_heavy = vec![1; 10_000];
    one_heavy[0] = 1000;
    assert!(total(&one_heavy) <= 20_000);
}

#[test]
fn an_empty_ring_leads_nowhere() {
    assert_eq!(HashRing::new(&[]).walk(7).next(), None);
}

#[test]
fn a_walk_comes_to_everyone() {
    let ring = HashRing::new(&endpoints(&[1; 50]));
    let got = tally(50, ring.walk(hash(b"key")));
    assert!(got.iter().all(|&times| times > 0));
}
