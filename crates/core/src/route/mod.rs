//! Which route a request takes: the most specific one, whatever the order in the file.
//!
//! Specific means, in this order:
//!
//! 1. **Host**: an exact name; then `*.` wildcards, the longest first; then any host.
//! 2. **Path**, within one host: an exact path; then regular expressions, the longest pattern first
//!    and the file's order among equals; then prefixes, the longest first.
//!
//! A host without a matching path falls through to the next less specific host, so `*.example.com`
//! may be the default of everything that `shop.example.com` does not name. This is the order of the
//! Kubernetes Gateway API (`HTTPRouteRule`), with regular expressions given a fixed place.
//!
//! Matching hashes: it costs the same with ten routes and with ten thousand, but for regular
//! expressions, which are tried one after another within their host.

mod host;
mod path;
mod table;

pub use host::{HostPattern, HostPatternError};
pub use path::{PathPattern, PathPatternError};
pub use table::RouteTable;
