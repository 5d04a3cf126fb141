//! Shares, and which keys move.

use super::*;
use crate::balance::testing::{endpoints, tally};

fn home(table: &Maglev, key: u32) -> EndpointIndex {
    table.walk(hash(&key.to_le_bytes())).next().unwrap()
}

#[test]
fn a_small_table_is_what_it_has_always_been() {
    let table = Maglev::new(&endpoints(&[1, 1, 2]));
    let homes: Vec<u32> = (0..16).map(|key| home(&table, key).0).collect();
    assert_eq!(homes, [2, 1, 2, 2, 0, 2, 0, 1, 1, 2, 1, 2, 2, 2, 2, 2]);
}

#[test]
fn the_sizes_are_primes() {
    for size in SIZES {
        let divisors = (2..size).take_while(|divisor| divisor * divisor <= size);
        assert!(divisors.into_iter().all(|divisor| size % divisor != 0), "{size}");
    }
}

#[test]
fn a_table_has_a_hundred_slots_an_endpoint() {
    for (endpoints, size) in
        [(0, 1021), (1, 1021), (10, 1021), (11, 8191), (655, 65_537), (10_000, 1_048_573)]
    {
        assert_eq!(size_for(endpoints), size, "{endpoints} endpoints");
    }
}

#[test]
fn shares_are_by_weight_to_one_slot() {
    let mut one_heavy = vec![1; 60];
    one_heavy[7] = 1000;
    for weights in [&[1; 10][..], &[1, 2, 3], &[1000, 1, 1], &one_heavy, &[999, 1000, 7, 7, 64]] {
        let table = Maglev::new(&endpoints(weights));
        let got = tally(weights.len(), table.slots.iter().copied());
        let total: f64 = weights.iter().copied().map(f64::from).sum();
        for (&got, &weight) in got.iter().zip(weights) {
            let share = table.slots.len() as f64 * f64::from(weight) / total;
            // Everyone has its first turn at once, however light: so the heavy give up a slot for
            // each.
            let others = weights.len() as f64;
            assert!(
                f64::from(got) >= share - 1.0 - others * f64::from(weight) / total,
                "{got} of {share}"
            );
            assert!(f64::from(got) <= share + 1.0, "{got} of {share}");
        }
    }
}

#[test]
fn who_leaves_moves_little_but_its_own_keys() {
    let all = endpoints(&[1; 10]);
    let before = Maglev::new(&all);
    let mut surplus = 0;
    for gone in 0..10 {
        let mut rest = all.clone();
        rest.remove(gone as usize);
        let after = Maglev::new(&rest);
        let moved = |key: &u32| home(&before, *key) != home(&after, *key);
        let own = |key: &u32| home(&before, *key) == EndpointIndex(gone);
        assert!((0..10_000).filter(own).all(|key| moved(&key)));
        surplus += (0..10_000).filter(|key| moved(key) && !own(key)).count();
    }
    let surplus = surplus as f64 / 100_000.0;
    // 2.4 % with a hundred slots an endpoint; a tenth moves of need.
    assert!(surplus < 0.05, "{surplus} of all keys moved without need");
}

#[test]
fn the_order_of_the_endpoints_does_not_matter() {
    let mut all = endpoints(&[1, 5, 2, 9]);
    let before = Maglev::new(&all);
    all.reverse();
    let after = Maglev::new(&all);
    assert_eq!(before.slots, after.slots);
}

#[test]
fn an_empty_table_leads_nowhere() {
    assert_eq!(Maglev::new(&[]).walk(7).next(), None);
}

#[test]
fn a_walk_comes_to_everyone() {
    let table = Maglev::new(&endpoints(&[1; 50]));
    for key in [0, 1, u64::MAX, hash(b"key")] {
        let got = tally(50, table.walk(key));
        assert!(got.iter().all(|&times| times > 0));
    }
}
