//! Picks and events on small pools.

mod found;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::*;
use crate::outcome::Outcome;
use crate::outlier::Cause;
use crate::plan::{Admin, Balance, EndpointPlan, HealthPlan, Ratio, SlowStart, Weight};

fn plan(endpoints: &[(u16, u8)], balance: Balance, probed: bool) -> PoolPlan {
    let endpoints = (1..).zip(endpoints).map(|(port, &(weight, tier))| EndpointPlan {
        weight: Weight::new(weight).unwrap(),
        tier,
        ..EndpointPlan::at(SocketAddr::from(([127, 0, 0, 1], port)))
    });
    let mut plan = PoolPlan::of("web", endpoints.collect());
    plan.balance = balance;
    plan.health = probed.then(HealthPlan::default);
    plan
}

/// A pool with its own chance and clock.
struct Bed {
    pool: Pool,
    rng: SmallRng,
    now: Timestamp,
}

impl Bed {
    fn new(plan: &PoolPlan) -> Self {
        let pool = Pool::new(plan, Timestamp::START);
        Self { pool, rng: SmallRng::seed_from_u64(1), now: Timestamp::START }
    }

    /// Lets so many milliseconds pass.
    fn pass(&mut self, millis: u64) -> Effects {
        self.now = self.now + Duration::from_millis(millis);
        let effects = self.pool.tick(self.now, &mut self.rng);
        self.pool.check_invariants().unwrap();
        effects
    }

    fn apply(&mut self, event: Event) -> Effects {
        let effects = self.pool.apply(event, self.now, &mut self.rng);
        self.pool.check_invariants().unwrap();
        effects
    }

    fn probe(&mut self, endpoint: u32, results: &str) {
        for result in results.chars() {
            let pass = result == '+';
            let _ = self.apply(Event::Probed { endpoint: EndpointIndex(endpoint), pass });
        }
    }

    fn try_pick(&mut self, request: &PickRequest) -> Pick {
        let pick = self.pool.pick(request, self.now, &mut self.rng);
        self.pool.check_invariants().unwrap();
        pick
    }

    fn pick(&mut self, request: &PickRequest) -> Picked {
        match self.try_pick(request) {
            Pick::Endpoint(picked) => picked,
            other => panic!("{other:?}"),
        }
    }

    fn end(&mut self, picked: Picked, outcome: Outcome) -> Effects {
        self.apply(Event::Ended(picked, End::of(outcome)))
    }

    /// One request, at whoever is best, that ends so.
    fn request(&mut self, outcome: Outcome) -> u32 {
        let picked = self.pick(&any());
        let _ = self.end(picked, outcome);
        picked.endpoint.0
    }

    /// One request at this endpoint, which must be the only one left.
    fn request_at(&mut self, endpoint: u32, outcome: Outcome) -> Effects {
        let picked = self.pick(&only(endpoint, self.pool.endpoints().len()));
        assert_eq!(picked.endpoint.0, endpoint);
        self.end(picked, outcome)
    }

    fn status(&self, endpoint: usize) -> Status {
        self.pool.endpoints()[endpoint].status()
    }

    /// Picks until none is left, and tells in which order.
    fn order(&mut self) -> Vec<u32> {
        let mut request = any();
        let mut order = Vec::new();
        while let Pick::Endpoint(picked) = self.try_pick(&request) {
            order.push(picked.endpoint.0);
            request.tried.insert(picked.endpoint);
        }
        order
    }
}

fn any() -> PickRequest {
    PickRequest { repeatable: true, ..PickRequest::default() }
}

/// A request that has been everywhere but at this endpoint.
fn only(endpoint: u32, endpoints: usize) -> PickRequest {
    let mut request = any();
    for other in (0..u32::try_from(endpoints).unwrap()).filter(|&other| other != endpoint) {
        request.tried.insert(EndpointIndex(other));
    }
    request
}

