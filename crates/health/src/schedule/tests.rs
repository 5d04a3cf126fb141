//! The schedule in virtual time, with a probe that answers as it is told.

use std::collections::BTreeMap;
use std::future::pending;
use std::net::SocketAddr as Address;
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::SystemTime;

use async_trait::async_trait;
use pingora_core::{Error, ErrorType};
use rustix::io::Errno;
use switchback_core::plan::{EndpointPlan, PoolPlan};
use switchback_runtime::Clock;
use switchback_telemetry::metrics::Format;
use switchback_telemetry::{Metrics, Vocabulary};
use tokio::time::sleep;

use super::*;
use crate::shared::BEAT;

const INTERVAL: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(1);
const FALL: u32 = 3;
/// A dead endpoint beside any number of others must be out after this long.
const FOUND_WITHIN: Duration = INTERVAL.saturating_mul(2 * FALL);
/// How late a probe may be: to the next beat, and Tokio's timers are good to a millisecond, rounded up.
const TICK: Duration = BEAT.saturating_add(Duration::from_millis(1));

/// What an endpoint does to a probe.
#[derive(Clone, Copy)]
enum Does {
    PassAfter(Duration),
    Refuse,
    NotAnswer,
    Panic,
    /// It is never asked: the gateway has no descriptor left.
    GoUnasked,
}

const PASS: Does = Does::PassAfter(Duration::from_millis(1));

/// A mock: no endpoint and no network stands behind it. Endpoints are told apart by their port.
struct Mock {
    does: Mutex<Vec<Does>>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// When the probes of each endpoint began.
    starts: BTreeMap<usize, Vec<Instant>>,
    now: BTreeSet<usize>,
    /// Who was probed while it was being probed. Not asserted at once: a panic is a failed probe.
    twice: BTreeSet<usize>,
    most_at_once: usize,
}

/// Counts as being probed until it is dropped, be it by a timeout or a panic.
struct Asked<'a>(&'a Mock, usize);

impl<'a> Asked<'a> {
    fn new(mock: &'a Mock, endpoint: usize) -> Self {
        let mut seen = mock.seen.lock().unwrap();
        if !seen.now.insert(endpoint) {
            seen.twice.insert(endpoint);
        }
        seen.most_at_once = seen.most_at_once.max(seen.now.len());
        seen.starts.entry(endpoint).or_default().push(Instant::now());
        Self(mock, endpoint)
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.0.seen.lock().unwrap().now.remove(&self.1);
    }
}

#[async_trait]
impl HealthCheck for Mock {
    async fn check(&self, target: &Backend) -> pingora_core::Result<()> {
        let endpoint = usize::from(target.addr.as_inet().unwrap().port()) - 1;
        let _asked = Asked::new(self, endpoint);
        let does = self.does.lock().unwrap()[endpoint];
        match does {
            Does::PassAfter(time) => sleep(time).await,
            Does::Refuse => return Err(Error::new(ErrorType::ConnectRefused)),
            Does::NotAnswer => pending().await,
            Does::Panic => panic!("a bug in the probe"),
            Does::GoUnasked => {
                let error = std::io::Error::from_raw_os_error(Errno::MFILE.raw_os_error());
                return Error::e_because(ErrorType::SocketError, "failed to create socket", error);
            }
        }
        Ok(())
    }

    fn health_threshold(&self, _success: bool) -> usize {
        1
    }
}

/// A pool that is being probed, until it is dropped.
struct Probed {
    pool: Arc<PoolHandle>,
    mock: Arc<Mock>,
    metrics: Metrics,
    start: Instant,
    task: JoinSet<Infallible>,
    _given: watch::Sender<Schedule>,
}

impl Probed {
    fn new(does: Vec<Does>, concurrency: u32) -> Self {
        let health = HealthPlan {
            interval: INTERVAL,
            timeout: TIMEOUT,
            fall: NonZeroU32::new(FALL).unwrap(),
            concurrency: NonZeroU32::new(concurrency).unwrap(),
            ..HealthPlan::default()
        };
        Self::with(does, health)
    }

