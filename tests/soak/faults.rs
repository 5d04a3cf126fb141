//! One fault after another, each at another endpoint, with some seconds of peace between them.

use std::sync::Arc;
use std::time::Duration;

use switchback_testkit::{Answer, Backend, Behavior, Early, Ending, Framing, Health};

use super::stage::{Stage, well};
use super::tally::Takes;

const PEACE: Duration = Duration::from_secs(5);
const LASTS: Duration = Duration::from_secs(4);

/// What the next request, or connection, meets.
fn behaviors() -> Vec<(&'static str, Behavior)> {
    let framing = Framing::ContentLength;
    let ending = Ending::Rst;
    let early = Behavior::EarlyAnswer { answer: Answer::status(503), then: Early::Close(ending) };
    vec![
        ("refuses", Behavior::RefuseConnections),
        ("resets on accept", Behavior::ResetOnAccept),
        ("SYN dropped", Behavior::DropSyns),
        ("silent", Behavior::AcceptAndSilent { reads: true }),
        ("closes before the answer", Behavior::CloseBeforeAnswer(ending)),
        ("500", Behavior::status(500)),
        ("503, one of three", Behavior::status(503).sometimes(0.3, 503)),
        ("slow", Behavior::ok_after(Duration::from_millis(700)).sometimes(0.5, 700)),
        ("half a header", Behavior::TruncatedHeader(Ending::Fin)),
        ("garbage", Behavior::Garbage("no HTTP\r\n\r\n".into())),
        ("header bomb", Behavior::HugeHeader(1_200_000)),
        ("early answer", early),
        ("body cut off", Behavior::TruncatedBody { framing, declared: 1_000, sent: 10, ending }),
        ("body stalled", Behavior::StalledBody { framing, declared: 1_000, sent: 10 }),
        ("closes after each second", Behavior::CloseAfterEvery { answers: 2, ending }),
        ("half a body read", Behavior::ReadHalfOfBodyThenReset),
    ]
}

pub(crate) async fn in_turn(stage: Arc<Stage>) {
    let behaviors = behaviors();
    let mut turn = 0;
    while !stage.is_over() {
        stage.rest(PEACE).await;
        let ill = &stage.web[turn % stage.web.len()];
        match behaviors.get(turn % (behaviors.len() + 5)) {
            Some((name, behavior)) => {
                let takes = if name.starts_with("body") { Takes::Answers } else { Takes::Posts };
                let fault = stage.tally.begin(name, takes);
                ill.set(behavior.clone());
                if matches!(behavior, Behavior::ResetOnAccept) {
                    // Kept connections would go on: this acts on new ones.
                    ill.disconnect(Ending::Rst).await;
                }
                stage.rest(LASTS).await;
                ill.set(well());
                stage.tally.end(fault);
            }
            None => life_and_death(&stage, ill, turn).await,
        }
        turn += 1;
    }
}

async fn life_and_death(stage: &Stage, ill: &Backend, turn: usize) {
    let (name, takes) = match turn % 5 {
        0 => ("killed", Takes::Answers),
        1 => ("stopped", Takes::Answers),
        2 => ("flapping", Takes::Answers),
        3 => ("refuses probes", Takes::Posts),
        _ => ("restarted gracefully", Takes::Posts),
    };
    let fault = stage.tally.begin(name, takes);
    match turn % 5 {
        0 => {
            ill.kill().await;
            stage.rest(LASTS).await;
            ill.restart();
        }
        1 => {
            ill.pause();
            stage.rest(LASTS).await;
            ill.resume();
        }
        2 => {
            let flapping = ill.flap(Duration::from_millis(700), Duration::from_millis(700));
            stage.rest(LASTS).await;
            drop(flapping);
        }
        3 => {
            ill.set_health(Health::Status(503));
            stage.rest(LASTS).await;
            ill.set_health(Health::Healthy);
        }
        _ => ill.restart_gracefully(Duration::from_secs(3), Duration::from_secs(1)).await,
    }
    stage.tally.end(fault);
}