#[test]
fn the_healthy_come_first_then_the_pending_and_the_failing_last() {
    for balance in [Balance::RoundRobin, Balance::LeastRequests, Balance::PeakEwma] {
        let mut bed = Bed::new(&plan(&[(1, 0), (1, 0), (1, 0)], balance, true));
        bed.probe(0, "-");
        bed.probe(2, "+");
        assert_eq!(bed.order(), [2, 1, 0]);
    }
}

#[test]
fn the_ladder_goes_down_rung_by_rung() {
    let mut plan = plan(&[(1, 0); 6], Balance::RoundRobin, true);
    plan.endpoints[3].admin = Admin::Drain;
    plan.endpoints[4].admin = Admin::Disabled;
    let mut bed = Bed::new(&plan);
    for endpoint in [0, 2, 3, 5] {
        bed.probe(endpoint, "+");
    }
    bed.probe(0, "---");
    for _ in 0..5 {
        let _ = bed.request_at(2, Outcome::ClosedBeforeAnswer);
        let _ = bed.request_at(5, Outcome::Completed);
    }
    let statuses: Vec<_> = (0..6).map(|endpoint| bed.status(endpoint).as_str()).collect();
    let expected = ["failing", "pending", "ejected", "draining", "disabled", "healthy"];
    assert_eq!(statuses, expected);
    assert_eq!(bed.order(), [5, 1, 3, 2, 0]);
}

#[test]
fn a_higher_tier_comes_before_a_lower_one_that_fails() {
    let mut bed = Bed::new(&plan(&[(1, 0), (1, 1), (1, 2)], Balance::RoundRobin, true));
    for endpoint in 0..3 {
        bed.probe(endpoint, "+");
    }
    assert_eq!(bed.order(), [0, 1, 2]);
    bed.probe(0, "---");
    assert_eq!(bed.order(), [1, 2, 0]);
    bed.probe(0, "++");
    assert_eq!(bed.order(), [0, 1, 2]);
}

#[test]
fn without_probes_everyone_is_healthy() {
    let bed = Bed::new(&plan(&[(1, 0), (1, 0)], Balance::RoundRobin, false));
    assert_eq!(bed.pool.count(Status::Healthy), 2);
}

#[test]
fn a_change_tells_from_where_to_where_since_when_and_why() {
    let mut bed = Bed::new(&plan(&[(1, 0)], Balance::RoundRobin, true));
    let endpoint = EndpointIndex(0);
    let pass = Event::Probed { endpoint, pass: true };
    let fail = Event::Probed { endpoint, pass: false };
    let at = |seconds| Timestamp::from_start(Duration::from_secs(seconds));
    let change = |from, to, since| [StatusChange { endpoint, from, to, since, why: Why::Probe }];
    let _ = bed.pass(1000);
    let changes = bed.apply(pass).changes;
    assert_eq!(changes[..], change(Status::Pending, Status::Healthy, Timestamp::START));
    let _ = bed.pass(1000);
    let once = bed.apply(fail);
    assert!(once.changes.is_empty() && once.probe_soon);
    let _ = bed.apply(fail);
    let changes = bed.apply(fail).changes;
    assert_eq!(changes[..], change(Status::Healthy, Status::Failing, at(1)));
}

#[test]
fn overflow_goes_down_the_ladder() {
    let mut plan = plan(&[(1, 0), (1, 1)], Balance::PeakEwma, false);
    plan.endpoints[0].max_requests = NonZeroU32::new(2);
    plan.endpoints[1].max_requests = NonZeroU32::new(1);
    let mut bed = Bed::new(&plan);
    let picked: Vec<_> = (0..3).map(|_| bed.pick(&any())).collect();
    assert_eq!(picked.iter().map(|it| it.endpoint.0).collect::<Vec<_>>(), [0, 0, 1]);
    assert_eq!(bed.try_pick(&any()), Pick::Wait);
    let _ = bed.end(picked[1], Outcome::Completed);
    assert_eq!(bed.pick(&any()).endpoint.0, 0);
}

#[test]
fn connections_of_http2_carry_a_hundred_requests() {
    let mut plan = plan(&[(1, 0)], Balance::PeakEwma, false);
    plan.endpoints[0].max_connections = NonZeroU32::new(2);
    assert_eq!(plan.room(&plan.endpoints[0]), 2);
    plan.protocol = crate::plan::Protocol::H2;
    assert_eq!(plan.room(&plan.endpoints[0]), 200);
}

