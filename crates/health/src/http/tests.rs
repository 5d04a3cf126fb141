//! The HTTP probe over HTTP/2, on real sockets. `tests/active_health.rs` sees it over HTTP/1.1.

use switchback_core::plan::{PoolPlan, ProbePlan, Protocol, StatusSet};

use crate::h2_endpoint::{Answer, Endpoint, Then, Tls, tls};

fn get() -> ProbePlan {
    ProbePlan::Http {
        path: "/healthz?deep=1".into(),
        expect: StatusSet::from_ranges(&[(200, 299)]).unwrap(),
        port: None,
    }
}

fn answer(status: u16, body: &[u8], then: Then) -> Answer {
    Answer { status, header: &[], body: body.to_vec(), then }
}

#[tokio::test]
async fn where_the_pool_speaks_http_2_so_does_the_probe() {
    for (with, scheme, change) in
        [(Tls::None, "http", (|_| {}) as fn(&mut PoolPlan)), (Tls::Alpn(b"h2"), "https", tls)]
    {
        let endpoint = Endpoint::h2(answer(204, b"", Then::End), with).await;
        assert_eq!(endpoint.probed(get(), change).await, Ok(()), "{with:?}");
        let asked = endpoint.only_request();
        assert_eq!(asked.head.method(), "GET");
        let uri = format!("{scheme}://{}/healthz?deep=1", endpoint.address);
        assert_eq!(asked.head.uri().to_string(), uri);
        let mut names: Vec<_> = asked.head.headers().keys().map(|name| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "user-agent"]);
    }
}

#[tokio::test]
async fn only_the_status_counts_and_the_body_is_left_where_it_is() {
    let table = [
        (answer(200, b"fine", Then::Nothing), Ok(())),
        (answer(200, &[0; 60_000], Then::More), Ok(())),
        (answer(404, b"", Then::End), Err("answered 404, expected 200-299".to_owned())),
        (answer(503, b"no", Then::Nothing), Err("answered 503, expected 200-299".to_owned())),
    ];
    for (answer, expected) in table {
        let endpoint = Endpoint::h2(answer.clone(), Tls::None).await;
        assert_eq!(endpoint.probed(get(), |_| {}).await, expected, "{answer:?}");
    }
}

#[tokio::test]
async fn where_tls_agrees_on_nothing_it_settles_for_http_1_as_traffic_does() {
    let endpoint = Endpoint::raw(b"HTTP/1.1 200 OK\r\n\r\n", true, Tls::Silent).await;
    assert_eq!(endpoint.probed(get(), tls).await, Ok(()));
}

#[tokio::test]
async fn without_tls_an_endpoint_of_http_1_fails() {
    let endpoint = Endpoint::raw(b"HTTP/1.1 200 OK\r\n\r\n", true, Tls::None).await;
    let why = "answered with what is not HTTP/2 (frame with invalid size)".to_owned();
    assert_eq!(endpoint.probed(get(), |_| {}).await, Err(why));
    let http_1 = |pool: &mut PoolPlan| pool.protocol = Protocol::Http1;
    assert_eq!(endpoint.probed(get(), http_1).await, Ok(()));
}

/// It offered HTTP/1.1 alone, and such an endpoint refused the handshake.
#[tokio::test]
async fn the_tcp_probe_offers_what_the_pool_speaks() {
    let endpoint = Endpoint::h2(answer(200, b"", Then::End), Tls::Alpn(b"h2")).await;
    assert_eq!(endpoint.probed(ProbePlan::Tcp, tls).await, Ok(()));
    let http_1 = |pool: &mut PoolPlan| {
        tls(pool);
        pool.protocol = Protocol::Http1;
    };
    let why = "TLS handshake failed: the endpoint does not speak the version of HTTP that was asked for (alert NoApplicationProtocol)".to_owned();
    assert_eq!(endpoint.probed(ProbePlan::Tcp, http_1).await, Err(why));
}
