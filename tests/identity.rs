//! What endpoints learn of a client is what the gateway knows, and nothing that the client has made up:
//! in whatever spelling, over whichever protocol, and whatever it names in Connection.

use std::path::Path;
use std::time::Duration;

use http::Request;
use switchback_testkit::{
    Backend, Behavior, Ending, Gateway, H2Backend, H2Behavior, Recorded, Response,
};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

async fn gateway(main: &str) -> (Backend, Gateway) {
    let backend = Backend::with(Behavior::ok()).await;
    let gateway =
        Gateway::builder().pool("web", &[backend.addr()]).main_yaml(main).start(binary()).await;
    (backend, gateway)
}

const TRUSTING: &str = "trusted_proxies: [ 127.0.0.0/8, 10.0.0.0/8 ]";

async fn raw(gateway: &Gateway, request: &str) -> Response {
    let mut client = gateway.client().await;
    client.send_raw(request.as_bytes()).await.expect("sent");
    client.read_response(Duration::from_secs(5)).await.expect("an answer")
}

/// A GET for `shop` with these fields, as the only endpoint got it.
async fn received(backend: &Backend, gateway: &Gateway, fields: &str) -> Recorded {
    backend.clear();
    let request = format!("GET / HTTP/1.1\r\nHost: shop\r\n{fields}\r\n");
    assert_eq!(raw(gateway, &request).await.status, 200, "{fields}");
    let mut requests = backend.recorded();
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

/// All values of a field.
fn values<'a>(request: &'a Recorded, name: &str) -> Vec<&'a str> {
    let fields = request.headers.iter().filter(|(it, _)| it.eq_ignore_ascii_case(name));
    fields.map(|(_, value)| value.as_str()).collect()
}

fn names(request: &Recorded) -> Vec<String> {
    request.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect()
}

