//! What is behind a pool's lock: its state machine, and whom its indices stand for.
//!
//! An index of the state machine is a *place*. It stands for one address as long as the configuration
//! names that address or an attempt at it is under way, and may stand for another one after. So whoever
//! holds a place that he did not get with an attempt checks the address, too.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use rand::RngCore;
use switchback_core::plan::{Admin, PoolPlan, Weight};
use switchback_core::pool::{Effects, Preparation, WaiterId, Why};
use switchback_core::{EndpointIndex, Event, Pool, Status, Timestamp};
use switchback_telemetry::{EndpointMetrics, Metrics};
use tokio::sync::oneshot;

use super::report::Story;
use crate::attempt::Attempt;

/// An endpoint that has a place.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) address: SocketAddr,
    pub(crate) metrics: Arc<EndpointMetrics>,
    pub(super) story: Mutex<Story>,
}

/// What was changed about an endpoint while the gateway runs. It holds over reloads, until it is
/// cleared or the endpoint is no longer configured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Override {
    /// Whether it serves.
    pub admin: Option<Admin>,
    /// Its share.
    pub weight: Option<Weight>,
}

impl Override {
    /// Whether it overrides nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether the configuration names an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    Yes,
    No,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) pool: Pool,
    /// By place, those that the configuration no longer names among them.
    seats: Vec<(Arc<Seat>, Named)>,
    /// Those in the pool's queue.
    pub(super) waiting: HashMap<WaiterId, oneshot::Sender<Attempt>>,
    /// Whether a task looks after those who wait for time to pass.
    pub(super) ticking: bool,
    pub(super) overrides: BTreeMap<SocketAddr, Override>,
}

impl State {
    pub(super) fn new(plan: &PoolPlan, metrics: &Metrics, now: Timestamp) -> Self {
        let mut state = Self {
            pool: Pool::new(plan, now),
            seats: Vec::new(),
            waiting: HashMap::new(),
            ticking: false,
            overrides: BTreeMap::new(),
        };
        let places: Vec<_> = (0..).map(EndpointIndex).take(plan.endpoints.len()).collect();
        state.seat(plan, &places, metrics);
        state
    }

    /// Looks up what a configuration means, under what is overridden; gives the overrides, too, that nobody
    /// has any more.
    pub(super) fn prepare(&mut self, mut plan: PoolPlan) -> (Preparation, Vec<SocketAddr>) {
        let mut ended = Vec::new();
        self.overrides.retain(|address, _| {
            let stays = plan.endpoints.iter().any(|endpoint| endpoint.address == *address);
            if !stays {
                ended.push(*address);
            }
            stays
        });
        if !self.overrides.is_empty() {
            for endpoint in &mut plan.endpoints {
                let overridden = self.overrides.get(&endpoint.address).copied().unwrap_or_default();
                endpoint.admin = overridden.admin.unwrap_or(endpoint.admin);
                endpoint.weight = overridden.weight.unwrap_or(endpoint.weight);
            }
        }
        (self.pool.prepare(plan), ended)
    }

    /// Takes over what was prepared.
    pub(super) fn take_over(
        &mut self,
        next: &mut Preparation,
        metrics: &Metrics,
        now: Timestamp,
    ) -> Effects {
        let before: Vec<_> =
            self.seats.iter().map(|(seat, named)| (seat.address, *named)).collect();
        let mut effects = self.pool.take_over(next, now);
        self.seat(next.plan(), next.places(), metrics);
        // Whoever comes takes a place that was nobody's, which is no change of his.
        effects.changes.retain(|change| {
            let address = self.seats[change.endpoint.at()].0.address;
            before.get(change.endpoint.at()) == Some(&(address, Named::Yes))
        });
        effects
    }

    /// Takes in what time has changed.
    pub(super) fn tick(&mut self, now: Timestamp, rng: &mut impl RngCore) -> Effects {
        let effects = self.pool.tick(now, rng);
        self.show(&effects);
        effects
    }

