//! The client of HTTP/2, its frames by hand, and the endpoint that streams, tried on each other.

use std::time::Duration;

use switchback_testkit::raw::{self, Kind, RawH2, Verdict};
use switchback_testkit::{H2Client, H2End, H2Service, Windows, eventually};

const SOON: Duration = Duration::from_secs(5);

async fn connect(service: &H2Service) -> H2Client {
    H2Client::connect(service.addr()).await.expect("the service listens")
}

#[tokio::test]
async fn an_answer_is_seen_with_all_of_its_parts() {
    let service = H2Service::start().await;
    let client = connect(&service).await;
    let echo = client.request("POST", "/echo", &[("host", "b.example")], &[b'x'; 200_000]).await;
    assert_eq!((echo.status, echo.body.len(), echo.end), (200, 200_000, H2End::Complete));
    assert_eq!(echo.trailer("grpc-status"), Some("0"));
    let hinted = client.get("/early-hints").await;
    assert_eq!((hinted.interim[0].status, hinted.text().as_str()), (103, "0"));
    assert_eq!(client.get("/trailers-only").await.header("grpc-status"), Some("12"));
    assert_eq!(service.seen()[0].authority, "b.example");
    assert!(service.seen().iter().all(|seen| seen.complete));
}

#[tokio::test]
async fn a_reset_is_told_and_a_cut_is_seen() {
    let service = H2Service::start().await;
    let client = connect(&service).await;
    let mut first = client.open("POST", "/hang", &[]).await.expect("sent");
    let mut second = client.open("POST", "/hang", &[]).await.expect("sent");
    first.reset(8);
    let told = async || service.seen().iter().any(|seen| seen.reset == Some(8));
    eventually(SOON, "the reset is told", told).await;
    client.cut();
    assert_eq!(second.answer().await.end, H2End::Closed);
    assert!(client.is_closed());
}

#[tokio::test]
async fn windows_hold_back_what_is_not_read() {
    let service = H2Service::start().await;
    let windows = Windows { stream: 1_000, connection: 65_535 };
    let client = H2Client::connect_with(service.addr(), windows).await.expect("the service");
    let mut stream = client.open("GET", "/download/2500", &[]).await.expect("sent");
    stream.finish().expect("sent");
    let mut read = Vec::new();
    assert_eq!(stream.head().await.status, 200);
    while let Some(piece) = stream.read().await.ok().filter(|piece| !piece.is_empty()) {
        assert!(piece.len() <= 1_000);
        read.extend(piece);
    }
    assert_eq!(read.len(), 2_500);
}

#[tokio::test]
async fn frames_by_hand_get_their_verdicts() {
    let service = H2Service::start().await;
    let mut connection = RawH2::connect(service.addr()).await.expect("the service listens");
    let get =
        |path| [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", path)];
    connection.request(1, &get("/")).await.expect("sent");
    connection
        .request(3, &[&get("/")[..], &[("connection", "close")]].concat())
        .await
        .expect("sent");
    let verdicts = connection.verdicts([1, 3], SOON).await;
    assert_eq!(verdicts, [Verdict::Answered(200), Verdict::Reset(1)]);
    // Stream zero is the connection's.
    connection.send(&raw::frame(Kind::Data, 0, 0, b"x")).await.expect("sent");
    assert_eq!(connection.end(SOON).await, Verdict::GoAway(1));
}
