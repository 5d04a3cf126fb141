//! A new configuration for a running pool: what is known of an endpoint stays with its address.
//!
//! Endpoints keep their index for as long as they are named, and beyond that until their last attempt
//! has ended; then another may take the place. Nothing is marked healthy by a new configuration, and
//! nothing is forgotten.

use std::collections::HashMap;

use super::{Effects, Pool, Why};
use crate::balance::HashTable;
use crate::endpoint::Endpoint;
use crate::health::Probes;
use crate::id::EndpointIndex;
use crate::outlier::{Ejection, Record, Window};
use crate::plan::{Admin, EndpointPlan, PoolPlan};
use crate::time::Timestamp;

impl Pool {
    /// Takes a new configuration over; tells the index of each of its endpoints, in its order.
    pub fn reconfigure(
        &mut self,
        plan: &PoolPlan,
        now: Timestamp,
    ) -> (Vec<EndpointIndex>, Effects) {
        let mut effects = Effects::default();
        if plan.ejection.window != self.plan.ejection.window {
            self.window = Window::of(&plan.ejection);
            for it in &mut self.endpoints {
                it.record = Record::of(&plan.ejection);
            }
        }
        let probed_before = self.plan.health.is_some();
        let probed = plan.health.is_some();

        let mut known: HashMap<_, _> = (0..)
            .map(EndpointIndex)
            .zip(&self.endpoints)
            .filter(|(_, it)| !it.gone)
            .map(|(index, it)| (it.plan.address, index))
            .collect();
        let mut moved = plan.balance != self.plan.balance || plan.endpoints.len() != known.len();
        // Each endpoint has its own part of the plan.
        self.plan = PoolPlan { endpoints: Vec::new(), ..plan.clone() };
        let mut free = self.free_places().into_iter();
        self.endpoints.reserve_exact(plan.endpoints.len().saturating_sub(known.len() + free.len()));
        let mut indices = Vec::with_capacity(plan.endpoints.len());
        for endpoint in &plan.endpoints {
            let room = plan.room(endpoint);
            let index = if let Some(index) = known.remove(&endpoint.address) {
                // The step that it leaves is found by the weight with which it entered.
                self.withdraw(index);
                let it = &mut self.endpoints[index.at()];
                moved |= it.plan.weight != endpoint.weight;
                // Who was switched off was not probed: what was known of him is of another time.
                let is_back = it.plan.admin == Admin::Disabled && endpoint.admin != Admin::Disabled;
                (it.plan, it.room) = (endpoint.clone(), room);
                if probed != probed_before || is_back {
                    it.probes = Probes::new(probed);
                }
                index
            } else {
                let mut new = Endpoint::new(endpoint.clone(), room, &plan.ejection, now);
                new.probes = Probes::new(probed);
                moved = true;
                self.admit(new, free.next())
            };
            indices.push(index);
        }
        for index in known.into_values() {
            self.endpoints[index.at()].gone = true;
        }
        self.near = near(plan);
        // The table of some hundred endpoints takes milliseconds to make, and most reloads change others.
        if moved {
            let places = indices.iter().copied().zip(&plan.endpoints);
            let places: Vec<_> = places.map(|(index, it)| (index, it.address, it.weight)).collect();
            self.table = HashTable::new(plan.balance, &places);
        }
        for index in (0..).map(EndpointIndex).take(self.endpoints.len()) {
            if !plan.ejection.enabled {
                self.endpoints[index.at()].ejection = Ejection::new(now);
            }
            self.settle(index, Why::Configuration, now, &mut effects);
        }
        (indices, effects)
    }

    /// The places of those that are gone and have ended what they had.
    fn free_places(&self) -> Vec<EndpointIndex> {
        let indexed = (0..).map(EndpointIndex).zip(&self.endpoints);
        let free = indexed.filter(|(_, it)| it.gone && it.in_flight == 0);
        free.map(|(index, _)| index).collect()
    }

    /// Takes a new endpoint in, at a free place if there is one.
    fn admit(&mut self, new: Endpoint, free: Option<EndpointIndex>) -> EndpointIndex {
        let Some(index) = free else {
            let index = EndpointIndex(u32::try_from(self.endpoints.len()).unwrap_or(u32::MAX));
            self.counts[new.status().position()] += 1;
            self.endpoints.push(new);
            return index;
        };
        let timer = self.endpoints[index.at()].timer;
        timer.map(|timer| self.timers.remove(&(timer, index)));
        self.endpoints[index.at()] = new;
        index
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