#[tokio::test]
async fn nobody_makes_a_client_up() {
    let (backend, gateway) = gateway("").await;
    let planted = "X-Forwarded-For: 6.6.6.6\r\nx-forwarded-for: 7.7.7.7\r\n\
        X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Port: 443\r\n\
        X-Forwarded-Server: evil\r\nX-Forwarded-User: root\r\nX-Real-IP: 6.6.6.6\r\n\
        Forwarded: for=6.6.6.6\r\nX-Request-Id: mine\r\nClient-Cert: :MII=:\r\n\
        X_Forwarded_For: 6.6.6.6\r\nX-Forwarded_Proto: https\r\nX_Real_IP: 6.6.6.6\r\n\
        X_REQUEST_ID: mine\r\nX.Forwarded.For: 6.6.6.6\r\nCF-Connecting-IP: 6.6.6.6\r\n";
    let got = received(&backend, &gateway, planted).await;
    let mut names = names(&got);
    names.sort_unstable();
    let expected = [
        "cf-connecting-ip",
        "connection",
        "host",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-request-id",
    ];
    assert_eq!(names, expected);
    assert_eq!(values(&got, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(values(&got, "x-forwarded-proto"), ["http"]);
    assert_eq!(values(&got, "x-forwarded-host"), ["shop"]);
    assert_eq!(got.header("x-request-id").map(str::len), Some(26));
}

#[tokio::test]
async fn names_with_underscores_go_no_further_but_come_back() {
    let (backend, gateway) = gateway("").await;
    let got = received(&backend, &gateway, "X_User: root\r\nX-User: eve\r\n_: 1\r\n").await;
    assert_eq!((got.header("x_user"), got.header("_")), (None, None));
    assert_eq!(got.header("x-user"), Some("eve"));
    let answer = switchback_testkit::Answer::ok("x").header("X_Kept", "1");
    backend.set(Behavior::Answer(answer));
    let answer = raw(&gateway, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(answer.header("x_kept"), Some("1"));
}

#[tokio::test]
async fn a_client_cannot_have_our_fields_removed() {
    let (backend, gateway) = gateway("").await;
    for name in ["Forwarded", "X-Real-IP", "Via", "X-Request-Id", "Client-Cert", "Traceparent"] {
        let fields = format!("Connection: close, {name}\r\n{name}: 1\r\n");
        let got = received(&backend, &gateway, &fields).await;
        for kept in ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-request-id"] {
            assert_eq!(values(&got, kept).len(), 1, "{name}: {kept}");
        }
    }
    backend.clear();
    let connections = backend.connections();
    for named in
        ["X-Forwarded-For", "x-forwarded-proto, close", "X-Forwarded-Host", "Host", "\"x\""]
    {
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: {named}\r\n\r\n");
        assert_eq!(raw(&gateway, &request).await.status, 400, "{named}");
    }
    assert_eq!((backend.requests(), backend.connections()), (0, connections));
}

#[tokio::test]
async fn what_concerns_only_the_connection_stops_here_whatever_else_is_there() {
    let (backend, gateway) = gateway("").await;
    for field in [
        "Connection: keep-alive",
        "Connection: close",
        "Connection: TE, keep-alive",
        "Keep-Alive: timeout=5",
        "Proxy-Connection: keep-alive",
        "Proxy-Authenticate: x",
        "Proxy-Authorization: x",
        "TE: trailers",
        "Trailer: x",
        "Upgrade: h2c",
        "HTTP2-Settings: x",
    ] {
        let got = received(&backend, &gateway, &format!("{field}\r\nX-Kept: 1\r\n")).await;
        let (name, _) = field.split_once(':').unwrap();
        // A new connection is asked how long the endpoint keeps it.
        let ours = name == "Connection" && values(&got, name) == ["keep-alive"];
        assert!(ours || values(&got, name).is_empty(), "{field}: {:?}", values(&got, name));
        assert_eq!(values(&got, "x-kept"), ["1"], "{field}");
        assert_eq!(values(&got, "x-forwarded-for"), ["127.0.0.1"], "{field}");
    }
}

#[tokio::test]
async fn each_attempt_tells_the_same_and_tells_it_once() {
    let (first, second) =
        (Backend::with(Behavior::ok()).await, Backend::with(Behavior::ok()).await);
    let endpoints = [first.addr(), second.addr()];
    let gateway = Gateway::builder().pool("web", &endpoints).start(binary()).await;
    for fields in ["", "Connection: close, Forwarded\r\n"] {
        for (failing, other) in [(&first, &second), (&second, &first)] {
            failing.set(Behavior::CloseBeforeAnswer(Ending::Fin));
            other.set(Behavior::ok());
            failing.clear();
            // Who fails is asked first by one of two, or by one of many.
            for _ in 0..50 {
                let got = received(other, &gateway, fields).await;
                for name in ["host", "x-forwarded-for", "x-forwarded-host", "x-request-id"] {
                    assert_eq!(values(&got, name).len(), 1, "{name}: {fields}");
                }
                if let Some(failed) = failing.recorded().first() {
                    let id = |it: &Recorded| it.header("x-request-id").map(str::to_owned);
                    assert_eq!(id(failed), id(&got), "{fields}");
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_trusted_proxy_says_who_the_client_is_in_either_field() {
    let (backend, gateway) = gateway(TRUSTING).await;
    for (nth, (fields, client, list, scheme, host)) in [
        ("", "127.0.0.1", "127.0.0.1", "http", "shop"),
        (
            "X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.1.1.1\r\nX-Forwarded-Proto: http, https\r\n\
             X-Forwarded-Host: www.shop:8443\r\n",
            "203.0.113.9",
            "6.6.6.6, 203.0.113.9, 10.1.1.1, 127.0.0.1",
            "https",
            "www.shop:8443",
        ),
        (
            "Forwarded: for=6.6.6.6;proto=http, For=\"[2001:db8::1]:4711\";Proto=https;host=www.shop\r\n\
             Forwarded: for=\"_hidden\", for=10.1.1.1\r\n",
            "10.1.1.1",
            "10.1.1.1, 127.0.0.1",
            "http",
            "shop",
        ),
        (
            "Forwarded: for=6.6.6.6;proto=http, For=\"[2001:db8::1]:4711\";Proto=https;host=www.shop\r\n",
            "2001:db8::1",
            "2001:db8::1, 127.0.0.1",
            "https",
            "www.shop",
        ),
        (
            "Forwarded: for=6.6.6.6;proto=https\r\nX-Forwarded-For: 203.0.113.9\r\n",
            "203.0.113.9",
            "203.0.113.9, 127.0.0.1",
            "http",
            "shop",
        ),
        (
            "Forwarded: for=\"6.6.6.6\r\nX-Forwarded-Proto: wss\r\nX-Forwarded-Host: a/b\r\n",
            "127.0.0.1",
            "127.0.0.1",
            "http",
            "shop",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("X-Request-Id: edge-{nth}\r\n{fields}");
        let got = received(&backend, &gateway, &id).await;
        assert_eq!(values(&got, "x-forwarded-for"), [list], "{fields}");
        assert_eq!(values(&got, "x-forwarded-proto"), [scheme], "{fields}");
        assert_eq!(values(&got, "x-forwarded-host"), [host], "{fields}");
        let line = gateway.log_line_for(&format!("edge-{nth}")).await;
        assert_eq!(line["client"], client, "{fields}");
    }
}

#[tokio::test]
async fn an_endpoint_never_sees_two_stories() {
    let (backend, gateway) = gateway(TRUSTING).await;
    let list = "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n";
    for (forwarded, goes_on) in [
        ("for=203.0.113.9;proto=https;by=10.1.1.1", true),
        ("for=203.0.113.9;proto=http", false),
        ("for=203.0.113.9;host=evil", false),
        ("for=6.6.6.6;proto=https", false),
        ("for=\"203.0.113.9", false),
    ] {
        let fields = format!("{list}Forwarded: {forwarded}\r\nX-Real-IP: 6.6.6.6\r\n");
        let got = received(&backend, &gateway, &fields).await;
        assert_eq!(got.header("forwarded"), goes_on.then_some(forwarded));
        assert_eq!(values(&got, "x-real-ip"), ["203.0.113.9"]);
    }
}

#[tokio::test]
async fn a_trace_goes_on_untouched_or_not_at_all() {
    let (backend, gateway) = gateway("").await;
    let sound = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let state = "tracestate: a=1\r\ntracestate: b=2\r\n";
    let got = received(&backend, &gateway, &format!("traceparent: {sound}\r\n{state}")).await;
    assert_eq!(values(&got, "traceparent"), [sound]);
    assert_eq!(values(&got, "tracestate"), ["a=1", "b=2"]);
    for broken in [&sound[1..], &sound.to_ascii_uppercase(), "x"] {
        let got = received(&backend, &gateway, &format!("traceparent: {broken}\r\n{state}")).await;
        assert_eq!((got.header("traceparent"), got.header("tracestate")), (None, None), "{broken}");
    }
}

#[tokio::test]
async fn the_proxies_before_us_stay_in_via() {
    let (backend, gateway) = gateway("").await;
    assert_eq!(received(&backend, &gateway, "").await.header("via"), None);
    let got = received(&backend, &gateway, "Via: 1.1 a\r\nVia: 2 b (c)\r\n").await;
    assert_eq!(values(&got, "via"), ["1.1 a", "2 b (c)"]);
}

#[tokio::test]
async fn hops_of_an_options_request_are_counted() {
    let (backend, gateway) = gateway("").await;
    let asked = async |method: &str, left: &str| {
        let request = format!("{method} * HTTP/1.1\r\nHost: a\r\nMax-Forwards: {left}\r\n\r\n");
        raw(&gateway, &request.replace("GET *", "GET /")).await
    };
    let here = asked("OPTIONS", "0").await;
    assert_eq!((here.status, here.header("content-length")), (200, Some("0")));
    assert_eq!(backend.requests(), 0);
    for (method, left, expected) in
        [("OPTIONS", "3", "2"), ("GET", "0", "0"), ("OPTIONS", "x", "x")]
    {
        backend.clear();
        assert_eq!(asked(method, left).await.status, 200);
        assert_eq!(backend.recorded()[0].header("max-forwards"), Some(expected), "{method} {left}");
    }
}

#[tokio::test]
async fn some_methods_do_not_go_through() {
    let (backend, gateway) = gateway("").await;
    let trace = raw(&gateway, "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(trace.status, 405);
    assert!(trace.header("allow").is_some_and(|methods| !methods.contains("TRACE")));
    let connect = raw(&gateway, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n").await;
    assert_eq!(connect.status, 405);
    assert_eq!(backend.requests(), 0);
}

#[tokio::test]
async fn what_is_no_host_goes_nowhere() {
    let (backend, gateway) = gateway("").await;
    for host in [
        "", "a,b", "a b", "a/b", "a\\b", "\"a\"", "u@a", "a#b", "a?b", "a:b", "a:80:80", "[::1",
        "::1", ":80", "a;b", "<a>", "a\u{e9}",
    ] {
        for target in ["/".to_owned(), format!("http://{host}/")] {
            let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            assert_eq!(raw(&gateway, &request).await.status, 400, "{request}");
        }
    }
    assert_eq!(backend.requests(), 0);
    for host in ["a", "A.example.:8080", "[::1]:80", "10.0.0.1", "my_app-1"] {
        let got = raw(&gateway, &format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert_eq!(got.status, 200, "{host}");
    }
}

/// An endpoint with HTTP/2, and a gateway before it.
async fn http2() -> (H2Backend, Gateway) {
    let backend = H2Backend::with(H2Behavior::Answer(200)).await;
    let builder = Gateway::builder().pool("web", &[backend.addr()]).pool_yaml("protocol: h2");
    (backend, builder.start(binary()).await)
}

#[tokio::test]
async fn endpoints_with_http_2_are_told_the_same() {
    let (backend, gateway) = http2().await;
    let planted = "X-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX_Real_IP: 6.6.6.6\r\n\
        X-Request-Id: mine\r\nConnection: close, Forwarded\r\nTrailer: x\r\n";
    let request = format!("GET / HTTP/1.1\r\nHost: shop\r\n{planted}\r\n");
    assert_eq!(raw(&gateway, &request).await.status, 200);
    let got = backend.recorded().remove(0);
    let mut names = names(&got);
    names.sort_unstable();
    let expected = ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id"];
    assert_eq!(names, expected);
    assert_eq!(values(&got, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(values(&got, "x-forwarded-host"), ["shop"]);
}

#[tokio::test]
async fn that_a_client_takes_trailers_reaches_endpoints_with_http_2() {
    let (backend, gateway) = http2().await;
    for (te, expected) in
        [("trailers", Some("trailers")), ("gzip, Trailers", Some("trailers")), ("gzip", None)]
    {
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: TE\r\nTE: {te}\r\n\r\n");
        assert_eq!(raw(&gateway, &request).await.status, 200);
        let got = backend.recorded().pop().expect("a request");
        assert_eq!(got.header("te"), expected, "{te}");
    }
    let (backend, gateway) = self::gateway("").await;
    let got = received(&backend, &gateway, "TE: trailers\r\nConnection: TE\r\n").await;
    assert_eq!(got.header("te"), None);
}

/// The status for a request over a connection of its own, with prior knowledge.
async fn over_http2(gateway: &Gateway, request: Request<()>) -> u16 {
    let stream = tokio::net::TcpStream::connect(gateway.addr()).await.expect("connected");
    let (mut client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    let (answer, _) = client.send_request(request, true).expect("sent");
    answer.await.expect("an answer").status().as_u16()
}

fn get() -> http::request::Builder {
    Request::get("http://shop.example/a")
}

#[tokio::test]
async fn clients_with_http_2_name_their_host_in_the_target() {
    let (backend, gateway) = gateway("").await;
    let request = get().header("x_user", "1").header("x-forwarded-for", "6.6.6.6");
    assert_eq!(over_http2(&gateway, request.body(()).expect("a request")).await, 200);
    let got = backend.recorded().remove(0);
    assert_eq!(values(&got, "host"), ["shop.example"]);
    assert_eq!(values(&got, "x-forwarded-host"), ["shop.example"]);
    assert_eq!(values(&got, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(got.header("x_user"), None);
    assert_eq!(gateway.log_line_for("\"/a\"").await["host"], "shop.example");
    backend.clear();
    for request in [
        Request::get("http://a,b/"),
        Request::get("http://a;b/"),
        Request::builder().method("TRACE").uri("http://a/"),
    ] {
        let status = over_http2(&gateway, request.body(()).expect("a request")).await;
        assert!(matches!(status, 400 | 405), "{status}");
    }
    assert_eq!(backend.requests(), 0);
}

#[tokio::test]
async fn cookies_of_http_2_reach_endpoints_with_http_1_in_one_field() {
    let (backend, gateway) = gateway("").await;
    let request = get().header("cookie", "a=1").header("cookie", "b=2").header("te", "trailers");
    assert_eq!(over_http2(&gateway, request.body(()).expect("a request")).await, 200);
    let got = backend.recorded().remove(0);
    assert_eq!(values(&got, "cookie"), ["a=1; b=2"]);
    assert_eq!(got.header("te"), None);
}

#[tokio::test]
async fn from_http_2_to_http_2_the_host_and_te_go_on() {
    let (backend, gateway) = http2().await;
    let request = get().header("te", "trailers").header("proxy-authorization", "x");
    assert_eq!(over_http2(&gateway, request.body(()).expect("a request")).await, 200);
    let got = backend.recorded().remove(0);
    assert_eq!(values(&got, "x-forwarded-host"), ["shop.example"]);
    assert_eq!(values(&got, "te"), ["trailers"]);
    assert_eq!(got.header("proxy-authorization"), None);
}
