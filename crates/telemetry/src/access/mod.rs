//! The access log: one line a request, the whole story of it.
//!
//! The request path builds an [`AccessRecord`] and moves it, boxed, into a bounded queue; a thread of
//! its own formats and writes in batches. The bound is a promise to the request path: a slow disk or
//! a stalled pipe costs log lines, which are counted, and never a request.
//!
//! A line is JSON, nginx's combined format, or the operator's own template ([`AccessLog::start`]). A file is opened
//! anew on request ([`AccessLog::reopen`]), for rotation by `mv`.
//!
//! Rejected: formatting on the request path (half a microsecond or more each, on the threads that move
//! bytes); `serde_json` (it refuses the invalid UTF-8 that clients do send, and a line's shape never
//! changes); a channel that wakes its reader (a system call for each request).
//!
//! The query of a URL is not logged, in no format, nor that of a Referer: that is where the secrets are.

mod address;
mod escape;
mod failures;
mod format;
mod json;
mod line;
mod log;
mod record;
mod sink;
mod text;
mod time;
mod writer;

pub use self::log::{AccessLog, Guard};
pub use failures::{Failures, Filter};
pub use record::{AccessRecord, AttemptRecord, Attempts, Failure, PoolState};
pub use sink::Sink;
pub use text::Text;
pub use time::rfc3339;
