//! What a connection may say, byte for byte.
//!
//! Pure functions over bytes that somebody else has read: they open no socket, know no clock and no
//! configuration but the limits that they are given, and never panic, whatever they are given (each has
//! a fuzz target in `tests/fuzz`). Whatever can be read in two ways is refused, nothing is repaired:
//! an endpoint behind the gateway might read it the other way (request smuggling).

pub mod accept;
mod body;
pub mod forwarded;
mod head;
mod host;
pub mod proxy_protocol;
mod refusal;
mod target;

pub use body::{Body, Due};
pub use head::{Framing, Head, HeadLimits, HeadReader, Version, fields, is_token};
pub use host::is_host;
pub use refusal::{REFUSALS, Refusal};
pub use target::{is_method, is_target};
