//! Each kind of probe, in each version, with and without TLS, on real sockets.

use switchback_core::plan::{PoolPlan, ProbePlan, Protocol, ProxyProtocol, StatusSet};

use crate::h2_endpoint::{Answer, Endpoint, Then, Tls, tls};

const VERSIONS: [(ProxyProtocol, &[u8]); 2] = [
    (ProxyProtocol::V1, b"PROXY UNKNOWN\r\n"),
    (ProxyProtocol::V2, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"),
];

fn get(port: Option<u16>) -> ProbePlan {
    let expect = StatusSet::from_ranges(&[(200, 299)]).unwrap();
    ProbePlan::Http { path: "/".into(), expect, port }
}

fn serving() -> Answer {
    Answer {
        status: 200,
        header: &[("content-type", "application/grpc")],
        body: vec![0, 0, 0, 0, 2, 8, 1],
        then: Then::Trailers(&[("grpc-status", "0")]),
    }
}

fn in_version(version: ProxyProtocol, with_tls: bool) -> impl FnOnce(&mut PoolPlan) {
    move |pool| {
        pool.proxy_protocol = Some(version);
        if with_tls {
            tls(pool);
        }
    }
}

#[tokio::test]
async fn every_probe_begins_with_a_header_that_names_nobody() {
    for (version, header) in VERSIONS {
        for with in [Tls::None, Tls::Alpn(b"h2")] {
            for probe in
                [get(None), ProbePlan::Tcp, ProbePlan::Grpc { service: "".into(), port: None }]
            {
                let endpoint = Endpoint::behind(header, serving(), with).await;
                let change = in_version(version, matches!(with, Tls::Alpn(_)));
                let probed = endpoint.probed(probe.clone(), change).await;
                assert_eq!(probed, Ok(()), "{version:?} {with:?} {probe:?}");
            }
        }
    }
}

#[tokio::test]
async fn so_does_one_over_http_1() {
    for (version, header) in VERSIONS {
        let endpoint = Endpoint::raw_behind(header, b"HTTP/1.1 200 OK\r\n\r\n").await;
        let change = |pool: &mut PoolPlan| {
            pool.proxy_protocol = Some(version);
            pool.protocol = Protocol::Http1;
        };
        assert_eq!(endpoint.probed(get(None), change).await, Ok(()), "{version:?}");
    }
}

/// A port that is named although it is the endpoint's is no other.
#[tokio::test]
async fn a_probe_of_another_port_has_none() {
    let (version, header) = VERSIONS[1];
    let own = Endpoint::behind(header, serving(), Tls::None).await;
    let same = own.probed(get(Some(own.address.port())), in_version(version, false)).await;
    assert_eq!(same, Ok(()));
    let other = Endpoint::h2(serving(), Tls::None).await;
    let elsewhere = own.probed(get(Some(other.address.port())), in_version(version, false)).await;
    assert_eq!(elsewhere, Ok(()));
}

#[tokio::test]
async fn without_the_key_an_endpoint_that_demands_a_header_fails() {
    let endpoint = Endpoint::behind(VERSIONS[1].1, serving(), Tls::None).await;
    assert!(endpoint.probed(get(None), |_| {}).await.is_err());
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_refuses_as_ever() {
    let endpoint = Endpoint::gone().await;
    let probed = endpoint.probed(get(None), in_version(ProxyProtocol::V2, false)).await;
    assert_eq!(probed, Err("connection refused".to_owned()));
}
