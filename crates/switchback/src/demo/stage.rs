//! Everything of a running demo in one place, and the hand that turns the pages of the script.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::backend::{Backend, Behavior};
use super::events::{Events, Source};
use super::gateway::{self, Gateway};
use super::ledger::Ledger;
use super::load::Load;
use super::script::{self, Phase};
use super::summary::Summary;
use super::tally::Tally;
use super::view::{Rate, Row, SAMPLE, View};
use super::{DemoError, Options, TICK};

/// A running demo.
pub(super) struct Stage<'a> {
    options: &'a Options,
    backends: Vec<Arc<Backend>>,
    gateway: Gateway,
    load: Load,
    ledger: Arc<Ledger>,
    tally: Arc<Tally>,
    events: Events,
    phases: Vec<Phase>,
    phase: usize,
    /// When [`Self::advance`] was last called, and where the script was then.
    last: Instant,
    elapsed: Duration,
    /// The longest that this call came late: nothing here got a processor meanwhile.
    stalled: Duration,
    /// What clients have seen in this phase: each kind of failure is told once.
    told: BTreeSet<String>,
    next_sample: Duration,
    /// Each backend's, then the clients'.
    rates: Vec<Rate>,
}

const NAMES: [char; 3] = ['a', 'b', 'c'];

/// Events that the picture is given; it shows as many as it has lines for.
const EVENTS: usize = 60;

/// The most that the script goes on in one step: less than its shortest phase. Where the machine
/// stalls, the script waits: two faults at once would be more than is promised.
const STEP: Duration = Duration::from_millis(300);

/// What a client's request may take beyond one silent backend.
const REST: Duration = Duration::from_secs(1);

impl<'a> Stage<'a> {
    /// Starts everything, and lets the clients begin once the gateway is ready.
    pub(super) async fn set(options: &'a Options) -> Result<Self, DemoError> {
        let (ledger, tally) = (Arc::new(Ledger::default()), Arc::new(Tally::default()));
        let mut backends = Vec::new();
        for name in NAMES {
            let backend = Backend::start(name, ledger.clone()).map_err(DemoError::Backend)?;
            backends.push(backend);
        }
        let addresses: Vec<_> = backends.iter().map(|it| (it.name, it.address)).collect();
        let endpoints: Vec<_> = backends.iter().map(|it| it.address).collect();
        let gateway = Gateway::start(options, endpoints).await?;
        gateway.ready().await?;
        let start = Instant::now();
        let events = Events::new(start);
        events.listen(&addresses);
        events.add(Source::Gateway, format!("its dashboard is http://{}/", gateway.dashboard));
        let load = Load::start(options, gateway.address, &ledger, &tally);
        Ok(Self {
            options,
            rates: vec![Rate::default(); backends.len() + 1],
            backends,
            gateway,
            load,
            ledger,
            tally,
            events,
            phases: script::phases(options.length()),
            phase: 0,
            last: start,
            elapsed: Duration::ZERO,
            stalled: Duration::ZERO,
            told: BTreeSet::new(),
            next_sample: SAMPLE,
        })
    }

    pub(super) fn events(&self) -> &Events {
        &self.events
    }

    /// Whether the script has come to its end.
    pub(super) fn is_over(&self) -> bool {
        self.elapsed >= self.options.length()
    }

    /// Brings everything to where the script has it now.
    pub(super) fn advance(&mut self) {
        // First what belongs to the phase that may end now.
        self.hear_clients();
        let now = Instant::now();
        let step = now - self.last;
        self.elapsed += step.min(STEP);
        self.stalled = self.stalled.max(step.saturating_sub(TICK));
        self.last = now;
        let phase = script::at(&self.phases, self.elapsed);
        if self.phase < phase {
            self.phase = phase;
            self.turn();
        }
        if self.elapsed >= self.next_sample {
            self.next_sample += SAMPLE;
            self.sample();
        }
    }

    fn turn(&mut self) {
        let Phase { fault, title, .. } = self.phases[self.phase];
        let source = match fault {
            Some(_) => Source::Fault,
            None => Source::Repair,
        };
        self.events.add(source, title);
        self.told.clear();
        for (index, backend) in self.backends.iter().enumerate() {
            backend.behave(match fault {
                Some((at, behavior)) if at == index => behavior,
                _ => Behavior::Serving,
            });
        }
    }

    fn sample(&mut self) {
        let requests = self.tally.counts().requests;
        let totals = self.backends.iter().map(|backend| backend.requests());
        for (rate, total) in self.rates.iter_mut().zip(totals.chain([requests])) {
            rate.sample(total);
        }
    }

    /// Tells of failures that clients should not have seen, each kind once in a phase.
    fn hear_clients(&mut self) {
        for how in self.tally.unheard() {
            if self.told.insert(how.clone()) {
                self.events.add(Source::Client, format!("saw {how}"));
            }
        }
    }

    /// How it stands.
    pub(super) fn view(&self) -> View<'_> {
        let row = |(index, backend): (usize, &Arc<Backend>)| {
            let status = match self.options.health {
                true => self.gateway.status(backend.address),
                false => None,
            };
            Row::new(backend, status, &self.rates[index])
        };
        View {
            elapsed: self.elapsed,
            length: self.options.length(),
            phases: &self.phases,
            phase: self.phase,
            gateway: self.gateway.address,
            dashboard: &self.gateway.dashboard,
            without: self.options.without(),
            backends: self.backends.iter().enumerate().map(row).collect(),
            clients: self.options.clients.get(),
            counts: self.tally.counts(),
            rate: self.rates[self.backends.len()].per_second(),
            rescued: self.gateway.rescued(),
            executed_twice: self.ledger.executed_twice(),
            events: self.events.last(EVENTS),
        }
    }

    /// Ends everything; what came of it, and what happened.
    pub(super) async fn clear(self) -> (Summary<'a>, Events) {
        self.load.stop(gateway::PATIENCE + REST).await;
        let rescued = self.gateway.rescued();
        self.gateway.stop().await;
        let summary = Summary {
            options: self.options,
            ran: self.elapsed,
            stalled: self.stalled,
            counts: self.tally.counts(),
            rescued,
            executed_twice: self.ledger.executed_twice(),
        };
        (summary, self.events)
    }
}