#[test]
fn who_waits_is_served_in_order_of_arrival() {
    let mut plan = plan(&[(1, 0)], Balance::PeakEwma, false);
    plan.endpoints[0].max_requests = NonZeroU32::new(1);
    plan.queue.size = 3;
    let mut bed = Bed::new(&plan);
    let first = bed.pick(&any());
    let waiters: Vec<_> = (0..3).map(|_| bed.pool.wait(&any()).unwrap()).collect();
    assert_eq!(bed.pool.wait(&any()), None, "the line is full");
    assert!(bed.pool.leave(waiters[1]));
    let granted = bed.end(first, Outcome::Completed).granted;
    assert_eq!(granted.iter().map(|it| it.waiter).collect::<Vec<_>>(), [waiters[0]]);
    assert!(!bed.pool.leave(waiters[0]), "its waiting was over");
    assert_eq!(bed.try_pick(&any()), Pick::Wait, "nobody gets in between");
    let granted = bed.end(granted[0].picked, Outcome::ClientGone).granted;
    assert_eq!(granted[0].waiter, waiters[2]);
    assert_eq!(bed.pool.waiting(), 0);
}

#[test]
fn a_refused_connection_ejects_at_once_asks_for_a_probe_and_is_ended_by_it() {
    let mut bed = Bed::new(&plan(&[(1, 0), (1, 0)], Balance::PeakEwma, true));
    bed.probe(0, "+");
    bed.probe(1, "+");
    let effects = bed.request_at(0, Outcome::ConnectionRefused);
    assert_eq!(effects.probe_now, Some(EndpointIndex(0)));
    assert_eq!(effects.changes[0].why, Why::Traffic(Cause::Connection));
    assert_eq!(bed.status(0), Status::Ejected);
    for _ in 0..100 {
        assert_eq!(bed.request(Outcome::Completed), 1);
    }
    bed.probe(0, "+");
    assert_eq!(bed.status(0), Status::Healthy);
}

#[test]
fn a_probe_does_not_end_what_bad_answers_began() {
    let mut bed = Bed::new(&plan(&[(1, 0), (1, 0)], Balance::PeakEwma, true));
    bed.probe(0, "+");
    bed.probe(1, "+");
    for _ in 0..5 {
        let _ = bed.request_at(1, Outcome::Completed);
        let _ = bed.request_at(0, Outcome::ClosedBeforeAnswer);
    }
    assert_eq!(bed.status(0), Status::Ejected);
    bed.probe(0, "++++");
    assert_eq!(bed.status(0), Status::Ejected);
    // 10 s, and up to a fifth.
    let _ = bed.pass(12_000);
    assert_eq!(bed.status(0), Status::Probation);
    let mut trials = 0;
    for _ in 0..1000 {
        let _ = bed.pass(10);
        let picked = bed.pick(&any());
        trials += u32::from(picked.is_trial());
        let _ = bed.end(picked, Outcome::Completed);
        if bed.status(0) == Status::Healthy {
            break;
        }
    }
    assert_eq!((bed.status(0), trials), (Status::Healthy, 5));
}

#[test]
fn an_endpoint_out_of_reach_is_knocked_at_by_one_request_at_a_time() {
    let mut bed = Bed::new(&plan(&[(1, 0)], Balance::PeakEwma, true));
    let _ = bed.request_at(0, Outcome::ConnectionRefused);
    assert_eq!(bed.try_pick(&any()), Pick::Wait, "not now");
    let _ = bed.pass(100);
    let knock = bed.pick(&any());
    assert_eq!(bed.try_pick(&any()), Pick::Wait, "somebody is knocking");
    let _ = bed.end(knock, Outcome::ConnectionRefused);
    assert_eq!(bed.try_pick(&any()), Pick::Wait);
    let waiter = bed.pool.wait(&any()).unwrap();
    let granted = bed.pass(200).granted;
    assert_eq!(granted[0].waiter, waiter);
    let other = bed.pool.wait(&any()).unwrap();
    let granted = bed.apply(Event::Connected(granted[0].picked)).granted;
    assert_eq!(granted[0].waiter, other, "the door is open to all");
    let Pick::Endpoint(_) = bed.try_pick(&any()) else { panic!("open") };
}