    fn with(does: Vec<Does>, health: HealthPlan) -> Self {
        Self::within(does, health, 1 << 20)
    }

    /// With so many probes at once over all pools.
    fn within(does: Vec<Does>, health: HealthPlan, slots: usize) -> Self {
        let vocabulary = Vocabulary {
            outcomes: &[],
            statuses: &["pending", "healthy", "failing"],
            decisions: &[],
            reasons: &[],
            refusals: &[],
            causes: &[],
        };
        let metrics = Metrics::new(vocabulary, "1.2.3", SystemTime::UNIX_EPOCH);
        let pool = Arc::new(PoolHandle::new(
            plan(does.len(), &health),
            &metrics,
            Clock::start(),
            Default::default(),
        ));
        let mock = Arc::new(Mock { does: Mutex::new(does), seen: Mutex::default() });
        let shared = Arc::new(Shared::new(slots));
        let schedule = Schedule { pool: pool.clone(), plan: health, probe: mock.clone(), shared };
        let mut task = JoinSet::new();
        let given = watch::Sender::new(schedule);
        task.spawn(run(given.subscribe()));
        Self { pool, mock, metrics, start: Instant::now(), task, _given: given }
    }

    fn set(&self, endpoint: usize, does: Does) {
        self.mock.does.lock().unwrap()[endpoint] = does;
    }

    /// How long it takes until `endpoint` has come to `status`, to a hundredth of a second.
    async fn until(&self, endpoint: usize, status: Status) -> Duration {
        let begin = Instant::now();
        while self.pool.endpoints()[endpoint].status != status {
            sleep(Duration::from_millis(10)).await;
            assert!(begin.elapsed() < Duration::from_secs(600), "{endpoint} is not {status}");
        }
        begin.elapsed()
    }

    /// When the probes of `endpoint` began, since the start.
    fn starts(&self, endpoint: usize) -> Vec<Duration> {
        let seen = self.mock.seen.lock().unwrap();
        let starts = seen.starts.get(&endpoint).into_iter().flatten();
        starts.map(|began| began.duration_since(self.start)).collect()
    }

    fn gaps(&self, endpoint: usize) -> Vec<Duration> {
        self.starts(endpoint).windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    fn most_at_once(&self) -> usize {
        self.mock.seen.lock().unwrap().most_at_once
    }

    fn lag(&self) -> f64 {
        let rendered = self.metrics.render(Format::OpenMetrics);
        let series = "switchback_probe_lag_seconds{pool=\"web\"} ";
        let value = rendered.lines().find_map(|line| line.strip_prefix(series)).unwrap();
        value.parse().unwrap()
    }
}

impl Drop for Probed {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let twice = &self.mock.seen.lock().unwrap().twice;
            assert!(twice.is_empty(), "probed twice at once: {twice:?}");
        }
    }
}

fn plan(endpoints: usize, health: &HealthPlan) -> PoolPlan {
    let endpoint = |port| EndpointPlan::at(Address::from(([127, 0, 0, 1], port)));
    let endpoints = (1..).map(endpoint).take(endpoints).collect();
    PoolPlan { health: Some(health.clone()), ..PoolPlan::of("web", endpoints) }
}

/// `good` that pass, then `silent` that do not answer.
fn mixed(good: usize, silent: usize) -> Vec<Does> {
    [vec![PASS; good], vec![Does::NotAnswer; silent]].concat()
}

