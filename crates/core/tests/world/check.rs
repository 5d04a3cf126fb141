//! What must hold after each step.

use std::collections::HashMap;

use switchback_core::ladder::Rung;
use switchback_core::outlier::{Cause, allowance};
use switchback_core::plan::{Admin, EndpointPlan, PoolPlan};
use switchback_core::pool::{Pick, PickRequest, StatusChange, WaiterId, Why};
use switchback_core::{EndpointIndex, Status};

use super::World;
use super::client::Standing;

impl World {
    pub(super) fn check(&self) {
        self.pool.check_invariants().unwrap();
        for (index, it) in (0..).map(EndpointIndex).zip(self.pool.endpoints()) {
            let here = self.requests.iter().filter(|request| request.at() == Some(index)).count();
            assert_eq!(it.in_flight as usize, here, "in flight at {index:?}");
        }
        let waiting = self.requests.iter().filter(|request| request.at().is_none()).count();
        assert_eq!(self.pool.waiting(), waiting, "in line");
    }

    /// Traffic has just ejected somebody who was in: not more of its tier and those before it than it may.
    pub(super) fn check_ejected(&self, change: &StatusChange) {
        let Why::Traffic(cause) = change.why else { return };
        let was_in = matches!(change.from, Status::Healthy | Status::Pending | Status::Draining);
        let confirmed = |cause| cause == Cause::Connection && self.plan.health.is_some();
        if change.to != Status::Ejected || !was_in || confirmed(cause) {
            return;
        }
        let endpoints = self.pool.endpoints();
        let tier = endpoints[change.endpoint.at()].plan.tier;
        let out = endpoints.iter().filter(|it| {
            matches!(it.status(), Status::Ejected | Status::Probation)
                && it.plan.tier <= tier
                && !it.ejected_for().is_some_and(confirmed)
        });
        let most = allowance(&self.plan.ejection, self.pool.enabled());
        assert!(out.count() <= most, "{change:?}: more than {most} are ejected by traffic");
    }

    /// Picks, and checks that nobody better was passed over.
    pub(super) fn pick(&mut self, request: &PickRequest) -> Pick {
        let free: Vec<_> = (0..)
            .map(EndpointIndex)
            .zip(self.pool.endpoints())
            .filter(|(index, it)| it.is_pickable() && !request.tried.contains(*index))
            .map(|(_, it)| (Rung::of(it.status()), it.plan.tier))
            .collect();
        let room: Vec<_> = self
            .pool
            .endpoints()
            .iter()
            .map(|it| self.plan.room(&it.plan).saturating_sub(it.in_flight))
            .collect();
        let pick = self.pool.pick(request, self.now, &mut self.rng);
        match pick {
            Pick::Endpoint(picked) => {
                let it = &self.pool.endpoints()[picked.endpoint.at()];
                assert!(!request.tried.contains(picked.endpoint), "nobody is picked twice");
                assert!(room[picked.endpoint.at()] > 0, "it was full");
                assert_ne!(it.status(), Status::Disabled);
                let place = (Rung::of(it.status()), it.plan.tier);
                let at_home = request.sticky == Some(picked.endpoint);
                let best = free.iter().min().copied();
                assert!(
                    at_home || picked.is_trial() || best.is_none() || best == Some(place),
                    "{place:?} was picked, and {best:?} was free"
                );
            }
            Pick::Wait | Pick::Nobody => assert_eq!(free, [], "somebody was free"),
        }
        if pick == Pick::Nobody {
            assert!(!self.pool.is_any_left(&request.tried));
        }
        pick
    }

    /// Whoever came before could not use what this one got.
    pub(super) fn check_turn(&self, waiter: WaiterId, endpoint: EndpointIndex) {
        for other in &self.requests {
            if let Standing::Waits(earlier) = other.standing {
                assert!(
                    earlier >= waiter || other.request.tried.contains(endpoint),
                    "{earlier:?} came before {waiter:?}"
                );
            }
        }
    }

    pub(super) fn check_budget(&self) {
        let budget = &self.plan.retry_budget;
        let elapsed = self.now.as_nanos() / 1_000_000_000 + 10;
        let most = budget.ratio.of(self.begun) + u64::from(budget.floor) * elapsed;
        assert!(self.granted_retries <= most, "{} of {most}", self.granted_retries);
    }

    /// A reload forgets nothing, and marks nobody healthy.
    pub(super) fn check_reload(
        &self,
        plan: &PoolPlan,
        before: &[(EndpointPlan, Status, u32)],
        indices: &[EndpointIndex],
    ) {
        assert_eq!(indices.len(), plan.endpoints.len());
        let known: HashMap<_, _> = self
            .plan
            .endpoints
            .iter()
            .filter_map(|named| {
                let lives = |(it, status, _): &&(EndpointPlan, Status, u32)| {
                    // One that is gone may have had the same address.
                    it == named && (*status != Status::Disabled || named.admin == Admin::Disabled)
                };
                before.iter().find(lives).map(|(_, status, _)| (named, *status))
            })
            .map(|(named, status)| (named.address, (named.admin, status)))
            .collect();
        for (index, named) in indices.iter().zip(&plan.endpoints) {
            let it = &self.pool.endpoints()[index.at()];
            assert_eq!(it.plan, *named);
            match known.get(&named.address) {
                Some((admin, status)) if *admin == named.admin => {
                    assert_eq!(it.status(), *status, "{}", named.address);
                }
                None if plan.health.is_some() => assert_ne!(it.status(), Status::Healthy),
                _ => {}
            }
        }
        let in_flight: u32 = self.pool.endpoints().iter().map(|it| it.in_flight).sum();
        assert_eq!(in_flight, before.iter().map(|(_, _, in_flight)| in_flight).sum::<u32>());
    }
}