#[test]
fn the_last_resort_is_an_endpoint_out_of_reach() {
    let mut bed = Bed::new(&plan(&[(1, 0), (1, 0)], Balance::PeakEwma, true));
    let _ = bed.request_at(0, Outcome::ConnectionRefused);
    let _ = bed.request_at(1, Outcome::ConnectionRefused);
    let request = PickRequest { last_resort: true, ..any() };
    assert_eq!(bed.try_pick(&any()), Pick::Wait);
    assert!(matches!(bed.try_pick(&request), Pick::Endpoint(_)));
}

#[test]
fn of_a_pool_of_two_one_may_be_ejected_for_its_answers_and_of_one_none() {
    let mut two = Bed::new(&plan(&[(1, 0), (1, 0)], Balance::PeakEwma, false));
    for _ in 0..20 {
        let _ = two.request_at(1, Outcome::Completed);
        let _ = two.request_at(0, Outcome::FailureStatus);
    }
    assert_eq!(two.status(0), Status::Ejected);
    for _ in 0..50 {
        let _ = two.request_at(1, Outcome::FailureStatus);
    }
    assert_eq!(two.status(1), Status::Healthy);
    let mut one = Bed::new(&plan(&[(1, 0)], Balance::PeakEwma, false));
    for _ in 0..50 {
        let _ = one.request_at(0, Outcome::FailureStatus);
    }
    assert_eq!(one.status(0), Status::Healthy);
}

#[test]
fn an_endpoint_that_asks_for_it_is_left_alone_until_the_time_has_passed() {
    let mut bed = Bed::new(&plan(&[(1, 0), (1, 0)], Balance::PeakEwma, false));
    let picked = bed.pick(&only(0, 2));
    let end = End { retry_after: Some(Duration::from_secs(2)), ..End::of(Outcome::FailureStatus) };
    let _ = bed.apply(Event::Ended(picked, end));
    for _ in 0..19 {
        let _ = bed.pass(100);
        assert_eq!(bed.request(Outcome::Completed), 1);
    }
    let _ = bed.pass(200);
    assert_eq!(bed.status(0), Status::Healthy);
}

#[test]
fn an_endpoint_that_returns_grows_into_its_share() {
    let mut plan = plan(&[(1, 0), (1, 0)], Balance::Random, true);
    plan.slow_start =
        SlowStart { duration: Duration::from_secs(10), from: Ratio::per_mille(100).unwrap() };
    let mut bed = Bed::new(&plan);
    bed.probe(0, "+");
    bed.probe(1, "+---");
    let share = |bed: &mut Bed| {
        let mut at_one = 0;
        for _ in 0..10_000 {
            let picked = bed.pick(&any());
            at_one += picked.endpoint.0;
            // Nothing is learned from who leaves.
            let _ = bed.end(picked, Outcome::Abandoned);
        }
        f64::from(at_one) / 10_000.0
    };
    bed.probe(1, "++");
    // Half of the draws meet it, and it takes a tenth, then 55 %, then all of them.
    for (millis, expected) in [(0, 0.05), (5_000, 0.275), (5_000, 0.5)] {
        let _ = bed.pass(millis);
        let share = share(&mut bed);
        assert!((share - expected).abs() < 0.02, "{share}, not {expected}");
    }
}

#[test]
fn at_the_start_nobody_has_to_warm_up() {
    let mut bed = Bed::new(&plan(&[(1, 0), (1, 0)], Balance::RoundRobin, true));
    bed.probe(0, "+");
    let _ = bed.pass(20);
    bed.probe(1, "+");
    let turns: Vec<_> = (0..6).map(|_| bed.request(Outcome::Completed)).collect();
    assert_eq!(turns.iter().filter(|&&turn| turn == 0).count(), 3);
}