/// Was 36 s.
#[tokio::test(start_paused = true)]
async fn a_dead_endpoint_is_found_in_time_among_a_thousand_silent_ones() {
    for dead in [Does::NotAnswer, Does::Refuse] {
        for settled in [Duration::ZERO, Duration::from_secs(10), Duration::from_secs(100)] {
            let probed = Probed::new(mixed(1, 1_000), 64);
            probed.until(0, Status::Healthy).await;
            sleep(settled).await;
            probed.set(0, dead);
            let found = probed.until(0, Status::Failing).await;
            // What the documentation says of a pool that is not saturated: it has slots of its own.
            assert!(found < Duration::from_secs(6), "{found:?} after {settled:?}");
            assert!(found < FOUND_WITHIN);
            assert!(probed.most_at_once() <= 64);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_is_good_at_the_end_of_the_list_is_found_in_time_too() {
    let mut does = mixed(0, 1_001);
    does[1_000] = PASS;
    let probed = Probed::new(does, 64);
    let first = probed.until(1_000, Status::Healthy).await;
    assert!(first < Duration::from_secs(17), "{first:?} for one round with all slots");
    probed.set(1_000, Does::NotAnswer);
    let found = probed.until(1_000, Status::Failing).await;
    assert!(found < Duration::from_secs(6), "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_good_ones_keep_their_interval_beside_a_thousand_silent_ones() {
    let probed = Probed::new(mixed(1_000, 1_000), 64);
    sleep(Duration::from_secs(120)).await;
    for endpoint in 0..1_000 {
        // The first round is of unknown ones.
        let gaps = probed.gaps(endpoint);
        assert!(gaps.len() > 40, "{} probes", gaps.len());
        let longest = gaps.into_iter().max().unwrap();
        assert!(longest < Duration::from_millis(2_450), "{endpoint}: {longest:?}");
    }
    assert!(probed.most_at_once() <= 64);
}

#[tokio::test(start_paused = true)]
async fn a_silent_one_that_recovers_is_found_although_the_good_alone_fill_every_slot() {
    // 100 that take a second each want 50 slots, and there are 8.
    let mut does = vec![Does::PassAfter(Duration::from_millis(900)); 100];
    does.extend(mixed(0, 10));
    let probed = Probed::new(does, 8);
    probed.until(105, Status::Failing).await;
    sleep(Duration::from_secs(100)).await;
    probed.set(105, PASS);
    let found = probed.until(105, Status::Healthy).await;
    assert!(found < Duration::from_secs(30), "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn one_of_a_thousand_silent_ones_that_recovers_is_found_within_a_round() {
    let probed = Probed::new(mixed(1, 1_000), 64);
    sleep(Duration::from_secs(100)).await;
    probed.set(500, PASS);
    let found = probed.until(500, Status::Healthy).await;
    // A thousand seconds of silence in 48 slots, and one quick second look.
    assert!(found < Duration::from_secs(23), "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn with_a_single_slot_the_good_one_still_gets_every_second_turn() {
    let probed = Probed::new(mixed(1, 50), 1);
    probed.until(0, Status::Healthy).await;
    sleep(Duration::from_secs(20)).await;
    probed.set(0, Does::NotAnswer);
    let found = probed.until(0, Status::Failing).await;
    assert!(found < FOUND_WITHIN, "{found:?}");
    assert_eq!(probed.most_at_once(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_all_pools_may_probe_at_once_is_not_exceeded_and_nobody_fails_of_waiting() {
    let slow = Does::PassAfter(Duration::from_millis(900));
    let health = HealthPlan { interval: INTERVAL, timeout: TIMEOUT, ..HealthPlan::default() };
    let probed = Probed::within(vec![slow; 20], health, 4);
    sleep(10 * INTERVAL).await;
    assert_eq!(probed.most_at_once(), 4);
    assert!(probed.pool.endpoints().iter().all(|it| it.status == Status::Healthy));
}

#[tokio::test(start_paused = true)]
async fn the_lag_says_whether_the_interval_is_kept() {
    let idle = Probed::new(mixed(100, 20), 64);
    for _ in 0..100 {
        sleep(Duration::from_millis(371)).await;
        assert!(idle.lag() < 0.01, "{}", idle.lag());
    }
    let saturated = Probed::new(mixed(1, 1_000), 64);
    sleep(Duration::from_secs(100)).await;
    for _ in 0..100 {
        sleep(Duration::from_millis(371)).await;
        // 1,000 s of silence in 48 slots, less the interval.
        assert!((17.0..21.0).contains(&saturated.lag()), "{}", saturated.lag());
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_panics_has_failed_and_the_next_one_comes() {
    let probed = Probed::new(mixed(2, 0), 1);
    probed.until(0, Status::Healthy).await;
    probed.set(0, Does::Panic);
    probed.until(0, Status::Failing).await;
    assert!(probed.metrics.render(Format::OpenMetrics).contains(
        "switchback_probes_total{pool=\"web\",endpoint=\"127.0.0.1:1\",result=\"fail\"} 3"
    ));
    let before = (probed.starts(0).len(), probed.starts(1).len());
    sleep(Duration::from_secs(60)).await;
    let after = (probed.starts(0).len(), probed.starts(1).len());
    assert!(after.0 >= before.0 + 20, "{before:?} {after:?}");
    assert!(after.1 >= before.1 + 20, "the slot of a panicked probe is free: {before:?} {after:?}");
    probed.set(0, PASS);
    probed.until(0, Status::Healthy).await;
}

/// With no descriptor left, every probe failed, and the gateway took out all that it had.
#[tokio::test(start_paused = true)]
async fn a_probe_that_could_not_be_made_says_nothing_of_its_endpoint() {
    let probed = Probed::new(vec![PASS, Does::Refuse, Does::GoUnasked], 64);
    probed.until(0, Status::Healthy).await;
    probed.until(1, Status::Failing).await;
    (0..2).for_each(|endpoint| probed.set(endpoint, Does::GoUnasked));
    sleep(INTERVAL * 2 * FALL).await;
    let statuses: Vec<_> = probed.pool.endpoints().iter().map(|it| it.status).collect();
    assert_eq!(statuses, [Status::Healthy, Status::Failing, Status::Pending]);
    assert!(probed.starts(0).len() > 4, "and it is probed on");
    probed.set(0, Does::Refuse);
    assert!(probed.until(0, Status::Failing).await < FOUND_WITHIN);
}

#[tokio::test(start_paused = true)]
async fn the_first_round_is_spread_over_the_interval() {
    let probed = Probed::new(mixed(1_000, 0), 64);
    sleep(INTERVAL + TICK).await;
    for endpoint in 0..1_000 {
        let due = first_probe_after(endpoint, 1_000, INTERVAL);
        let first = probed.starts(endpoint)[0];
        assert!((due..=due + TICK).contains(&first), "{endpoint}: {first:?}, due {due:?}");
    }
    assert!(probed.most_at_once() < 5);
}

#[tokio::test(start_paused = true)]
async fn the_interval_is_kept_and_jittered_from_start_to_start_of_slow_probes_too() {
    let does = [PASS, Does::PassAfter(Duration::from_millis(900)), Does::Refuse, Does::NotAnswer];
    let probed = Probed::new(does.to_vec(), 64);
    sleep(Duration::from_secs(2_000)).await;
    for endpoint in 0..does.len() {
        let gaps = probed.gaps(endpoint);
        for gap in &gaps {
            let (low, high) = (INTERVAL * 8 / 10, INTERVAL * 12 / 10 + TICK);
            assert!((low..=high).contains(gap), "{endpoint}: {gap:?}");
        }
        let mean = gaps.iter().sum::<Duration>().as_secs_f64() / gaps.len() as f64;
        assert!((mean - 2.0).abs() < 0.1, "{endpoint}: {mean}");
        let distinct: BTreeSet<_> = gaps.iter().collect();
        assert!(distinct.len() > gaps.len() / 8, "{endpoint}: no jitter");
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_longer_than_the_interval_delays_the_next_one_of_its_endpoint() {
    let health = HealthPlan { interval: TIMEOUT / 10, timeout: TIMEOUT, ..HealthPlan::default() };
    let probed = Probed::with(mixed(1, 2), health);
    sleep(30 * TIMEOUT).await;
    let probes: Vec<usize> = (0..3).map(|endpoint| probed.starts(endpoint).len()).collect();
    assert!((250..375).contains(&probes[0]), "{probes:?}");
    assert_eq!(probes[1..], [30, 30], "each after the one before");
}

#[tokio::test(start_paused = true)]
async fn a_scheduler_that_is_started_again_knows_who_was_healthy() {
    let probed = Probed::new(mixed(1, 100), 64);
    probed.until(0, Status::Healthy).await;
    let plan = probed.pool.plan.health.clone().unwrap();
    let mut queue = Queue::new(plan.concurrency);
    let shared = Arc::new(Shared::new(64));
    let schedule = Schedule { pool: probed.pool.clone(), plan, probe: probed.mock.clone(), shared };
    attend(&schedule, &mut queue, &mut Targets::default(), Instant::now());
    let later = Instant::now() + 2 * INTERVAL;
    let started: Vec<_> = std::iter::from_fn(|| queue.start(later)).collect();
    assert_eq!(started[0].endpoint, EndpointIndex(0));
    assert_eq!(started.len(), 49, "the others leave a quarter free for it: {started:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pool_without_endpoints_waits() {
    let probed = Probed::new(Vec::new(), 1);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(probed.task.len(), 1);
}

/// A pool whose endpoints are due once an hour, after its first round.
async fn hourly(does: Vec<Does>, concurrency: u32) -> Probed {
    let health = HealthPlan {
        interval: HOUR,
        fast_interval: HOUR,
        timeout: TIMEOUT,
        concurrency: NonZeroU32::new(concurrency).unwrap(),
        ..HealthPlan::default()
    };
    let probed = Probed::with(does, health);
    sleep(HOUR / 2).await;
    probed
}

const HOUR: Duration = Duration::from_secs(3_600);
/// Within which a probe begins that traffic asks for.
const ASKED_WITHIN: Duration = Duration::from_millis(100);

/// Asks for a probe; how long it takes until it begins.
async fn asked_for(probed: &Probed, endpoint: u32) -> Duration {
    let (at, before) = (probed.start.elapsed(), probed.starts(endpoint as usize).len());
    probed.pool.probe_requests().want(EndpointIndex(endpoint));
    sleep(Duration::from_millis(300)).await;
    let starts = probed.starts(endpoint as usize);
    assert_eq!(starts.len(), before + 1, "{starts:?}, asked for at {at:?}");
    starts[before] - at
}

#[tokio::test(start_paused = true)]
async fn whom_traffic_asks_for_is_probed_within_100_ms_and_jittered() {
    let probed = hourly(vec![PASS, Does::Refuse], 64).await;
    let mut waits = Vec::new();
    for round in 0..100 {
        waits.push(asked_for(&probed, round % 2).await);
    }
    assert!(waits.iter().all(|wait| *wait < ASKED_WITHIN), "{waits:?}");
    let distinct: BTreeSet<_> = waits.iter().collect();
    assert!(distinct.len() > 8, "no jitter: {waits:?}");
    sleep(HOUR / 4).await;
    assert_eq!(probed.starts(0).len(), 51, "and then as usual");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_silent_ones_do_not_delay_whom_traffic_asks_for() {
    let mut does = mixed(0, 1_000);
    does.push(Does::Refuse);
    // Nobody is fit, and the silent want more slots than there are.
    let probed = Probed::new(does, 64);
    sleep(Duration::from_secs(100)).await;
    for _ in 0..50 {
        let before = probed.starts(1_000).len();
        let at = probed.start.elapsed();
        probed.pool.probe_requests().want(EndpointIndex(1_000));
        sleep(Duration::from_millis(730)).await;
        let began = probed.starts(1_000)[before];
        assert!(began - at < ASKED_WITHIN, "{:?}", began - at);
    }
    assert!(probed.most_at_once() <= 64);
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_requests_is_one_probe_in_100_ms() {
    for does in [PASS, Does::Refuse, Does::PassAfter(Duration::from_millis(30))] {
        let probed = hourly(vec![does], 64).await;
        let before = probed.starts(0).len();
        for _ in 0..10_000 {
            probed.pool.probe_requests().want(EndpointIndex(0));
            sleep(TICK / 10).await;
        }
        let took = probed.start.elapsed() - HOUR / 2;
        sleep(HOUR / 4).await;
        let starts = probed.starts(0).split_off(before);
        let most = took.as_millis() / 100 + 2;
        assert!(
            (most * 3 / 4..=most).contains(&(starts.len() as u128)),
            "{} in {took:?}",
            starts.len()
        );
        for pair in starts.windows(2) {
            assert!(pair[1] - pair[0] >= ASKED_WITHIN, "{pair:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_storm_at_once_is_one_probe() {
    let probed = hourly(vec![PASS; 3], 64).await;
    for n in 0..10_000 {
        probed.pool.probe_requests().want(EndpointIndex(n % 2));
    }
    sleep(HOUR / 4).await;
    let starts: Vec<_> = (0..3).map(|endpoint| probed.starts(endpoint).len()).collect();
    assert_eq!(starts, [2, 2, 1]);
}

/// The one on the way may have begun before what traffic met.
#[tokio::test(start_paused = true)]
async fn the_probe_that_is_on_the_way_is_followed_by_another() {
    let long = Duration::from_millis(400);
    let probed = hourly(vec![Does::PassAfter(long)], 64).await;
    probed.pool.probe_requests().want(EndpointIndex(0));
    sleep(Duration::from_millis(150)).await;
    assert_eq!(probed.starts(0).len(), 2, "on the way");
    probed.pool.probe_requests().want(EndpointIndex(0));
    sleep(HOUR / 4).await;
    let gaps = probed.gaps(0);
    assert_eq!(gaps.len(), 2, "{gaps:?}");
    assert!((long..=long + TICK).contains(&gaps[1]), "right after it: {gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_good_one_keeps_its_interval_while_traffic_asks_for_a_thousand_silent_ones() {
    let probed = Probed::new(mixed(1, 1_000), 64);
    let storm = async {
        loop {
            for endpoint in 1..=1_000 {
                probed.pool.probe_requests().want(EndpointIndex(endpoint));
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let found = async {
        probed.until(0, Status::Healthy).await;
        // Each of them has been asked for in vain once.
        sleep(Duration::from_secs(60)).await;
        let settled = probed.starts(0).len();
        sleep(Duration::from_secs(60)).await;
        let gaps = probed.gaps(0).split_off(settled);
        let longest = gaps.into_iter().max().unwrap();
        assert!(longest < Duration::from_millis(2_450), "{longest:?}");
        probed.set(0, Does::NotAnswer);
        probed.until(0, Status::Failing).await
    };
    let found = tokio::select! {
        () = storm => unreachable!("it has no end"),
        found = found => found,
    };
    assert!(found < FOUND_WITHIN, "{found:?}");
    assert!(probed.most_at_once() <= 64);
}

#[tokio::test(start_paused = true)]
async fn while_a_status_may_turn_the_fast_interval_is_kept() {
    let fast = Duration::from_millis(200);
    let health = HealthPlan {
        fast_interval: fast,
        fall: NonZeroU32::new(1_000).unwrap(),
        ..HealthPlan::default()
    };
    let probed = Probed::with(vec![PASS], health);
    probed.until(0, Status::Healthy).await;
    probed.set(0, Does::Refuse);
    sleep(Duration::from_secs(60)).await;
    let gaps = probed.gaps(0).split_off(2);
    assert!(gaps.len() > 200);
    for gap in gaps {
        assert!((fast * 8 / 10..=fast * 12 / 10 + TICK).contains(&gap), "{gap:?}");
    }
}
