//! What endpoints are told of the client.
//!
//! `X-Forwarded-For`, `-Proto` and `-Host` always, `Forwarded` where the configuration wants it. All of it is one
//! story: what a trusted proxy says in a second field is passed on as long as it agrees with what we
//! believe, and is replaced or left out where not. A client cannot have any of it removed by its Connection
//! ([`crate::phase::forward`]).

use std::fmt::Write;
use std::net::IpAddr;

use http::HeaderMap;
use http::header::{HOST, HeaderValue};
use pingora::http::RequestHeader;
use pingora_core::Result;
use switchback_core::plan::Plan;
use switchback_wire::forwarded::{self, Origin};
use switchback_wire::is_host;

use crate::client;
use crate::headers::{
    FORWARDED, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PORT, X_FORWARDED_PROTO, X_REAL_IP,
    last_item,
};

/// Who sends a request, as far as that can be believed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender {
    /// Who connected: the client, or a proxy before us.
    pub(crate) connected: IpAddr,
    /// Whether whoever connected may speak for a client.
    pub(crate) trusted: bool,
    /// Whether whoever connected did so over TLS.
    pub(crate) to_us_over_tls: bool,
    /// The client.
    pub(crate) client: IpAddr,
    /// Whether the client came over TLS.
    pub(crate) over_tls: bool,
}

/// Tells the endpoint. The request has its Host. `address` is what to say of who has connected and may speak
/// for nobody else, where that is known already.
///
/// Names are given to Pingora as text, because it copies others.
pub(crate) fn tell(
    request: &mut RequestHeader,
    sender: &Sender,
    plan: &Plan,
    address: Option<HeaderValue>,
) -> Result<()> {
    let own = request.headers.get(HOST).cloned();
    let host = original_host(&request.headers, sender, plan).or_else(|| own.clone());
    // Only from trusted proxies it is still there, and X-Real-IP and X-Forwarded-Port.
    let given = sender.trusted && request.headers.contains_key(&FORWARDED);
    let forwarded = (given || plan.forwarded)
        .then(|| forwarded_field(&request.headers, sender, plan, host.as_ref(), own.as_ref()));

    match address.filter(|_| !sender.trusted) {
        Some(address) => request.insert_header(X_FORWARDED_FOR.as_str(), address)?,
        None => {
            let list = addresses(&request.headers, sender);
            request.insert_header(X_FORWARDED_FOR.as_str(), list)?;
        }
    }
    let scheme = HeaderValue::from_static(if sender.over_tls { "https" } else { "http" });
    request.insert_header(X_FORWARDED_PROTO.as_str(), scheme)?;
    if let Some(host) = host {
        request.insert_header(X_FORWARDED_HOST.as_str(), host)?;
    }
    match forwarded.flatten() {
        Some(forwarded) => request.insert_header(FORWARDED.as_str(), forwarded)?,
        None if given => _ = request.remove_header(&FORWARDED),
        None => {}
    }
    if !sender.trusted {
        return Ok(());
    }
    if request.headers.contains_key(&X_REAL_IP) {
        let client = sender.client.to_canonical().to_string();
        request.insert_header(X_REAL_IP.as_str(), client)?;
    }
    if request.headers.contains_key(&X_FORWARDED_PORT) {
        let port = last_item(&request.headers, &X_FORWARDED_PORT);
        let port = port.and_then(|port| std::str::from_utf8(port).ok()?.parse::<u16>().ok());
        match port {
            Some(port) => request.insert_header(X_FORWARDED_PORT.as_str(), port.to_string())?,
            None => _ = request.remove_header(&X_FORWARDED_PORT),
        }
    }
    Ok(())
}

