use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::testing::{BUSY, Does, Server, plan};

fn none() -> Result<RootCertStore, StartError> {
    panic!("no roots are needed")
}

fn collector(plan: &TracingPlan) -> Collector {
    Collector::new(plan, none).unwrap()
}

/// The result of one export to a server that does this.
async fn exported(does: Does) -> Result<PartialSuccess, Refusal> {
    let server = Server::start([does]).await;
    let mut collector = collector(&server.plan()).within(Duration::from_millis(500));
    collector.export(Bytes::from_static(b"x")).await
}

#[test]
fn urls_are_bases() {
    for (otlp, to) in [
        ("http://otel:4318", "http://otel:4318/v1/traces"),
        ("http://otel:4318/", "http://otel:4318/v1/traces"),
        ("http://[::1]:4318/otlp/", "http://[::1]:4318/otlp/v1/traces"),
        ("http://user@otel", "http://otel/v1/traces"),
    ] {
        assert_eq!(collector(&plan(otlp)).to_string(), to);
    }
    assert_eq!(collector(&plan("http://[::1]")).host, "::1");
    let secure = Collector::new(&plan("https://otel"), || Ok(RootCertStore::empty())).unwrap();
    assert_eq!((secure.port, &*secure.to_string()), (443, "https://otel/v1/traces"));
    for bad in ["", "otel:4318", "/v1", "ftp://otel", "http://"] {
        assert!(matches!(Collector::new(&plan(bad), none), Err(StartError::Url(_))), "{bad}");
    }
}

#[test]
fn header_fields_that_are_none_are_told() {
    for (name, value) in [("a b", "x"), ("a", "x\ny")] {
        let plan = TracingPlan {
            headers: vec![(name.into(), switchback_core::plan::Secret::new(value))],
            ..plan("http://otel")
        };
        let error = Collector::new(&plan, none).err().unwrap();
        assert!(matches!(&error, StartError::Header(told) if **told == *name));
        assert!(!error.to_string().contains('\n'));
    }
}

#[tokio::test]
async fn what_is_posted_is_what_otlp_wants() {
    let server = Server::start([]).await;
    let mut collector = collector(&server.plan());
    for _ in 0..2 {
        let taken = collector.export(Bytes::from_static(b"x")).await;
        assert_eq!(taken, Ok(PartialSuccess::default()));
    }
    let got = server.got();
    let head = &got[0].head;
    assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
    for line in [
        format!("host: {}", server.address),
        "content-type: application/x-protobuf".to_owned(),
        "content-length: 1".to_owned(),
        "x-key: key".to_owned(),
    ] {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{line} in {head}");
    }
    assert_eq!((got[0].connection, got[1].connection), (0, 0), "the connection is kept");
}

#[tokio::test]
async fn what_passes_is_told_from_what_does_not() {
    let later = |after: Option<u64>, why: &str| {
        Err(Refusal::Later(after.map(Duration::from_secs), why.to_owned()))
    };
    for (says, expected) in [
        (
            "503 Service Unavailable\r\nRetry-After: 7",
            later(Some(7), "it answers 503 Service Unavailable"),
        ),
        ("429 Too Many Requests", later(None, "it answers 429 Too Many Requests")),
        ("502 Bad Gateway\r\nRetry-After: soon", later(None, "it answers 502 Bad Gateway")),
        (
            "504 Gateway Timeout\r\nDate: Mon, 23 Nov 2026 10:00:00 GMT\r\n\
             Retry-After: Mon, 23 Nov 2026 10:00:05 GMT",
            later(Some(5), "it answers 504 Gateway Timeout"),
        ),
        ("400 Bad Request", Err(Refusal::Never("it answers 400 Bad Request".to_owned()))),
        ("401 Unauthorized", Err(Refusal::Never("it answers 401 Unauthorized".to_owned()))),
        (
            "301 Moved Permanently\r\nLocation: /",
            Err(Refusal::Never("it answers 301 Moved Permanently".to_owned())),
        ),
        (
            "500 Internal Server Error",
            Err(Refusal::Never("it answers 500 Internal Server Error".to_owned())),
        ),
    ] {
        let answer = format!("HTTP/1.1 {says}\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(exported(Does::Says(answer.leak().as_bytes())).await, expected, "{says}");
    }
}

#[tokio::test]
async fn silence_garbage_and_an_end_may_pass() {
    for does in [Does::Waits, Does::Closes, Does::Says(b"\x16\x03\x01 no http\r\n\r\n")] {
        let answer = exported(does.clone()).await;
        assert!(matches!(answer, Err(Refusal::Later(None, _))), "{does:?}: {answer:?}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let answer = collector(&plan(&nobody)).export(Bytes::new()).await;
    let Err(Refusal::Later(None, why)) = answer else { panic!("{answer:?}") };
    assert!(why.contains("refused"), "{why}");
}

#[tokio::test]
async fn what_was_taken_is_never_sent_again_for_its_body() {
    for body in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\xff\xff\xff\xff\xff"[..],
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 99999999\r\n\r\nx",
    ] {
        let server = Server::start([Does::Says(body)]).await;
        let mut collector = collector(&server.plan()).within(Duration::from_millis(500));
        let answer = collector.export(Bytes::from_static(b"x")).await;
        // The rest of the second does not come.
        assert_eq!(answer, Ok(PartialSuccess::default()));
        assert_eq!(server.got().len(), 1);
    }
}

#[tokio::test]
async fn a_partial_success_is_read() {
    // ExportTraceServiceResponse { partial_success: { rejected_spans: 3, error_message: "full" } }
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n\x0a\x08\x08\x03\x12\x04full";
    let partial = exported(Does::Says(answer)).await.unwrap();
    assert_eq!((partial.rejected_spans, &*partial.error_message), (3, "full"));
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_costs_nothing() {
    let server = Server::start([crate::testing::TAKEN, Does::Closes]).await;
    let mut collector = collector(&server.plan());
    for _ in 0..2 {
        assert!(collector.export(Bytes::from_static(b"x")).await.is_ok());
    }
    let connections: Vec<_> = server.got().iter().map(|got| got.connection).collect();
    assert_eq!(connections, [0, 0, 1]);
}

#[tokio::test]
async fn a_refusal_keeps_the_connection() {
    let server = Server::start([BUSY]).await;
    let mut collector = collector(&server.plan());
    assert!(collector.export(Bytes::from_static(b"x")).await.is_err());
    assert!(collector.export(Bytes::from_static(b"x")).await.is_ok());
    assert!(server.got().iter().all(|got| got.connection == 0));
}

#[tokio::test]
async fn over_tls_it_must_prove_itself() {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let otlp = format!("https://{}", listener.local_addr().unwrap());
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        }
    });
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let mut trusting = Collector::new(&plan(&otlp), || Ok(roots)).unwrap();
    assert_eq!(trusting.export(Bytes::from_static(b"x")).await, Ok(PartialSuccess::default()));
    let mut doubting = Collector::new(&plan(&otlp), || Ok(RootCertStore::empty())).unwrap();
    let answer = doubting.export(Bytes::from_static(b"x")).await;
    let Err(Refusal::Later(None, why)) = answer else { panic!("{answer:?}") };
    assert!(why.contains("UnknownIssuer"), "{why}");
}
