//! What is seen of the process from outside, every few seconds.

use std::fmt;
use std::time::{Duration, Instant};

use switchback_testkit::Metrics;

use super::say;
use super::stage::Stage;
use super::tally::Takes;

const EVERY: Duration = Duration::from_secs(5);

/// How old a request is when nothing can become of it any more: older than any time limit here.
const SETTLED: Duration = Duration::from_secs(30);

/// What the kernel says of the process.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Outside {
    /// KiB.
    pub(crate) resident: u64,
    pub(crate) descriptors: usize,
    pub(crate) threads: u64,
    /// Of the processor, ten milliseconds each.
    ticks: u64,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    at: Duration,
    pub(crate) outside: Outside,
    /// Percent of a processor since the last reading.
    processor: f64,
    /// Of `/metrics`.
    requests: f64,
    connections: f64,
    waiting: f64,
    attempts: f64,
    generation: f64,
    /// Of the clients.
    done: u64,
    failed: u64,
}

const HEAD: &str = "time_s,rss_kib,descriptors,threads,cpu_percent,requests,connections,waiting,\
                    attempts,generation,done,failed";

impl Outside {
    pub(crate) fn of(stage: &Stage) -> Self {
        let pid = stage.gateway.pid();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
            line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
        };
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
        // The name in parentheses may hold anything; utime and stime are the 12th and 13th behind it.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let ticks = fields.split_whitespace().skip(11).take(2);
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("a process");
        Self {
            resident: number("VmRSS:"),
            threads: number("Threads:"),
            descriptors: descriptors.count(),
            ticks: ticks.filter_map(|it| it.parse::<u64>().ok()).sum(),
        }
    }
}

impl Reading {
    pub(crate) async fn of(stage: &Stage) -> Self {
        let outside = Outside::of(stage);
        let metrics = scrape(stage).await;
        let (done, failed) = stage.tally.counts().requests();
        Self {
            outside,
            requests: sum(&metrics, "switchback_requests_in_flight"),
            connections: sum(&metrics, "switchback_connections"),
            waiting: sum(&metrics, "switchback_pool_waiting"),
            attempts: sum(&metrics, "switchback_endpoint_in_flight"),
            generation: sum(&metrics, "switchback_config_generation"),
            done,
            failed,
            ..Self::default()
        }
    }

    /// Whether it is from after this time.
    pub(crate) fn is_after(&self, time: Duration) -> bool {
        self.at >= time
    }

    /// Nobody has anything to do with it.
    pub(crate) fn is_at_rest(&self) -> bool {
        [self.requests, self.connections, self.waiting, self.attempts].iter().all(|it| *it == 0.0)
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outside { resident, descriptors, threads, .. } = self.outside;
        let Self { requests, connections, waiting, attempts, generation, .. } = self;
        let (at, done, failed) = (self.at.as_secs_f32(), self.done, self.failed);
        write!(f, "{at:.0},{resident},{descriptors},{threads},{:.1},", self.processor)?;
        write!(f, "{requests},{connections},{waiting},{attempts},{generation},{done},{failed}")
    }
}

/// What `/metrics` says. A scrape that fails is a request that failed.
async fn scrape(stage: &Stage) -> Metrics {
    for _ in 0..5 {
        let began = Instant::now();
        let outcome = match stage.gateway.admin("GET", "/metrics").await {
            Ok(answer) if answer.status == 200 && answer.complete => {
                stage.tally.note(("scrape", "GET", "-"), began, Ok(()));
                return Metrics::parse(&answer.text());
            }
            Ok(answer) => format!("cut: {:?} after {}", answer.end, answer.status),
            Err(error) => error.to_string(),
        };
        stage.tally.note(("scrape", "GET", "-"), began, Err(outcome));
    }
    panic!("/metrics does not answer")
}

/// How often the kernel has given connections up for want of memory.
fn given_up() -> u64 {
    let text = std::fs::read_to_string("/proc/net/netstat").unwrap_or_default();
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let [names, values] = [(); 2].map(|()| lines.next().unwrap_or_default().split(' '));
    let found = names.zip(values).find(|(name, _)| *name == "TCPAbortOnMemory");
    found.and_then(|(_, value)| value.parse().ok()).unwrap_or_default()
}

fn sum(metrics: &Metrics, name: &str) -> f64 {
    metrics.sum(name, &[])
}

/// The least of some seconds: probes come and go.
pub(crate) async fn at_rest(stage: &Stage) -> Reading {
    let mut least = Reading::of(stage).await;
    for _ in 0..30 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let next = Reading::of(stage).await;
        if next.outside.descriptors <= least.outside.descriptors {
            least = next;
        }
    }
    least
}

/// As long as the soak lasts, a line each.
pub(crate) async fn over(stage: &Stage, length: Duration) -> Vec<Reading> {
    say(&format!("SOAK {HEAD}"));
    let (began, mut readings) = (Instant::now(), Vec::<Reading>::new());
    let mut last = (Instant::now(), Outside::of(stage).ticks);
    let mut abandoned = given_up();
    while began.elapsed() < length {
        tokio::time::sleep(EVERY.min(length - began.elapsed().min(length))).await;
        let mut reading = Reading::of(stage).await;
        reading.at = began.elapsed();
        let ticks = reading.outside.ticks;
        reading.processor = (ticks - last.1) as f64 / last.0.elapsed().as_secs_f64();
        if given_up() > abandoned {
            stage.tally.was("the kernel had no memory for TCP", Takes::Anything, last.0);
            abandoned = given_up();
        }
        last = (Instant::now(), ticks);
        say(&format!("SOAK {reading}"));
        readings.push(reading);
        stage.collect(SETTLED);
    }
    readings
}
