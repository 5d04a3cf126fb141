//! Tests only: scripted faulty backends, raw clients, a load, and a handle on a real gateway.
//!
//! The gateway's promises are about what happens on sockets, so they are tested there: the real
//! binary as a child process, real clients in front, and behind it backends that misbehave at any
//! byte. Everything here is written by hand over TCP, because an HTTP library is built to never do
//! what these tests need: half a header, a reset in a body, an answer before the question.
//!
//! Two rules hold all over. Ports are chosen by the kernel. And nothing sleeps in the hope that
//! something has happened by then: it waits for it, up to a deadline ([`eventually`]).
//!
//! This crate *is* the test machine, so where that machine itself breaks (no socket to be had, no
//! temporary directory) it panics with the reason instead of returning an error nobody could handle.
//!
//! ```no_run
//! # async fn sample(binary: &std::path::Path) {
//! use switchback_testkit::{Backend, Behavior, Ending, Gateway, Load};
//!
//! let (good, bad) = (Backend::start().await, Backend::start().await);
//! bad.set(Behavior::CloseBeforeAnswer(Ending::Rst));
//! let gateway = Gateway::builder().pool("web", &[good.addr(), bad.addr()]).start(binary).await;
//!
//! let report = Load::new(gateway.addr()).clients(8).count(500).run().await;
//! assert_eq!(report.failed(|sample| sample.method == "GET"), 0, "{report}");
//! # }
//! ```

mod backend;
mod client;
mod gateway;
mod h2;
mod h2_client;
mod h2_service;
mod load;
pub mod proxy_protocol;
mod scale;
mod wait;
mod wire;

pub use backend::answer::{Answer, Framing};
pub use backend::behavior::{Behavior, Early, Ending, Health, RequestInfo, Script, Sometimes};
pub use backend::life::Flapping;
pub use backend::record::{Recorded, duplicated, hash};
pub use backend::{Backend, TEST_ID};
pub use client::response::{End, Interim, Response};
pub use client::{Client, ClientError};
pub use gateway::builder::GatewayBuilder;
pub use gateway::metrics::{Metrics, Sample as MetricSample};
pub use gateway::watch::Watch;
pub use gateway::{Gateway, StartFailure};
pub use h2::{H2Backend, H2Behavior};
pub use h2_client::raw;
pub use h2_client::{H2Client, H2End, H2Response, H2Stream, Windows};
pub use h2_service::{H2Service, Seen};
pub use load::report::{Report, Sample, Tally};
pub use load::{Load, Running};
pub use proxy_protocol::Proxied;
pub use rustix::process::Signal;
pub use scale::Scale;
pub use wait::{eventually, until};
