//! The schedule over reloads, in virtual time: with a real gateway's pools, and a probe that only counts.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Mutex;

use async_trait::async_trait;
use switchback_core::plan::{Admin, EndpointPlan, LogFormat, Plan, PoolPlan};
use switchback_runtime::{Gateway, Override};
use switchback_telemetry::{AccessLog, Sink};
use tokio::time::sleep;

use super::*;

const INTERVAL: Duration = Duration::from_secs(2);
const HOUR: Duration = Duration::from_secs(3600);

/// It does not answer.
const SILENT: u16 = 99;

/// When each port was probed. A mock: nothing stands behind it.
#[derive(Default)]
struct Seen(Mutex<Vec<(u16, Instant)>>);

#[async_trait]
impl HealthCheck for Seen {
    async fn check(&self, target: &Backend) -> pingora_core::Result<()> {
        let port = target.addr.as_inet().unwrap().port();
        self.0.lock().unwrap().push((port, Instant::now()));
        if port == SILENT {
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    fn health_threshold(&self, _success: bool) -> usize {
        1
    }
}

struct Bed {
    gateway: Arc<Gateway>,
    seen: Arc<Seen>,
    given: watch::Sender<Schedule>,
    _task: JoinSet<Infallible>,
}

fn address(port: u16) -> SocketAddr {
    ([10, 0, 0, 1], port).into()
}

fn plan(ports: &[u16], interval: Duration) -> Plan {
    let endpoints = ports.iter().map(|port| EndpointPlan::at(address(*port))).collect();
    let mut pool = PoolPlan::of("web", endpoints);
    let concurrency = NonZeroU32::new(8).unwrap();
    pool.health = Some(HealthPlan { interval, concurrency, ..HealthPlan::default() });
    Plan::of(vec![pool])
}

impl Bed {
    fn new(ports: &[u16], interval: Duration) -> Self {
        let (log, _guard) = AccessLog::start(&Sink::Off, &LogFormat::Json).unwrap();
        let gateway = Gateway::new(plan(ports, interval), log, "1.2.3");
        let seen = Arc::new(Seen::default());
        let given = watch::Sender::new(schedule(&gateway, &seen));
        let mut task = JoinSet::new();
        task.spawn(run(given.subscribe()));
        Self { gateway, seen, given, _task: task }
    }

    fn reload(&self, ports: &[u16], interval: Duration) {
        self.gateway.reload(plan(ports, interval));
        self.given.send_replace(schedule(&self.gateway, &self.seen));
    }

    /// How often a port was probed since `since`.
    fn probes(&self, port: u16, since: Instant) -> usize {
        let seen = self.seen.0.lock().unwrap();
        seen.iter().filter(|(at, when)| *at == port && *when >= since).count()
    }
}

fn schedule(gateway: &Gateway, seen: &Arc<Seen>) -> Schedule {
    let pool = gateway.current().pools[0].clone();
    let plan = pool.plan.health.clone().unwrap();
    let shared = Arc::new(Shared::new(8));
    Schedule { pool, plan, probe: seen.clone(), shared }
}

#[tokio::test(start_paused = true)]
async fn reloads_faster_than_the_interval_put_no_probe_off() {
    let bed = Bed::new(&[1, 2, 3], INTERVAL);
    sleep(INTERVAL).await;
    let start = Instant::now();
    for n in 0..200 {
        // Another endpoint comes and goes each time.
        bed.reload(if n % 2 == 0 { &[1, 2, 3, 4] } else { &[1, 3, 2] }, INTERVAL);
        sleep(Duration::from_millis(300)).await;
    }
    for port in [1, 2, 3] {
        let probes = bed.probes(port, start);
        assert!((25..=38).contains(&probes), "{port}: {probes} in a minute");
    }
    assert_eq!(bed.probes(4, start), 100, "each time it came it was probed at once");
}

#[tokio::test(start_paused = true)]
async fn who_has_gone_is_not_probed_and_who_took_his_place_is() {
    let bed = Bed::new(&[1, 2], INTERVAL);
    sleep(INTERVAL).await;
    bed.reload(&[1, 3], INTERVAL);
    let reloaded = Instant::now();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(bed.probes(3, reloaded), 1);
    sleep(5 * INTERVAL).await;
    assert_eq!(bed.probes(2, reloaded), 0);
    assert!(bed.probes(3, reloaded) > 3);
}

#[tokio::test(start_paused = true)]
async fn a_shorter_interval_counts_from_now_on() {
    let bed = Bed::new(&[1, 2], HOUR);
    sleep(10 * INTERVAL).await;
    bed.reload(&[1, 2], INTERVAL);
    let reloaded = Instant::now();
    sleep(3 * INTERVAL).await;
    for port in [1, 2] {
        assert!(bed.probes(port, reloaded) >= 2, "{port}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_switched_off_at_run_time_is_not_probed_until_he_is_on_again() {
    let bed = Bed::new(&[1, 2], INTERVAL);
    sleep(INTERVAL).await;
    let off = Override { admin: Some(Admin::Disabled), weight: None };
    bed.gateway.override_endpoint("web", address(1), off).unwrap();
    let since = Instant::now();
    sleep(5 * INTERVAL).await;
    assert_eq!(bed.probes(1, since), 0);
    bed.gateway.override_endpoint("web", address(1), Override::default()).unwrap();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(bed.probes(1, since), 1);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_and_returns_while_he_is_probed_is_not_probed_twice_from_then_on() {
    let bed = Bed::new(&[1, SILENT], INTERVAL);
    sleep(INTERVAL).await;
    let off = Override { admin: Some(Admin::Disabled), weight: None };
    for _ in 0..12 {
        for change in [off, Override::default()] {
            bed.gateway.override_endpoint("web", address(SILENT), change).unwrap();
            sleep(Duration::from_millis(50)).await;
        }
    }
    sleep(INTERVAL).await;
    let since = Instant::now();
    sleep(20 * INTERVAL).await;
    let probes = bed.probes(SILENT, since);
    assert!(probes <= 26, "{probes} in 20 intervals");
}
