//! Who the client is: the right-most address that is not one of our own proxies.
//!
//! `X-Forwarded-For` is a list to which each proxy appends who had connected to it. Whatever stands
//! left of the last address that we do not trust was written by that client, and proves nothing
//! (the "rightmost non-trusted" rule; nginx's `real_ip_recursive on`).
//!
//! `Forwarded` says the same in other words. Load balancers that know one of the two pass the other on
//! as they got it, and nearly all of them know `X-Forwarded-For`: so where both are there, that one counts
//! and the other is not looked at.

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;
use switchback_wire::forwarded::{self, Origin};

use crate::headers::{FORWARDED, X_FORWARDED_FOR, X_FORWARDED_PROTO, last_item};

/// What a trusted proxy says of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// Its address.
    pub(crate) address: IpAddr,
    /// Whether it came over TLS; `None`: not a word.
    pub(crate) over_tls: Option<bool>,
}

/// What is to be believed of the header of a request that a trusted proxy has sent.
///
/// Of several schemes the last counts, which is that of whoever connected: those before may be the
/// client's own.
pub(crate) fn said(connected: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Said {
    let told = alone(connected, headers, trusted);
    let fields = headers.get_all(&X_FORWARDED_FOR).iter().rev();
    let fields = fields.map(|value| value.as_bytes());
    let listed = || forwarded::client(connected, fields, |address| is_trusted(address, trusted));
    let address = told.map_or_else(listed, |told| told.client);
    let over_tls = match last_item(headers, &X_FORWARDED_PROTO) {
        Some(scheme) => over_tls(scheme),
        None => told.and_then(|told| told.proto).and_then(over_tls),
    };
    Said { address, over_tls }
}

/// What `Forwarded` says, where it is alone.
pub(crate) fn alone<'a>(
    connected: IpAddr,
    headers: &'a HeaderMap,
    trusted: &[IpNet],
) -> Option<Origin<'a>> {
    if headers.contains_key(&X_FORWARDED_FOR) {
        return None;
    }
    told(connected, headers, trusted)
}

/// What `Forwarded` says of the client; `None` if it is not there, or cannot be read.
pub(crate) fn told<'a>(
    connected: IpAddr,
    headers: &'a HeaderMap,
    trusted: &[IpNet],
) -> Option<Origin<'a>> {
    let fields = || headers.get_all(&FORWARDED).iter().map(|value| value.as_bytes());
    let readable = headers.contains_key(&FORWARDED) && fields().all(forwarded::is_well_formed);
    let is_trusted = |address| is_trusted(address, trusted);
    readable.then(|| forwarded::origin(connected, fields().rev(), is_trusted))
}

/// Whether a scheme is https; `None` for every other than the two.
pub(crate) fn over_tls(scheme: &[u8]) -> Option<bool> {
    let https = scheme.eq_ignore_ascii_case(b"https");
    (https || scheme.eq_ignore_ascii_case(b"http")).then_some(https)
}

/// Whether `address` belongs to one of our own proxies.
pub(crate) fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|net| net.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwarded_counts_where_it_is_alone() {
        let said = |fields: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, http::HeaderValue::from_static(value));
            }
            let said = said([10, 0, 0, 1].into(), &headers, &["10.0.0.0/8".parse().unwrap()]);
            (said.address.to_string(), said.over_tls)
        };
        let forwarded = ("forwarded", "for=203.0.113.9;proto=https");
        let list = |list| ("x-forwarded-for", list);
        assert_eq!(said(&[forwarded]), ("203.0.113.9".to_owned(), Some(true)));
        let both = [forwarded, list("203.0.113.9")];
        assert_eq!(said(&both), ("203.0.113.9".to_owned(), None));
        let other = [forwarded, list("198.51.100.1")];
        assert_eq!(said(&other), ("198.51.100.1".to_owned(), None));
        assert_eq!(said(&[forwarded, list("unknown")]), ("10.0.0.1".to_owned(), None));
        let open = ("forwarded", "for=\"203.0.113.9;proto=https");
        assert_eq!(said(&[open]), ("10.0.0.1".to_owned(), None));
        let proto = |list| ("x-forwarded-proto", list);
        assert_eq!(said(&[forwarded, proto("http")]).1, Some(false));
        assert_eq!(said(&[proto("http"), proto("http, https")]).1, Some(true));
        assert_eq!(said(&[proto("https, wss")]).1, None);
    }
}
