//! Readiness, metrics and the API of the operators over HTTP, on a listener of their own.
//!
//! A path for each who asks: `/livez` for whoever restarts the process (it answers, that is all),
//! `/readyz` for whoever sends it traffic (with the reasons against), `/metrics` for Prometheus, `/api/v1`
//! for whoever changes what runs, `/` for whoever looks on with a browser. They are apart from the proxy's listeners, so that no route of a
//! configuration can shadow or expose them.
//!
//! A process that is alive but not ready must not be restarted, or a gateway whose endpoints are all
//! down would be killed for it; hence two paths and not one `/health`.

mod accept;
mod api;
mod client;
mod dashboard;
mod fetch;
mod guard;
mod history;
mod pieces;
mod places;
mod probe;
mod problem;
mod routes;
mod serve;
pub mod view;

pub use api::{
    Admission, Change, LastReload, NotOverridden, Operator, Overridden, Refused, Reloaded, Status,
};
pub use client::{Address, Request};
pub use fetch::{Answer, Detail, fetch};
pub use history::Recorder;
pub use probe::probe;
pub use routes::{AdminState, Readiness};
pub use serve::{Listener, serve};

#[cfg(test)]
mod tests;
