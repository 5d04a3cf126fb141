//! An entry of `listeners`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Field, List, kind};

/// An entry of `listeners`; as a text, its address.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Listener {
    /// The address to bind. No two entries may want the same.
    #[schemars(with = "kind::Address", extend("x-required" = true, "examples" = ["[::]:8080"]))]
    pub(crate) address: Field<String>,

    /// TLS towards clients; without the key plain TCP. See [TLS](#tls).
    ///
    /// Why: Without a certificate there is no TLS, and nobody else has one.
    #[schemars(extend("x-default" = "—"))]
    pub(crate) tls: Field<ListenerTls>,
}

/// `tls` of a listener.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ListenerTls {
    /// What is shown to clients. The first is for clients that name no host, or one that no certificate has.
    #[schemars(extend(
        "x-required" = true,
        "minItems" = 1,
        "examples" = [[{ "cert": "certs/shop.pem", "key": "certs/shop.key" }]]
    ))]
    pub(crate) certificates: List<Certificate>,
}

/// An entry of `certificates`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Certificate {
    /// A PEM file: the server's certificate, then those that lead to its CA.
    #[schemars(with = "kind::File", extend("x-required" = true, "examples" = ["certs/shop.pem"]))]
    pub(crate) cert: Field<String>,

    /// A PEM file with the certificate's private key, not encrypted. It may be the same file.
    #[schemars(with = "kind::File", extend("x-required" = true, "examples" = ["certs/shop.key"]))]
    pub(crate) key: Field<String>,
}
