//! Everybody else: clients that leave, that are slow, idle or silent, that chat, that make no sense, that flood.
//!
//! Of them only those are judged who were promised something: a slow reader gets all of its answer, a chat goes on
//! whatever is reloaded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use switchback_testkit::raw::{self, Kind, RawH2};
use switchback_testkit::{Client, Load};
use tokio::task::JoinSet;

use super::stage::{BIG, Stage};

pub(crate) fn join(tasks: &mut JoinSet<()>, stage: &Arc<Stage>) {
    for turn in 0..2 {
        tasks.spawn(slow_readers(Arc::clone(stage), Duration::from_millis(5 + 15 * turn)));
    }
    for turn in 0..4 {
        tasks.spawn(chats(Arc::clone(stage), turn));
    }
    tasks.spawn(leavers(Arc::clone(stage)));
    tasks.spawn(idlers(Arc::clone(stage)));
    tasks.spawn(nonsense(Arc::clone(stage)));
    tasks.spawn(floods(Arc::clone(stage)));
}

/// Those that leave in the middle of a request, while they wait, or in the middle of the answer.
async fn leavers(stage: Arc<Stage>) {
    let mix = [("GET", 0), ("PUT", 20_000), ("POST", 500), ("HEAD", 0)];
    let load = Load::new(stage.gateway.addr()).clients(2).mix(&mix).leave_every(1);
    let web = load.pace(Duration::from_millis(60)).duration(Duration::from_secs(5));
    let big = web.clone().target("/big").mix(&[("GET", 0)]).pace(Duration::from_millis(300));
    while !stage.is_over() {
        for _ in 0..web.clone().run().await.left {
            stage.tally.count("left");
        }
        for _ in 0..big.clone().run().await.left {
            stage.tally.count("left");
        }
    }
}

/// Large answers, read in sips.
async fn slow_readers(stage: Arc<Stage>, gap: Duration) {
    while !stage.is_over() {
        let (began, id) = (Instant::now(), format!("soak-{}", stage.number()));
        let outcome = async {
            let mut client =
                Client::connect(stage.gateway.addr()).await.map_err(|e| e.to_string())?;
            let request = format!("GET /big?{id} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            client.send_raw(request.as_bytes()).await.map_err(|e| e.to_string())?;
            let mut length = 0;
            loop {
                let piece = client.read_raw().await.map_err(|e| format!("cut: {e}"))?;
                length += piece.len();
                if piece.is_empty() {
                    break;
                }
                tokio::time::sleep(gap).await;
            }
            if length > BIG { Ok(()) } else { Err(format!("cut after {length} bytes")) }
        };
        let outcome = outcome.await;
        stage.tally.note(("slow reader", "GET", &id), began, outcome);
        stage.rest(Duration::from_millis(500)).await;
    }
}

/// The first chats for as long as the soak lasts, the others for some seconds.
async fn chats(stage: Arc<Stage>, turn: u64) {
    let lasts = if turn == 0 { u64::MAX } else { 5 * turn };
    let upgrade =
        "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    while !stage.is_over() {
        let (began, id) = (Instant::now(), format!("chat-{}", stage.number()));
        let outcome = async {
            let mut client =
                Client::connect(stage.gateway.addr()).await.map_err(|e| e.to_string())?;
            client.send_raw(upgrade.as_bytes()).await.map_err(|e| e.to_string())?;
            let head = client.read_raw().await.map_err(|e| e.to_string())?;
            if !head.starts_with(b"HTTP/1.1 101") {
                return Err(String::from_utf8_lossy(&head).into_owned());
            }
            for _ in 0..lasts {
                client.send_raw(b"still there?").await.map_err(|e| e.to_string())?;
                let echo = client.read_raw().await.map_err(|e| e.to_string())?;
                if echo != b"still there?" {
                    return Err(format!("the chat says {echo:?} after {:.1?}", began.elapsed()));
                }
                if stage.is_over() {
                    break;
                }
                stage.rest(Duration::from_millis(900)).await;
            }
            if turn.is_multiple_of(2) {
                client.close()
            } else {
                client.reset()
            }
            Ok(())
        };
        let outcome = outcome.await;
        stage.tally.note(("chat", "GET", &id), began, outcome);
    }
}

/// Connections that say nothing, or half of a request: some leave, some are shown the door.
async fn idlers(stage: Arc<Stage>) {
    let mut clients = std::collections::VecDeque::new();
    while !stage.is_over() {
        if let Ok(mut client) = Client::connect(stage.gateway.addr()).await {
            let said: &[u8] = match stage.number() % 3 {
                0 => b"",
                1 => b"GET /slow HTTP/1.1\r\nHost: a\r\nX-Half",
                _ => b"GET /idle HTTP/1.1\r\nHost: a\r\n\r\n",
            };
            let _ = client.send_raw(said).await;
            clients.push_back(client);
            stage.tally.count("idle");
        }
        // Some twelve seconds each, two more than the gateway keeps them.
        if clients.len() > 60 {
            clients.pop_front();
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

const NONSENSE: [&[u8]; 10] = [
    b"no HTTP\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhallo!",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nno frame at all, no frame at all",
];

async fn nonsense(stage: Arc<Stage>) {
    while !stage.is_over() {
        let turn = stage.number() as usize;
        let addresses = [stage.gateway.addr(), stage.gateway.spare_addr()];
        let address = addresses[usize::from(turn.is_multiple_of(5))];
        if let Ok(mut client) = Client::connect_within(address, Duration::from_secs(4)).await {
            let huge = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(60_000));
            let said = NONSENSE.get(turn % 11).copied().unwrap_or(huge.as_bytes());
            let _ = client.send_raw(said).await;
            let _ = client.read_raw().await;
            stage.tally.count("nonsense");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Every ten seconds one of three: connections, resets of HTTP/2, half headers of HTTP/2.
async fn floods(stage: Arc<Stage>) {
    let get = |n: usize| {
        let path = format!("/flood/{n}");
        raw::block(&[
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", &path),
        ])
    };
    let mut turn = 0;
    while !stage.is_over() {
        stage.rest(Duration::from_secs(10)).await;
        turn += 1;
        if turn % 3 == 0 {
            let mut clients = Vec::new();
            for _ in 0..300 {
                clients.extend(Client::connect(stage.gateway.addr()).await);
            }
            clients.into_iter().for_each(Client::reset);
        } else if let Ok(mut client) = RawH2::connect(stage.gateway.addr()).await {
            for n in 0..2_000 {
                let stream = 1 + 2 * n as u32;
                let bytes = match turn % 3 {
                    1 => [
                        raw::headers(stream, true, &get(n)),
                        raw::frame(Kind::RstStream, 0, stream, &8u32.to_be_bytes()),
                    ]
                    .concat(),
                    _ => raw::frame(Kind::Ping, 0, 0, &[0; 8]),
                };
                if client.send_only(&bytes).await.is_err() {
                    break;
                }
            }
            let _ = client.end(Duration::from_secs(2)).await;
        }
        stage.tally.count("flood");
    }
}
