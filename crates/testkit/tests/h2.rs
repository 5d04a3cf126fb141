//! The HTTP/2 backend does what it says, as seen by another implementation's client.

use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Error, Reason};
use switchback_testkit::{H2Backend, H2Behavior, eventually};
use tokio::net::TcpStream;

const SOON: Duration = Duration::from_secs(5);
/// Two of them fill the window that a connection begins with.
const BODY: usize = 40_000;

async fn connect(backend: &H2Backend) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(backend.addr()).await.expect("the backend listens");
    let (client, connection) = h2::client::handshake(stream).await.expect("a handshake");
    tokio::spawn(connection);
    client
}

async fn post(client: &SendRequest<Bytes>, id: &str) -> Result<u16, Error> {
    let mut client = client.clone().ready().await?;
    let request = http::Request::post("http://a/p?q=1").header("x-test-id", id).body(());
    let (answer, mut body) = client.send_request(request.expect("a request"), false)?;
    // An early end of the stream says more than that nothing more could be written.
    _ = body.send_data(Bytes::from_static(&[b'b'; BODY]), true);
    let answer = tokio::time::timeout(SOON, answer).await.expect("in time")?;
    Ok(answer.status().as_u16())
}

#[tokio::test]
async fn requests_are_read_recorded_and_answered() {
    let backend = H2Backend::with(H2Behavior::Answer(201)).await;
    let client = connect(&backend).await;
    assert_eq!(post(&client, "a").await.expect("an answer"), 201);
    assert_eq!(post(&client, "b").await.expect("an answer"), 201);
    let recorded = backend.recorded();
    assert_eq!((&*recorded[1].method, &*recorded[1].target), ("POST", "/p?q=1"));
    assert_eq!((recorded[1].body_len, recorded[1].nth), (BODY as u64, 1));
    assert_eq!((backend.requests(), backend.connections(), backend.executions("a")), (2, 1, 1));
}

#[tokio::test]
async fn a_refused_stream_is_unread_and_the_connection_goes_on() {
    let backend = H2Backend::with(H2Behavior::RefuseFirst(2)).await;
    let client = connect(&backend).await;
    for _ in 0..2 {
        let refused = post(&client, "a").await.expect_err("a reset");
        assert_eq!(refused.reason(), Some(Reason::REFUSED_STREAM));
    }
    assert_eq!(post(&client, "a").await.expect("an answer"), 200);
    assert_eq!((backend.turned_away(), backend.executions("a")), (2, 1));
}

#[tokio::test]
async fn an_executed_request_is_reset_or_cut_off() {
    for (behavior, reason) in [
        (H2Behavior::Reset(8), Some(Reason::CANCEL)),
        (H2Behavior::Reset(2), Some(Reason::INTERNAL_ERROR)),
        (H2Behavior::GoawayThenClose, Some(Reason::NO_ERROR)),
        (H2Behavior::CloseBeforeAnswer, None),
    ] {
        let backend = H2Backend::with(behavior).await;
        let client = connect(&backend).await;
        let failed = post(&client, "a").await.expect_err("no answer");
        assert!(failed.reason() == reason || failed.is_io(), "{behavior:?}: {failed}");
        assert_eq!((backend.turned_away(), backend.executions("a")), (0, 1), "{behavior:?}");
    }
}

#[tokio::test]
async fn a_goaway_below_a_request_disowns_it() {
    for (answers, close) in [(0, true), (0, false), (4, true), (4, false)] {
        let backend = H2Backend::with(H2Behavior::GoawayBelow { answers, close }).await;
        let client = connect(&backend).await;
        for _ in 0..answers {
            assert_eq!(post(&client, "a").await.expect("an answer"), 200);
        }
        let disowned = post(&client, "a").await.expect_err("no answer");
        assert!(disowned.is_go_away() || disowned.is_io(), "{disowned}");
        assert_eq!(backend.turned_away(), 1);
        assert_eq!((backend.requests(), backend.executions("a")), (u64::from(answers) + 1, 0));
    }
}

#[tokio::test]
async fn an_answer_can_be_the_last_of_its_connection() {
    let backend = H2Backend::with(H2Behavior::AnswerAndGoaway).await;
    let client = connect(&backend).await;
    assert_eq!(post(&client, "a").await.expect("an answer"), 200);
    let over = async || post(&client, "b").await.is_err();
    eventually(SOON, "the connection takes no more", over).await;
}