    /// Takes in what has happened.
    pub(super) fn apply(
        &mut self,
        event: Event,
        now: Timestamp,
        rng: &mut impl RngCore,
    ) -> Effects {
        let effects = self.pool.apply(event, now, rng);
        self.show(&effects);
        effects
    }

    /// Whom the configuration names.
    pub(super) fn seated(&self) -> impl Iterator<Item = (EndpointIndex, &Arc<Seat>)> {
        let places = (0..).map(EndpointIndex).zip(&self.seats);
        places
            .filter(|(_, (_, named))| *named == Named::Yes)
            .map(|(place, (seat, _))| (place, seat))
    }

    /// Of those, who has one of the places from `first` on; `None` beyond the last place.
    pub(super) fn seated_from(
        &self,
        first: usize,
        places: usize,
    ) -> Option<impl Iterator<Item = (EndpointIndex, &Arc<Seat>)>> {
        let rest = self.seats.get(first..).filter(|rest| !rest.is_empty())?;
        let numbers = (u32::try_from(first).unwrap_or(u32::MAX)..).map(EndpointIndex);
        let named = numbers.zip(rest).take(places).filter(|(_, (_, named))| *named == Named::Yes);
        Some(named.map(|(place, (seat, _))| (place, seat)))
    }

    /// Who has a place that an attempt has been given.
    pub(super) fn at(&self, place: EndpointIndex) -> Arc<Seat> {
        self.seats[place.at()].0.clone()
    }

    /// Who has a place, if it is who is configured there.
    pub(super) fn named(&self, place: EndpointIndex) -> Option<&Arc<Seat>> {
        let (seat, named) = self.seats.get(place.at())?;
        (*named == Named::Yes).then_some(seat)
    }

    pub(super) fn status(&self, place: EndpointIndex) -> Status {
        self.pool.endpoints()[place.at()].status()
    }

    /// Shows changes of status while the lock is held: two of one endpoint must not change places.
    fn show(&self, effects: &Effects) {
        for change in &effects.changes {
            let metrics = &self.seats[change.endpoint.at()].0.metrics;
            metrics.set_status(change.to.position());
            if let (Status::Ejected, Why::Traffic(cause)) = (change.to, change.why) {
                metrics.ejected(cause.as_str());
            }
        }
    }

    /// Gives everybody whom the configuration names his place, and shows no more of the others.
    fn seat(&mut self, plan: &PoolPlan, places: &[EndpointIndex], metrics: &Metrics) {
        let mut named = vec![None; self.pool.endpoints().len()];
        for (place, endpoint) in places.iter().zip(&plan.endpoints) {
            named[place.at()] = Some(endpoint.address);
        }
        let stay: HashSet<_> = plan.endpoints.iter().map(|endpoint| endpoint.address).collect();
        let before = std::mem::take(&mut self.seats);
        for (seat, it) in &before {
            if *it == Named::Yes && !stay.contains(&seat.address) {
                metrics.forget_endpoint(&plan.name, seat.address);
            }
        }
        let mut before = before.into_iter();
        for (place, address) in (0..).map(EndpointIndex).zip(named) {
            let seat = match (address, before.next()) {
                (None, Some((seat, _))) => (seat, Named::No),
                (Some(address), Some((seat, Named::Yes))) if seat.address == address => {
                    (seat, Named::Yes)
                }
                // Who comes back has series of his own: the former ones are no longer shown.
                (Some(address), _) => {
                    let metrics = metrics.endpoint(plan.name.clone(), address);
                    (Arc::new(Seat { address, metrics, story: Mutex::default() }), Named::Yes)
                }
                // A place was made for somebody.
                (None, None) => continue,
            };
            let endpoint = &self.pool.endpoints()[place.at()];
            seat.0.metrics.set_status(endpoint.status().position());
            seat.0.metrics.set_weight(endpoint.plan.weight.value().into());
            self.seats.push(seat);
        }
    }
}
