//! One file a phase; `service.rs` has the chart.

pub(crate) mod connect;
pub(crate) mod failure;
pub(crate) mod finish;
pub(crate) mod forward;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod select;
