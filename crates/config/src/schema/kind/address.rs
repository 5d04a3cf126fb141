//! Addresses and networks.

use super::{Form, texts};

/// A number from 0 to 255, without leading zeros.
const OCTET: &str = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
/// Likewise; networks are read with leading zeros, too.
const LONG_OCTET: &str = "(?:25[0-5]|2[0-4][0-9]|[01]?[0-9]{1,2})";
/// From 1 to 65535.
const PORT: &str =
    "0*(?:6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})";
/// What an IPv6 address is made of. All of its grammar would be a page in an editor's message.
pub(super) const V6: &str = "[0-9A-Fa-f.]*(?::[0-9A-Fa-f.]*){2,8}";

fn with_port() -> Form {
    format!(r"(?:{OCTET}(?:\.{OCTET}){{3}}|\[{V6}(?:%[0-9]+)?\]):{PORT}").into()
}

fn network() -> String {
    let v4 = format!(r"{LONG_OCTET}(?:\.{LONG_OCTET}){{3}}(?:/(?:3[0-2]|[0-2]?[0-9]))?");
    format!("{v4}|{V6}(?:/(?:12[0-8]|1[01][0-9]|0?[0-9]?[0-9]))?")
}

texts! {
    /// An IP address and a port. Names are not resolved in this release.
    Address: "address", ["10.0.1.11:8080", "[2001:db8::11]:8080"], with_port();
    /// An IP address and a port. Names are not resolved in this release.
    EndpointAddress: "address", ["10.0.1.11:8080", "[2001:db8::11]:8080"],
        with_port().not(r"^(?:0\.0\.0\.0|\[::\]):");
    /// An address alone is a network of one.
    Network: "network", ["10.0.0.0/8", "192.0.2.1"], network();
}