#[test]
fn the_own_zone_serves_until_too_little_of_it_is_left() {
    let mut plan = plan(&[(1, 0); 6], Balance::Random, true);
    for endpoint in &mut plan.endpoints[3..] {
        endpoint.far = true;
    }
    plan.slow_start.duration = Duration::ZERO;
    let mut bed = Bed::new(&plan);
    for endpoint in 0..6 {
        bed.probe(endpoint, "+");
    }
    let far = |bed: &mut Bed| {
        let far = (0..10_000).filter(|_| bed.request(Outcome::Completed) >= 3).count();
        far as f64 / 10_000.0
    };
    assert_eq!(far(&mut bed), 0.0);
    // Two of three bear 1.4 × 2/3 of the traffic, one of three 1.4 × 1/3.
    bed.probe(0, "---");
    assert!((far(&mut bed) - 0.067).abs() < 0.02);
    bed.probe(1, "---");
    assert!((far(&mut bed) - 0.533).abs() < 0.02);
    bed.probe(2, "---");
    assert_eq!(far(&mut bed), 1.0);
}

#[test]
fn a_session_stays_while_its_endpoint_drains_and_leaves_when_it_fails() {
    let mut plan = plan(&[(1, 0), (1, 0)], Balance::PeakEwma, true);
    plan.endpoints[0].admin = Admin::Drain;
    let mut bed = Bed::new(&plan);
    bed.probe(0, "+");
    bed.probe(1, "+");
    let sticky = PickRequest { sticky: Some(EndpointIndex(0)), ..any() };
    for _ in 0..20 {
        assert_eq!(bed.pick(&any()).endpoint.0, 1);
        assert_eq!(bed.pick(&sticky).endpoint.0, 0);
    }
    bed.probe(0, "---");
    assert_eq!(bed.pick(&sticky).endpoint.0, 1);
}

#[test]
fn keys_stay_at_home_and_move_when_it_fails() {
    for balance in [Balance::RingHash, Balance::Maglev] {
        let mut bed = Bed::new(&plan(&[(1, 0); 5], balance, true));
        for endpoint in 0..5 {
            bed.probe(endpoint, "+");
        }
        let home = |bed: &mut Bed, key: u64| {
            let hash = Some(crate::balance::hash(&key.to_le_bytes()));
            let picked = bed.pick(&PickRequest { hash, ..any() });
            let _ = bed.end(picked, Outcome::Completed);
            picked.endpoint.0
        };
        let homes: Vec<_> = (0..500).map(|key| home(&mut bed, key)).collect();
        bed.probe(2, "---");
        for (key, &before) in (0..500).zip(&homes) {
            let now = home(&mut bed, key);
            assert!(now != 2 && (before == 2 || now == before), "{balance:?}: {before} → {now}");
        }
        assert!(homes.contains(&2));
    }
}

#[test]
fn a_reload_keeps_what_is_known_and_marks_nobody_healthy() {
    let before = plan(&[(1, 0), (1, 0), (1, 0)], Balance::PeakEwma, true);
    let mut bed = Bed::new(&before);
    bed.probe(0, "+");
    bed.probe(1, "-");
    let held = bed.pick(&only(2, 3));
    let mut after = before.clone();
    after.endpoints.remove(2);
    after.endpoints.insert(0, EndpointPlan::at(SocketAddr::from(([127, 0, 0, 9], 1))));
    let (indices, _) = bed.pool.reconfigure(&after, bed.now);
    bed.pool.check_invariants().unwrap();
    let statuses: Vec<_> = indices.iter().map(|index| bed.status(index.at())).collect();
    assert_eq!(statuses, [Status::Pending, Status::Healthy, Status::Failing]);
    assert_eq!(bed.status(2), Status::Disabled, "it is gone, and ends what it has");
    let _ = bed.end(held, Outcome::Completed);
    let (indices, _) = bed.pool.reconfigure(&before, bed.now);
    assert_eq!(indices[2], EndpointIndex(2), "its place is free");
    assert_eq!(bed.status(2), Status::Pending, "and nothing is known of it");
}