/// The list of a trusted proxy with whoever connected behind it.
fn addresses(headers: &HeaderMap, sender: &Sender) -> String {
    let given = headers.get_all(&X_FORWARDED_FOR).iter().filter(|_| sender.trusted);
    let given = given.filter_map(|value| value.to_str().ok()).filter(|list| !list.is_empty());
    let mut list = given.collect::<Vec<_>>().join(", ");
    let (client, connected) = (sender.client.to_canonical(), sender.connected.to_canonical());
    if list.is_empty() && client != connected {
        // It was `Forwarded` that told.
        list = client.to_string();
    }
    let comma = if list.is_empty() { "" } else { ", " };
    // Writing to a string cannot fail.
    let _ = write!(list, "{comma}{connected}");
    list
}

/// The Host that the client had sent, if a trusted proxy knows it.
fn original_host(headers: &HeaderMap, sender: &Sender, plan: &Plan) -> Option<HeaderValue> {
    if !sender.trusted {
        return None;
    }
    match last_item(headers, &X_FORWARDED_HOST) {
        Some(host) => HeaderValue::from_bytes(host).ok().filter(|_| is_host(host)),
        None => {
            let told = client::alone(sender.connected, headers, &plan.trusted_proxies)?;
            HeaderValue::from_bytes(told.host?).ok()
        }
    }
}

