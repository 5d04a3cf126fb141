//! A new configuration for a running pool: what is known of an endpoint stays with its address.
//!
//! Endpoints keep their index for as long as they are named, and beyond that until their last attempt
//! has ended; then another may take the place. Nothing is marked healthy by a new configuration, and
//! nothing is forgotten.
//!
//! It comes in three steps, because requests wait for the lock of a pool: what the new configuration means for
//! this pool is looked up under it ([`Pool::prepare`]); where keys belong, which takes half a second for ten
//! thousand endpoints, is worked out without it ([`Preparation::make_table`]); the rest is done in one go
//! ([`Pool::take_over`]).

use std::collections::HashMap;

use super::{Effects, Pool, Why};
use crate::balance::HashTable;
use crate::endpoint::Endpoint;
use crate::health::Probes;
use crate::id::EndpointIndex;
use crate::outlier::{Ejection, Record, Window};
use crate::plan::{Admin, EndpointPlan, PoolPlan};
use crate::time::Timestamp;

/// A configuration that a pool is to take over, and what of it could be done before.
#[derive(Debug)]
pub struct Preparation {
    plan: PoolPlan,
    /// The index of each endpoint, in the plan's order.
    places: Vec<EndpointIndex>,
    /// Whether keys belong elsewhere from then on.
    moved: bool,
    /// Where they do; once it is taken over, where they did.
    table: Option<HashTable>,
}

impl Preparation {
    /// The configuration.
    pub fn plan(&self) -> &PoolPlan {
        &self.plan
    }

    /// The index of each endpoint, in its order.
    pub fn places(&self) -> &[EndpointIndex] {
        &self.places
    }

    /// Works out where keys belong. Takes its time, so not under the lock of the pool.
    pub fn make_table(&mut self) {
        // Most reloads change something else.
        if self.moved {
            let places = self.places.iter().copied().zip(&self.plan.endpoints);
            let places: Vec<_> = places.map(|(index, it)| (index, it.address, it.weight)).collect();
            self.table = HashTable::new(self.plan.balance, &places);
        }
    }
}

impl Pool {
    /// Takes a new configuration over; tells the index of each of its endpoints, in its order.
    pub fn reconfigure(
        &mut self,
        plan: &PoolPlan,
        now: Timestamp,
    ) -> (Vec<EndpointIndex>, Effects) {
        let mut next = self.prepare(plan.clone());
        next.make_table();
        let effects = self.take_over(&mut next, now);
        (next.places, effects)
    }

    /// Looks up what a configuration means for this pool, which may go on until it takes it over, but not
    /// take over another one.
    pub fn prepare(&self, plan: PoolPlan) -> Preparation {
        let mut known: HashMap<_, _> = (0..)
            .map(EndpointIndex)
            .zip(&self.endpoints)
            .filter(|(_, it)| !it.gone)
            .map(|(index, it)| (it.plan.address, (index, it.plan.weight)))
            .collect();
        let mut moved = plan.balance != self.plan.balance || plan.endpoints.len() != known.len();
        let behind = (u32::try_from(self.endpoints.len()).unwrap_or(u32::MAX)..).map(EndpointIndex);
        let mut free = self.free_places().into_iter().chain(behind);
        let mut places = Vec::with_capacity(plan.endpoints.len());
        for endpoint in &plan.endpoints {
            let (index, weight) = match known.remove(&endpoint.address) {
                Some((index, weight)) => (Some(index), Some(weight)),
                None => (free.next(), None),
            };
            moved |= weight != Some(endpoint.weight);
            // There is always another one behind the last.
            places.extend(index);
        }
        Preparation { plan, places, moved, table: None }
    }

    /// Takes a configuration over that was prepared for this pool.
    pub fn take_over(&mut self, next: &mut Preparation, now: Timestamp) -> Effects {
        let mut effects = Effects::default();
        // Each endpoint has its own part of the plan.
        let endpoints = std::mem::take(&mut next.plan.endpoints);
        let before = std::mem::replace(&mut self.plan, next.plan.clone());
        next.plan.endpoints = endpoints;
        let plan = &next.plan;
        if plan.ejection.window != before.ejection.window {
            self.window = Window::of(&plan.ejection);
            for it in &mut self.endpoints {
                it.record = Record::of(&plan.ejection);
            }
        }
        let probed_before = before.health.is_some();
        let probed = plan.health.is_some();

        let most = next.places.iter().map(|index| index.at() + 1).max().unwrap_or(0);
        self.endpoints.reserve_exact(most.saturating_sub(self.endpoints.len()));
        let mut named = vec![false; most.max(self.endpoints.len())];
        for (endpoint, &index) in plan.endpoints.iter().zip(&next.places) {
            named[index.at()] = true;
            let room = plan.room(endpoint);
            let known = self.endpoints.get(index.at());
            if known.is_some_and(|it| !it.gone && it.plan.address == endpoint.address) {
                // The step that it leaves is found by the weight with which it entered.
                self.withdraw(index);
                let it = &mut self.endpoints[index.at()];
                // Who was switched off was not probed: what was known of him is of another time.
                let is_back = it.plan.admin == Admin::Disabled && endpoint.admin != Admin::Disabled;
                (it.plan, it.room) = (endpoint.clone(), room);
                if probed != probed_before || is_back {
                    it.probes = Probes::new(probed);
                }
            } else {
                let mut new = Endpoint::new(endpoint.clone(), room, &plan.ejection, now);
                new.probes = Probes::new(probed);
                self.admit(new, index);
            }
        }
        for (it, named) in self.endpoints.iter_mut().zip(named) {
            it.gone |= !named;
        }
        self.near = near(plan);
        if next.moved {
            // The former one is large, too, and ends with the preparation.
            std::mem::swap(&mut self.table, &mut next.table);
        }
        for index in (0..).map(EndpointIndex).take(self.endpoints.len()) {
            if !plan.ejection.enabled {
                self.endpoints[index.at()].ejection = Ejection::new(now);
            }
            self.settle(index, Why::Configuration, now, &mut effects);
        }
        effects
    }

    /// The places of those that are gone and have ended what they had.
    fn free_places(&self) -> Vec<EndpointIndex> {
        let indexed = (0..).map(EndpointIndex).zip(&self.endpoints);
        let free = indexed.filter(|(_, it)| it.gone && it.in_flight == 0);
        free.map(|(index, _)| index).collect()
    }

    /// Takes a new endpoint in, at a free place or behind the last.
    fn admit(&mut self, new: Endpoint, index: EndpointIndex) {
        let Some(it) = self.endpoints.get_mut(index.at()) else {
            self.counts[new.status().position()] += 1;
            return self.endpoints.push(new);
        };
        let timer = std::mem::replace(it, new).timer;
        timer.map(|timer| self.timers.remove(&(timer, index)));
    }
}

/// What the endpoints that are not far weigh together, by tier, if they are neither drained nor switched
/// off; nothing where none is far.
fn near(plan: &PoolPlan) -> Vec<(u8, i64)> {
    let mut near: Vec<(u8, i64)> = Vec::new();
    if plan.endpoints.iter().all(|endpoint| !endpoint.far) {
        return near;
    }
    let serves = |it: &&EndpointPlan| !it.far && it.admin == Admin::Enabled;
    for endpoint in plan.endpoints.iter().filter(serves) {
        let weight = i64::from(endpoint.weight.value());
        match near.iter_mut().find(|(tier, _)| *tier == endpoint.tier) {
            Some((_, sum)) => *sum += weight,
            None => near.push((endpoint.tier, weight)),
        }
    }
    near
}
