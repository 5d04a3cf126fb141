//! `limits`: what a client may cost.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Field, kind};

/// `limits`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// The most connections of clients at once, on all listeners; without the key what the memory and
    /// the descriptors of the process allow.
    ///
    /// Why: A figure in a file is right for one machine. What the process may have is known when it
    /// starts.
    #[schemars(with = "kind::Number<1, 1000000>", extend("examples" = [20000]))]
    pub(crate) connections: Field<i64>,

    /// The most of them from one address; without the key no limit. Trusted proxies have none.
    ///
    /// Why: Behind one address may be one client or an office of thousands: only the operator knows
    /// who comes.
    #[schemars(with = "kind::Number<1, 1000000>", extend("examples" = [100]))]
    pub(crate) connections_per_client: Field<i64>,

    /// After so many requests a connection closes; without the key none does for that.
    ///
    /// Why: A connection that goes on costs less than a new one. nginx's 1000 free memory that
    /// nothing here keeps.
    #[schemars(with = "kind::Number<1, 1000000>", extend("examples" = [1000]))]
    pub(crate) requests_per_connection: Field<i64>,

    /// The most bytes of a request's head: its first line and its header, line ends included. Of
    /// HTTP/2 the sum of names, values and 32 for each field. Above: 431.
    ///
    /// Why: Four times what browsers send with many cookies.
    #[schemars(
        with = "kind::Size<1024, 1048576>",
        extend("default" = "32KiB", "examples" = ["64KiB"])
    )]
    pub(crate) header_size: Field<String>,

    /// The most fields of a request's header. Above: 431.
    ///
    /// Why: Apache's `LimitRequestFields`. Browsers send some twenty.
    #[schemars(with = "kind::Number<10, 250>", extend("default" = 100, "examples" = [200]))]
    pub(crate) header_fields: Field<i64>,

    /// The most bytes of a request's target, which is its path and query. Above: 414. Where
    /// `header_size` is smaller, that is the default.
    ///
    /// Why: nginx's and Apache's; what is longer belongs into a body.
    #[schemars(
        with = "kind::Size<128, 64512>",
        extend("default" = "8KiB", "examples" = ["16KiB"])
    )]
    pub(crate) target_size: Field<String>,

    /// How long a request's head may take in all, from its first byte to its last; of a connection's
    /// first request, from the connection's beginning. Above: 408.
    ///
    /// Why: HAProxy's usual `timeout http-request`: a phone in a tunnel has the time, a client that
    /// sends a byte a minute has not.
    #[schemars(with = "kind::Duration", extend("default" = "10s", "examples" = ["5s"]))]
    pub(crate) header_timeout: Field<String>,

    /// How long a PROXY header, and after it a TLS handshake, may take, each.
    ///
    /// Why: As `header_timeout`: both come before a request can.
    #[schemars(with = "kind::Duration", extend("default" = "10s", "examples" = ["5s"]))]
    pub(crate) handshake_timeout: Field<String>,

    /// How long nothing may come of a request's body that is awaited. Above: 408.
    ///
    /// Why: A lost connection tells nobody; a client that is only slow sends something sooner.
    #[schemars(with = "kind::Duration", extend("default" = "30s", "examples" = ["1m"]))]
    pub(crate) body_timeout: Field<String>,

    /// What must come of a request's body in each second, on average and while it is awaited; the first
    /// 20 s are free. Below: 408. `0B`: any pace.
    ///
    /// Why: Apache's `mod_reqtimeout`: slower than any network, and enough against who holds many
    /// connections with a byte now and then.
    #[schemars(
        with = "kind::Size<0, 1073741824>",
        extend("default" = "500B", "examples" = ["0B"])
    )]
    pub(crate) body_rate: Field<String>,

    /// How long a client may take nothing of what is sent to it.
    ///
    /// Why: nginx's `send_timeout`. Until then a slow reader slows only its own answer.
    #[schemars(with = "kind::Duration", extend("default" = "1m", "examples" = ["30s"]))]
    pub(crate) send_timeout: Field<String>,

    /// The most requests at once on a connection of HTTP/2.
    ///
    /// Why: The least that RFC 9113, section 6.5.2, recommends; browsers open few more.
    #[schemars(with = "kind::Number<1, 1000>", extend("default" = 100, "examples" = [250]))]
    pub(crate) http2_streams: Field<i64>,

    /// The most requests of a connection of HTTP/2 that its client has reset and that are not yet cleared
    /// away. Above, the connection closes.
    ///
    /// Why: h2's, against rapid reset (CVE-2023-44487); a browser that leaves a page resets fewer.
    #[schemars(with = "kind::Number<0, 1000>", extend("default" = 20, "examples" = [100]))]
    pub(crate) http2_resets: Field<i64>,
}
