//! What a connection may say, byte for byte.
//!
//! Pure functions over bytes that somebody else has read: they open no socket, know no clock and no
//! configuration but the limits that they are given, and never panic, whatever they are given (each has
//! a fuzz target in `tests/fuzz`). Whatever can be read in two ways is refused, nothing is repaired:
//! an endpoint behind the gateway might read it the other way (request smuggling).

mod refusal;

pub use refusal::Refusal;
