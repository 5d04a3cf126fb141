//! The one place where randomness comes in.
//!
//! A small generator for each thread, seeded by the operating system: balancing and jitter need
//! numbers that no two gateways share, not numbers that nobody can guess. What must not be guessed
//! (a signed cookie) does not come from here.

use std::cell::RefCell;

use rand::rngs::SmallRng;
use rand::{RngCore, SeedableRng};

thread_local! {
    static RNG: RefCell<SmallRng> = RefCell::new(SmallRng::from_os_rng());
}

/// Lends this thread's generator.
pub fn with<T>(use_it: impl FnOnce(&mut SmallRng) -> T) -> T {
    RNG.with_borrow_mut(use_it)
}

/// 64 random bits.
pub fn bits() -> u64 {
    with(RngCore::next_u64)
}
