//! Clients that take little or nothing of their answers.

use std::time::Instant;

use switchback_testkit::{Answer, Backend, Behavior, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::{SOON, assert_took, connect, hit, limited, ms};

const GET: &[u8] = b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n";

/// More than fits into all the buffers on the way.
async fn large() -> Backend {
    Backend::with(Behavior::Answer(Answer::ok(vec![b'x'; 50_000_000]))).await
}

#[tokio::test]
async fn who_takes_nothing_is_given_up_and_its_endpoint_is_left() {
    let backend = large().await;
    let gateway = limited(&backend, "send_timeout: 1s").await;
    let mut client = connect(gateway.addr(), "127.0.0.1", Some(16 * 1024)).await;
    client.write_all(GET).await.expect("sent");
    eventually(SOON, "it is asked", async || backend.open_connections() == 1).await;
    let began = Instant::now();
    let left = async || backend.open_connections() == 0;
    eventually(SOON, "the endpoint is left", left).await;
    assert_took(began, 700..4_000);
    let line = gateway.log_line_for("/large").await;
    assert_eq!((&line["status"], &line["origin"]), (&200.into(), &"client".into()), "{line}");
    assert_eq!(line["attempts"][0]["outcome"], "client_gone", "{line}");
    let none = async || gateway.metric("switchback_connections", &[]).await == 0.0;
    eventually(SOON, "the client is left", none).await;
    assert_eq!(hit(&gateway, "send_timeout").await, 1.0);
}

/// That something was taken is seen when a third of what the kernel holds for the client has gone, which
/// may be a megabyte; so little means more than that within the limit.
#[tokio::test]
async fn who_takes_its_time_is_served_to_the_end() {
    const ALL: usize = 50_000_000;
    let backend = large().await;
    let gateway = limited(&backend, "send_timeout: 1s").await;
    let mut client = connect(gateway.addr(), "127.0.0.1", Some(64 * 1024)).await;
    client.write_all(GET).await.expect("sent");
    let (mut took, mut paused, mut buffer) = (0, 0, vec![0; 64 * 1024]);
    // For three times the limit, then all that is left.
    let began = Instant::now();
    while took < ALL {
        let length = timeout(SOON, client.read(&mut buffer)).await.expect("in time");
        let length = length.expect("bytes");
        assert!(length > 0, "it ended after {took} bytes, {:?}", began.elapsed());
        took += length;
        if took - paused >= 1_000_000 && began.elapsed() < ms(3_000) {
            paused = took;
            tokio::time::sleep(ms(200)).await;
        }
    }
    assert!(began.elapsed() > ms(3_000), "it was no slow reader");
    let line = gateway.log_line_for("/large").await;
    assert_eq!(line["attempts"][0]["outcome"], "completed", "{line}");
}
