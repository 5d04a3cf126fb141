//! The load balancer as pure state machines.
//!
//! Everything that *decides* lives here: which endpoint a request goes to, whether a failed attempt
//! is followed by another, when a probe turns an endpoint's status, which route a request takes.
//! Everything that *does* lives elsewhere. So time and random numbers are arguments, nothing here
//! locks, sleeps, logs or opens a socket, and hours of faults can be simulated in a second from a
//! seed (`tests/sim.rs`).
//!
//! The rejected alternative is the usual one: a balancer that owns its atomics and its clock. It
//! saves an argument at each call and costs every proof that this crate can give.

pub mod balance;
pub mod endpoint;
pub mod health;
pub mod id;
pub mod keepalive;
pub mod ladder;
pub mod outcome;
pub mod outlier;
pub mod plan;
pub mod pool;
mod reach;
pub mod retry;
pub mod route;
pub mod time;

pub use endpoint::Status;
pub use id::{EndpointIndex, PoolIndex};
pub use outcome::Outcome;
pub use pool::{Effects, Event, Pool};
pub use time::Timestamp;