#[test]
fn a_pool_goes_on_between_the_preparation_of_a_reload_and_the_reload() {
    let before = plan(&[(1, 0), (1, 0), (1, 0)], Balance::RingHash, true);
    let mut bed = Bed::new(&before);
    let held = bed.pick(&only(2, 3));
    let two = PoolPlan { endpoints: before.endpoints[..2].to_vec(), ..before.clone() };
    let _ = bed.pool.reconfigure(&two, bed.now);
    let mut next = bed.pool.prepare(before.clone());
    assert_eq!(next.places(), [0, 1, 3].map(EndpointIndex), "the last place is still held");
    bed.probe(0, "+");
    let _ = bed.end(held, Outcome::Completed);
    next.make_table();
    let _ = bed.pool.take_over(&mut next, bed.now);
    bed.pool.check_invariants().unwrap();
    let statuses: Vec<_> = (0..4).map(|index| bed.status(index)).collect();
    let (healthy, pending) = (Status::Healthy, Status::Pending);
    assert_eq!(statuses, [healthy, pending, Status::Disabled, pending]);
}

#[test]
fn after_a_reload_keys_are_at_home_where_they_would_be_after_a_start() {
    let homes = |bed: &mut Bed| -> Vec<SocketAddr> {
        let home = |key: u32| {
            let hash = Some(crate::balance::hash(&key.to_le_bytes()));
            let picked = bed.pick(&PickRequest { hash, ..any() });
            let _ = bed.end(picked, Outcome::Completed);
            bed.pool.endpoints()[picked.endpoint.at()].plan.address
        };
        (0..300).map(home).collect()
    };
    let mut now = plan(&[(1, 0), (2, 0), (3, 0)], Balance::RingHash, false);
    // Whoever is new would spare itself at first.
    now.slow_start.duration = Duration::ZERO;
    let mut bed = Bed::new(&now);
    type Step = fn(&mut PoolPlan);
    let steps: [(&str, Step); 6] = [
        ("nothing", |_| ()),
        ("a weight", |plan| plan.endpoints[0].weight = Weight::new(7).unwrap()),
        ("an algorithm", |plan| plan.balance = Balance::Maglev),
        ("an address", |plan| plan.endpoints[1].address.set_port(9)),
        ("one less", |plan| drop(plan.endpoints.pop())),
        ("their order", |plan| plan.endpoints.reverse()),
    ];
    for (what, step) in steps {
        step(&mut now);
        let _ = bed.pool.reconfigure(&now, bed.now);
        assert_eq!(homes(&mut bed), homes(&mut Bed::new(&now)), "{what}");
    }
}

#[test]
fn idle_endpoints_get_their_shares() {
    for balance in [Balance::LeastRequests, Balance::PeakEwma, Balance::Random] {
        let mut bed = Bed::new(&plan(&[(1, 0), (2, 0), (5, 0)], balance, false));
        let mut got = BTreeMap::new();
        for _ in 0..80_000 {
            *got.entry(bed.request(Outcome::Completed)).or_insert(0) += 1;
        }
        // Chi-square with two degrees of freedom: 13.8 is passed by chance once in a thousand times.
        let expected = [10_000.0, 20_000.0, 50_000.0];
        let chi_square: f64 = (0..3_u32)
            .map(|n| {
                let difference = f64::from(got[&n]) - expected[n as usize];
                difference * difference / expected[n as usize]
            })
            .sum();
        assert!(chi_square < 13.8, "{balance:?}: {got:?}: chi-square {chi_square}");
    }
}

#[test]
fn least_requests_never_takes_the_busier_of_three_by_chance() {
    let mut bed = Bed::new(&plan(&[(1, 0), (1, 0), (1, 0)], Balance::LeastRequests, false));
    for _ in 0..100 {
        bed.pick(&only(0, 3));
    }
    for _ in 0..5_000 {
        let endpoint = bed.request(Outcome::Completed);
        assert_ne!(endpoint, 0, "it has a hundred in flight, the others none");
    }
}
