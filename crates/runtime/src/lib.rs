//! Live state: what the services of one process share while they run.
//!
//! The core decides and holds no lock; Pingora and the probes do I/O and hold no state. Between the
//! two stands this crate: the [clock](Clock) and the [random source](random) that the core takes as
//! arguments, the [`Generation`] of the configuration that is in force, a [`PoolHandle`] around each
//! pool's state, TLS [with clients](ListenerTls) and [with endpoints](EndpointTls) and its [cryptography], the [`Attempt`]
//! guard by which that state hears of outcomes, the [`Waiting`] of a request in a pool's queue, and the
//! count of requests that a [drain](Drain) waits for.

mod attempt;
mod certificates;
mod clock;
pub mod cryptography;
mod drain;
mod endpoint_tls;
mod gateway;
mod generation;
mod idle;
mod introduction;
mod listener_tls;
mod pool;
mod probe_requests;
pub mod random;
mod readiness;
mod sticky;
pub mod tls_words;
mod waiting;

pub use attempt::{Attempt, Facts};
pub use clock::Clock;
pub use drain::{ConnectionGuard, Drain, InFlight, Phase};
pub use endpoint_tls::{EndpointTls, verify_by_address};
pub use gateway::{Gateway, Unknown};
pub use generation::{Generation, RouteHandle};
pub use idle::{Connection, Idle};
pub use introduction::introduced;
pub use listener_tls::ListenerTls;
pub use pool::{Begin, EndpointReport, Override, PoolHandle, ProbeReport, Standing};
pub use probe_requests::ProbeRequests;
pub use readiness::NotReady;
pub use sticky::Sticky;
pub use waiting::Waiting;