/// `Forwarded` as the endpoint gets it: a trusted proxy's that tells nothing else than the other fields,
/// and where it is wanted our own element behind it, or else the whole of what we know.
fn forwarded_field(
    headers: &HeaderMap,
    sender: &Sender,
    plan: &Plan,
    host: Option<&HeaderValue>,
    own_host: Option<&HeaderValue>,
) -> Option<String> {
    let text = |host: Option<&HeaderValue>| {
        let host = host.filter(|host| is_host(host.as_bytes()))?;
        host.to_str().ok().map(str::to_owned)
    };
    let (host, own_host) = (text(host), text(own_host));
    let same =
        |said: &[u8]| host.as_ref().is_some_and(|host| said.eq_ignore_ascii_case(host.as_bytes()));
    let agrees = |told: &Origin<'_>| {
        told.client == sender.client.to_canonical()
            && told.proto.and_then(client::over_tls).is_none_or(|it| it == sender.over_tls)
            && told.host.is_none_or(same)
    };
    let told = client::told(sender.connected, headers, &plan.trusted_proxies);
    let given = told.filter(|told| sender.trusted && agrees(told)).map(|_| {
        let fields = headers.get_all(&FORWARDED).iter();
        fields.filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(", ")
    });
    if !plan.forwarded {
        return given;
    }
    let client = forwarded::element(sender.client, host.as_deref(), sender.over_tls);
    if given.is_none() && sender.client.to_canonical() == sender.connected.to_canonical() {
        return Some(client);
    }
    let before = given.unwrap_or(client);
    let connected =
        forwarded::element(sender.connected, own_host.as_deref(), sender.to_us_over_tls);
    Some(format!("{before}, {connected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIRECT: Sender = Sender {
        connected: IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9)),
        trusted: false,
        to_us_over_tls: true,
        client: IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9)),
        over_tls: true,
    };

    /// What the endpoint gets in these fields, of a request for `shop` that came from 10.0.0.1, which is
    /// trusted, over plain TCP.
    fn told<const N: usize>(
        fields: &[(&'static str, &'static str)],
        forwarded: bool,
        names: [&str; N],
    ) -> [Option<String>; N] {
        let mut request = RequestHeader::build("GET", b"/", None).unwrap();
        request.append_header("Host", "shop").unwrap();
        for (name, value) in fields {
            request.append_header(*name, *value).unwrap();
        }
        let mut plan = Plan::of(Vec::new());
        plan.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        plan.forwarded = forwarded;
        let connected = IpAddr::from([10, 0, 0, 1]);
        let said = client::said(connected, &request.headers, &plan.trusted_proxies);
        let sender = Sender {
            connected,
            trusted: true,
            to_us_over_tls: false,
            client: said.address,
            over_tls: said.over_tls.unwrap_or(false),
        };
        tell(&mut request, &sender, &plan, None).unwrap();
        let field =
            |name| request.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        names.map(field)
    }

    fn some<const N: usize>(values: [&str; N]) -> [Option<String>; N] {
        values.map(|value| Some(value.to_owned()))
    }

    #[test]
    fn of_a_client_that_is_not_trusted_its_connection_is_told() {
        let mut request = RequestHeader::build("GET", b"/", None).unwrap();
        request.append_header("Host", "shop:8443").unwrap();
        let mut plan = Plan::of(Vec::new());
        plan.forwarded = true;
        tell(&mut request, &DIRECT, &plan, None).unwrap();
        assert_eq!(request.headers["x-forwarded-for"], "203.0.113.9");
        assert_eq!(request.headers["x-forwarded-proto"], "https");
        assert_eq!(request.headers["x-forwarded-host"], "shop:8443");
        assert_eq!(request.headers["forwarded"], "for=203.0.113.9;host=\"shop:8443\";proto=https");
    }

    #[test]
    fn a_trusted_list_goes_on() {
        let fields = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "192.0.2.1")];
        let list = "6.6.6.6, 192.0.2.1, 10.0.0.1";
        assert_eq!(
            told(&fields, false, ["x-forwarded-for", "forwarded"]),
            [Some(list.into()), None]
        );
        let rewritten = "for=192.0.2.1;host=shop;proto=http, for=10.0.0.1;host=shop;proto=http";
        assert_eq!(told(&fields, true, ["forwarded"]), some([rewritten]));
    }

    #[test]
    fn forwarded_alone_is_told_in_the_other_fields_too() {
        let given = "for=\"[2001:db8::1]:4711\";proto=https;host=www.shop";
        let names = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded"];
        let others = ["2001:db8::1, 10.0.0.1", "https", "www.shop"];
        let expected = some([others[0], others[1], others[2], given]);
        assert_eq!(told(&[("forwarded", given)], false, names), expected);
        let longer = format!("{given}, for=10.0.0.1;host=shop;proto=http");
        assert_eq!(told(&[("forwarded", given)], true, ["forwarded"]), some([longer.as_str()]));
    }

    #[test]
    fn there_are_never_two_stories() {
        let list = ("x-forwarded-for", "192.0.2.1");
        for other in [
            "for=6.6.6.6",
            "for=192.0.2.1;proto=https",
            "for=192.0.2.1;host=evil",
            "for=\"192.0.2.1",
            "for=unknown",
        ] {
            let fields = [list, ("forwarded", other)];
            assert_eq!(told(&fields, false, ["forwarded"]), [None], "{other}");
            let ours = "for=192.0.2.1;host=shop;proto=http, for=10.0.0.1;host=shop;proto=http";
            assert_eq!(told(&fields, true, ["forwarded"]), some([ours]), "{other}");
        }
        let agrees = [list, ("forwarded", "for=192.0.2.1;by=_us")];
        assert_eq!(told(&agrees, false, ["forwarded"]), some(["for=192.0.2.1;by=_us"]));
        let real = [list, ("x-real-ip", "6.6.6.6")];
        assert_eq!(told(&real, false, ["x-real-ip"]), some(["192.0.2.1"]));
    }

    #[test]
    fn of_a_trusted_proxy_s_fields_only_what_makes_sense_goes_on() {
        let names = ["x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"];
        for (fields, expected) in [
            (["https", "www.shop", "443"], [Some("https"), Some("www.shop"), Some("443")]),
            (
                ["http, https", "a, www.shop:80", "1, 443"],
                [Some("https"), Some("www.shop:80"), Some("443")],
            ),
            (["wss", "a/b", "99999"], [Some("http"), Some("shop"), None]),
            (["", "", ""], [Some("http"), Some("shop"), None]),
        ] {
            let given: Vec<_> = names.into_iter().zip(fields).collect();
            assert_eq!(
                told(&given, false, names),
                expected.map(|it| it.map(str::to_owned)),
                "{fields:?}"
            );
        }
    }
}
