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

    /// Whether clients may speak HTTP/2: agreed on by ALPN over TLS, with prior knowledge (h2c) on plain
    /// TCP. HTTP/1.1 is always spoken.
    ///
    /// Why: Every browser does, and gRPC needs it.
    #[schemars(with = "kind::Truth", extend("default" = true, "examples" = [false]))]
    pub(crate) http2: Field<bool>,

    /// `true`: each connection begins with a PROXY header, version 1 or 2, which says who the client is. It
    /// is believed from `trusted_proxies`; whoever else connects is refused.
    ///
    /// Why: A header that nobody sends would refuse everybody, and one that anybody may send would let
    /// anybody choose an address.
    #[schemars(with = "kind::Truth", extend("default" = false, "examples" = [true]))]
    pub(crate) proxy_protocol: Field<bool>,

    /// The path that answers whether the gateway is ready, for a load balancer that can probe only
    /// this port; without the key no path does. It is taken before every route, of every host.
    ///
    /// Why: The admin listener answers that, and every path here is the applications'.
    #[schemars(with = "kind::Path", extend("examples" = ["/readyz"]))]
    pub(crate) readiness: Field<String>,

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

    /// The oldest version of TLS that is spoken; the newest is 1.3.
    ///
    /// Why: 1.2 is safe as it is spoken here (forward secrecy and authenticated encryption alone), and some
    /// clients have no newer one.
    #[schemars(with = "kind::TlsVersion", extend("default" = "1.2", "examples" = ["1.3"]))]
    pub(crate) min_version: Field<String>,

    /// Certificates that clients show: see [client certificates](#client-certificates). Without the key they
    /// are not asked for one.
    ///
    /// Why: Browsers that are asked bother people with it, and only the operator has a CA for clients.
    #[schemars(extend("x-default" = "—"))]
    pub(crate) client_certificates: Field<ClientCertificates>,
}

/// `client_certificates`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ClientCertificates {
    /// A PEM file with the CAs, one of which a client's certificate must lead to.
    #[schemars(with = "kind::File", extend("x-required" = true, "examples" = ["certs/clients.pem"]))]
    pub(crate) ca: Field<String>,

    /// Whether a client without a certificate is refused. One with a certificate of another CA always
    /// is.
    ///
    /// Why: Whoever names a CA wants to know who comes. `false` leaves it to the application, which must
    /// then look at `Client-Cert` itself.
    #[schemars(with = "kind::Truth", extend("default" = true, "examples" = [false]))]
    pub(crate) required: Field<bool>,
}

/// An entry of `certificates`, and `certificate` of a pool's `tls`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Certificate {
    /// A PEM file: the certificate itself, then those that lead to its CA.
    #[schemars(with = "kind::File", extend("x-required" = true, "examples" = ["certs/shop.pem"]))]
    pub(crate) cert: Field<String>,

    /// A PEM file with the certificate's private key, not encrypted. It may be the same file.
    #[schemars(with = "kind::File", extend("x-required" = true, "examples" = ["certs/shop.key"]))]
    pub(crate) key: Field<String>,
}
