//! A gateway that is what a test says.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::json;
use switchback_telemetry::Filter;

use crate::view::{Endpoint, History, OutcomeCount, Pool, Probe, StatusCount, Step};
use crate::{
    Admission, Change, LastReload, NotOverridden, Operator, Overridden, Refused, Reloaded, Status,
};

/// A gateway with pools `pool-0`, `pool-1` and so on.
pub(super) struct Fake {
    pub(super) pools: usize,
    /// Of each pool.
    pub(super) endpoints: usize,
    pub(super) token: Mutex<Option<Arc<str>>>,
    /// Whether it was configured by files, which are right.
    pub(super) has_files: AtomicBool,
    /// What it was asked to change or to find.
    pub(super) asked: Mutex<Vec<String>>,
    /// How many pools it has told of.
    pub(super) told: AtomicUsize,
    /// How often it was done telling, before the end or at it.
    pub(super) ended: AtomicUsize,
}

/// The request that it knows.
pub(super) const ID: &str = "01JD";

const TIME: &str = "2026-11-22T10:11:12.123Z";

impl Fake {
    pub(super) fn new(pools: usize, endpoints: usize) -> Arc<Self> {
        Arc::new(Self {
            pools,
            endpoints,
            token: Mutex::default(),
            has_files: AtomicBool::new(true),
            asked: Mutex::default(),
            told: AtomicUsize::default(),
            ended: AtomicUsize::default(),
        })
    }

    pub(super) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    fn ask(&self, what: String) {
        self.asked.lock().unwrap().push(what);
    }

    fn pool_at(&self, number: usize, endpoints: bool) -> Pool {
        let total = u32::try_from(self.endpoints).unwrap();
        let of_it = || (0..self.endpoints).map(|at| endpoint(number, at)).collect();
        Pool {
            name: format!("pool-{number}").into(),
            protocol: "http/1.1",
            probed: true,
            healthy: total,
            total,
            statuses: vec![StatusCount { status: "healthy", count: total.max(1) }],
            waiting: 0,
            attempts: 2,
            failed: 1,
            endpoints: endpoints.then(of_it),
        }
    }
}

/// Every second one has all that there can be.
fn endpoint(pool: usize, number: usize) -> Endpoint {
    let [.., high, low] = u32::try_from(pool).unwrap().to_be_bytes();
    let last = u8::try_from(number % 250).unwrap();
    let all = number.is_multiple_of(2);
    Endpoint {
        address: SocketAddr::from(([10, high, low, last], 8080)),
        status: if all { "ejected" } else { "healthy" },
        since: TIME.to_owned(),
        why: "the first probe passed".into(),
        ejected_until: all.then(|| TIME.to_owned()),
        reachable: true,
        weight: 1,
        tier: 0,
        zone: all.then(|| "a".into()),
        overridden: all.then_some(Change { state: Some(Admission::Drain), weight: Some(5) }),
        in_flight: 0,
        latency_ms: all.then_some(1.25),
        last_probe: all.then(|| Probe {
            time: TIME.to_owned(),
            passed: false,
            took_ms: 0.5,
            error: Some("connection refused".into()),
        }),
        attempts: 2,
        failed: 1,
        outcomes: vec![OutcomeCount { outcome: "completed", count: 1 }],
    }
}

fn refused() -> Refused {
    Refused {
        why: "the configuration has errors".to_owned(),
        may_be_forced: true,
        diagnostics: Some(json!([])),
        changes: Some(json!({})),
    }
}

#[async_trait]
impl Operator for Fake {
    fn token(&self) -> Option<Arc<str>> {
        self.token.lock().unwrap().clone()
    }

    async fn configuration(&self) -> Option<String> {
        self.has_files.load(Ordering::Relaxed).then(|| "listeners: []\n".to_owned())
    }

    async fn status(&self) -> Status {
        let change = Change { state: Some(Admission::Drain), weight: Some(5) };
        let endpoint = SocketAddr::from(([10, 0, 0, 1], 80));
        Status {
            version: "1.2.3",
            started: TIME.to_owned(),
            ready: false,
            reasons: vec!["pool web: not all probed yet".to_owned()],
            listeners: vec![SocketAddr::from(([0, 0, 0, 0], 80))],
            connections: 2,
            requests_in_flight: 1,
            generation: 1,
            last_reload: Some(LastReload {
                time: TIME.to_owned(),
                asked_by: "the admin API",
                applied: false,
                refused: Some(refused()),
            }),
            overrides: vec![Overridden { pool: "web".into(), endpoint, change }],
        }
    }

    async fn reload(&self, force: bool) -> Result<Reloaded, Refused> {
        self.ask(format!("reload, force: {force}"));
        match self.has_files.load(Ordering::Relaxed) {
            true => Ok(Reloaded { generation: 2, changes: json!({}) }),
            false => Err(refused()),
        }
    }

    fn pools(&self, endpoints: bool, each: &mut dyn FnMut(Pool) -> bool) {
        for number in 0..self.pools {
            self.told.fetch_add(1, Ordering::Relaxed);
            if !each(self.pool_at(number, endpoints)) {
                break;
            }
        }
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    fn pool(&self, name: &str) -> Option<Pool> {
        let number = name.strip_prefix("pool-")?.parse().ok()?;
        (number < self.pools).then(|| self.pool_at(number, true))
    }

    async fn failures(&self, filter: &Filter) -> Vec<u8> {
        self.ask(format!("{filter:?}"));
        [b"[", &self.request(ID).await.unwrap()[..], b"]"].concat()
    }

    async fn request(&self, id: &str) -> Option<Vec<u8>> {
        let attempt = json!({
            "endpoint": "10.0.0.1:80", "reused": false, "start_ms": 0.5, "duration_ms": 1.0,
            "connect_ms": 0.5, "first_byte_ms": 1, "outcome": "closed_before_answer", "sent": "maybe",
            "status": 200, "decision": "retry", "detail": "reset",
        });
        let request = json!({
            "time": TIME, "id": ID, "client": "192.0.2.1", "method": "GET", "host": "a", "path": "/",
            "status": null, "bytes_in": 0, "bytes_out": 0, "duration_ms": 1.5, "queued_ms": 1,
            "route": "*/", "pool": "web", "protocol": "h2", "attempts": [attempt],
            "reason": "connection_terminated", "origin": "gateway", "decision": "stop: not idempotent",
            "healthy": 2, "total": 3,
        });
        (id == ID).then(|| request.to_string().into_bytes())
    }

    async fn history(&self) -> History {
        let step = Step {
            time: TIME.to_owned(),
            requests: 5,
            failed: 1,
            rescued: 1,
            retries: 2,
            in_flight: 3,
        };
        History { step_s: 2, steps: vec![step] }
    }

    async fn override_endpoint(
        &self,
        pool: &str,
        endpoint: SocketAddr,
        change: Change,
        force: bool,
    ) -> Result<(), NotOverridden> {
        match pool {
            "web" => {
                self.ask(format!("{endpoint}: {change:?}, force: {force}"));
                Ok(())
            }
            "last" if force => Ok(()),
            "last" => Err(NotOverridden::Empty("nobody would be left".to_owned())),
            "broken" => Err(NotOverridden::Failed("a bug".to_owned())),
            _ => Err(NotOverridden::Unknown(format!("there is no pool {pool}"))),
        }
    }
}
