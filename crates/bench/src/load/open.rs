//! The open load: requests at fixed times.
//!
//! A request's latency counts from when it was *due*, not from when it was sent: who waits behind a slow answer waits, too.
//! (Counted from the sending, one stall of a second would be one slow request instead of a thousand; Gil Tene calls that
//! coordinated omission.) The times are kept by looking at the clock in a loop, for a timer of Tokio's is good to a
//! millisecond, which is ten times what is measured. So the load's CPU is always busy, and has the proxy's answers at once.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::{JoinSet, yield_now};

use crate::Failure;
use crate::client::Target;
use crate::modes::cpu::Rounds;
use crate::scenario::Scenario;

/// Sends `rate` requests a second for a round, over the connections of its clients in turn; the latencies in nanoseconds,
/// sorted. The first fifth of the time is not measured.
pub(crate) async fn latencies(
    target: &Target,
    scenario: Scenario,
    Rounds { time, clients: connections, .. }: Rounds,
    rate: u32,
) -> Result<Vec<u64>, Failure> {
    let requests: Arc<[Bytes]> = scenario.requests().into();
    let mut queues = Vec::new();
    let mut clients: JoinSet<io::Result<Vec<u64>>> = JoinSet::new();
    let begin = Instant::now() + Duration::from_millis(100);
    let from = begin + time / 5;
    for _ in 0..connections {
        let (queue, mut due_at) = unbounded_channel::<Instant>();
        queues.push(queue);
        let mut client = target.client().await?;
        let requests = Arc::clone(&requests);
        clients.spawn(async move {
            let (mut buffer, mut measured) = (Vec::new(), Vec::new());
            let mut requests = requests.iter().cycle();
            while let (Some(due), Some(request)) = (due_at.recv().await, requests.next()) {
                client.exchange(request, scenario.answered(), &mut buffer).await?;
                if due >= from {
                    measured.push(u64::try_from(due.elapsed().as_nanos()).unwrap_or(u64::MAX));
                }
            }
            Ok(measured)
        });
    }
    for (due, queue) in times(begin, rate, time).zip(queues.iter().cycle()) {
        while Instant::now() < due {
            yield_now().await;
        }
        // A client that has gone tells why below.
        let _ = queue.send(due);
    }
    drop(queues);
    let mut all = Vec::new();
    while let Some(client) = clients.join_next().await {
        all.extend(client??);
    }
    all.sort_unstable();
    Ok(all)
}

/// When requests are due.
fn times(begin: Instant, rate: u32, time: Duration) -> impl Iterator<Item = Instant> {
    let interval = Duration::from_secs(1) / rate.max(1);
    let count = u32::try_from(time.as_nanos() / interval.as_nanos().max(1)).unwrap_or(u32::MAX);
    (0..count).map(move |n| begin + interval * n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_at_even_distances() {
        let begin = Instant::now();
        let times: Vec<_> = times(begin, 1_000, Duration::from_secs(3)).collect();
        assert_eq!(times.len(), 3_000);
        assert_eq!(times[2_999] - begin, Duration::from_millis(2_999));
    }
}
