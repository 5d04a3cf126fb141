//! The thin Pingora adapter.
//!
//! Translates between Pingora's phases and the core's vocabulary, and decides nothing: which endpoint
//! comes from [`PoolHandle::begin`](switchback_runtime::PoolHandle::begin), whether another attempt
//! follows from [`retry::decide`](switchback_core::retry::decide), what a failure means from
//! [`Outcome`](switchback_core::Outcome). [`service`](mod@service) has the chart of the phases; each phase is one
//! file of `phase/`.

mod admission;
mod answer;
mod client;
mod cookie;
mod ctx;
mod edge;
mod error;
mod hash_key;
mod headers;
mod hop;
mod http2;
mod id;
mod identity;
mod listen;
mod peer;
mod phase;
mod proxy_header;
mod service;
mod sound;
mod sticky;
mod tls;
mod trace;

pub use listen::service;
pub use service::Proxy;
