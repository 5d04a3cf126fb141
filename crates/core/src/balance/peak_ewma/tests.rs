//! The average by itself, and pools under it, in virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::balance::testing::{candidates, weight};
use crate::balance::{Candidates, two_choices};
use crate::id::EndpointIndex;

const MS: u64 = 1_000_000;

fn at(milliseconds: u64) -> Timestamp {
    Timestamp::from_start(Duration::from_millis(milliseconds))
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn typical(milliseconds: u64) -> Typical {
    let mut typical = Typical::default();
    typical.observe(ms(milliseconds), at(0));
    typical
}

#[track_caller]
fn assert_near(got: Option<f64>, milliseconds: f64) {
    let got = got.unwrap() / MS as f64;
    assert!((got / milliseconds - 1.0).abs() < 0.001, "{got} ms instead of {milliseconds}");
}

#[test]
fn a_peak_counts_at_once_and_is_forgotten_slowly() {
    let mut latency = Latency::default();
    assert_eq!(latency.average(at(0)), None);
    latency.observe(ms(10), Typical::default(), at(0));
    assert_near(latency.average(at(0)), 10.0);
    latency.observe(ms(50), Typical::default(), at(0));
    assert_near(latency.average(at(0)), 50.0);
    latency.observe(ms(10), Typical::default(), at(0));
    assert_near(latency.average(at(0)), 50.0);
    assert_near(latency.average(at(10_000)), 50.0 / std::f64::consts::E);
    latency.observe(ms(10), Typical::default(), at(10_000));
    let left = 1.0 / std::f64::consts::E;
    assert_near(latency.average(at(10_000)), 50.0 * left * left + 10.0 * (1.0 - left));
}

#[test]
fn one_request_makes_it_at_most_ten_times_as_slow() {
    let mut latency = Latency::default();
    latency.observe(ms(10_000), typical(10), at(0));
    assert_near(latency.average(at(0)), 100.0);
    latency.observe(ms(10_000), typical(10), at(0));
    assert_near(latency.average(at(0)), 1000.0);
    // However long ago the last one was.
    latency.observe(ms(900), typical(10), at(300_000));
    assert_near(latency.average(at(300_000)), 900.0);
}

#[test]
fn failures_are_slow_however_fast_they_were() {
    let mut latency = Latency::default();
    for penalty in [100.0, 1000.0, 10_000.0, 10_000.0] {
        latency.failed(Duration::ZERO, typical(10), at(0));
        assert_near(latency.average(at(0)), penalty);
    }
    latency.observe(ms(10), typical(10), at(60_000));
    latency.failed(Duration::ZERO, typical(10), at(60_000));
    assert_near(latency.average(at(60_000)), 100.0);
    let mut unknown = Latency::default();
    unknown.failed(Duration::ZERO, Typical::default(), at(0));
    assert_near(unknown.average(at(0)), 10.0);
    let mut slow = Latency::default();
    slow.observe(ms(1000), Typical::default(), at(0));
    slow.failed(ms(1), typical(10), at(0));
    assert_near(slow.average(at(0)), 1000.0);
}

#[test]
fn equal_latencies_cost_the_same_whatever_the_weight_until_there_is_load() {
    let candidates = candidates(&[100, 300]);
    let [light, heavy] = [100, 300].map(|value| candidates.relative(weight(value)));
    let mut latency = Latency::default();
    latency.observe(ms(10), Typical::default(), at(0));
    let cost = |in_flight, weight| latency.cost(at(0), in_flight, weight, Typical::default());
    assert_eq!(cost(0, light), cost(0, heavy));
    assert!((cost(10, light) - cost(30, heavy)).abs() < 1.0);
}

#[test]
fn an_unknown_or_forgotten_endpoint_costs_as_a_typical_one_and_no_less() {
    let (unknown, mut slow) = (Latency::default(), Latency::default());
    slow.observe(ms(90), typical(10), at(0));
    let cost = |latency: Latency, now| latency.cost(now, 0, 1.0, typical(10));
    assert_near(Some(cost(unknown, at(0))), 10.0);
    assert_near(Some(cost(slow, at(0))), 90.0 / 2.0);
    assert_near(Some(cost(slow, at(600_000))), 10.0);
    let mut fast = Latency::default();
    fast.observe(ms(3), typical(10), at(0));
    assert_near(Some(cost(fast, at(600_000))), 3.0 * 2.0);
}

/// The end of a request: when, which, where, after how long, whether well.
type End = (u64, u64, usize, u64, bool);

/// Clients that send their next request as soon as they have the answer to the last, and endpoints
/// that each serve sixteen at a time.
struct Simulation {
    rng: SmallRng,
    weights: Vec<u16>,
    candidates: Candidates,
    latencies: Vec<Latency>,
    typical: Typical,
    in_flight: Vec<u32>,
    workers: Vec<BinaryHeap<Reverse<u64>>>,
    /// Ends of requests to come.
    ends: BinaryHeap<Reverse<End>>,
    begun: u64,
    /// When each request ended, where, and how long it took.
    done: Vec<(u64, usize, u64)>,
}

/// How long an endpoint takes on average, in nanoseconds, at this time; `None`: it refuses.
type Service = dyn Fn(usize, u64) -> Option<u64>;

impl Simulation {
    fn run(weights: &[u16], clients: usize, think: u64, seconds: u64, service: &Service) -> Self {
        let mut simulation = Self {
            rng: SmallRng::seed_from_u64(11),
            weights: weights.to_vec(),
            candidates: candidates(weights),
            latencies: vec![Latency::default(); weights.len()],
            typical: Typical::default(),
            in_flight: vec![0; weights.len()],
            workers: vec![(0..16).map(|_| Reverse(0)).collect(); weights.len()],
            ends: BinaryHeap::new(),
            begun: 0,
            done: Vec::new(),
        };
        // A client that thinks is one whose request is nowhere.
        let nowhere = usize::MAX;
        for client in 0..clients as u64 {
            simulation.ends.push(Reverse((client * MS / 10, client, nowhere, 0, true)));
        }
        while let Some(Reverse((now, _, endpoint, took, well))) = simulation.ends.pop() {
            if now > seconds * 1000 * MS {
                break;
            }
            if endpoint == nowhere {
                simulation.begin(now, service);
                continue;
            }
            simulation.end(now, endpoint, took, well);
            let pause = if think == 0 { 0 } else { simulation.rng.random_range(0..2 * think) };
            simulation.begun += 1;
            simulation.ends.push(Reverse((now + pause, simulation.begun, nowhere, 0, true)));
        }
        simulation
    }

    fn begin(&mut self, now: u64, service: &Service) {
        let (latencies, in_flight, typical) = (&self.latencies, &self.in_flight, self.typical);
        let cost = |endpoint: EndpointIndex| {
            let relative = self.candidates.relative(weight(self.weights[endpoint.at()]));
            let now = Timestamp::from_start(Duration::from_nanos(now));
            latencies[endpoint.at()].cost(now, in_flight[endpoint.at()], relative, typical)
        };
        let picked = two_choices(&self.candidates, cost, |_| true, &mut self.rng).unwrap().at();
        self.latencies[picked]
            .began(self.in_flight[picked], Timestamp::from_start(Duration::from_nanos(now)));
        self.in_flight[picked] += 1;
        let (end, well) = match service(picked, now) {
            None => (now + MS / 5, false),
            Some(mean) => {
                // Half of it fixed, half exponential: the worst of a hundred takes 2.8 times the
                // mean.
                let uniform: f64 = self.rng.random_range(f64::MIN_POSITIVE..1.0);
                let takes = (mean as f64 * (0.5 - 0.5 * uniform.ln())) as u64;
                let Reverse(free) = self.workers[picked].pop().unwrap();
                let end = free.max(now) + takes;
                self.workers[picked].push(Reverse(end));
                (end, true)
            }
        };
        self.begun += 1;
        self.ends.push(Reverse((end, self.begun, picked, end - now, well)));
    }

    fn end(&mut self, now: u64, endpoint: usize, took: u64, well: bool) {
        self.in_flight[endpoint] -= 1;
        self.done.push((now, endpoint, took));
        let (took, now) =
            (Duration::from_nanos(took), Timestamp::from_start(Duration::from_nanos(now)));
        if well {
            self.latencies[endpoint].observe(took, self.typical, now);
            self.typical.observe(took, now);
        } else {
            self.latencies[endpoint].failed(took, self.typical, now);
        }
    }

    /// The part that each endpoint had of what ended between these seconds.
    fn shares(&self, from: u64, to: u64) -> Vec<f64> {
        let within = (from * 1000 * MS)..(to * 1000 * MS);
        let mut got = vec![0.0; self.weights.len()];
        self.done
            .iter()
            .filter(|(end, ..)| within.contains(end))
            .for_each(|&(_, at, _)| got[at] += 1.0);
        let all: f64 = got.iter().sum();
        got.iter().map(|got| got / all).collect()
    }

    fn p99(&self) -> f64 {
        let mut took: Vec<u64> = self.done.iter().map(|&(.., took)| took).collect();
        took.sort_unstable();
        took[took.len() * 99 / 100] as f64 / MS as f64
    }
}

#[test]
fn one_of_three_that_is_twenty_times_slower_is_not_felt() {
    let good = Simulation::run(&[1, 1], 32, 0, 60, &|_, _| Some(10 * MS));
    let brownout = Simulation::run(&[1, 1, 1], 32, 0, 60, &|endpoint, _| {
        Some(if endpoint == 0 { 200 * MS } else { 10 * MS })
    });
    assert!(brownout.p99() <= 1.5 * good.p99(), "{} against {}", brownout.p99(), good.p99());
}

#[test]
fn equals_share_evenly() {
    for (clients, think) in [(32, 0), (4, 0), (4, 20 * MS)] {
        let run = Simulation::run(&[1, 1, 1], clients, think, 60, &|_, _| Some(10 * MS));
        for share in run.shares(0, 60) {
            assert!((share * 3.0 - 1.0).abs() < 0.05, "{:?}", run.shares(0, 60));
        }
    }
}

#[test]
fn shares_are_near_the_weights_idle_or_busy() {
    for (clients, think) in [(1, 20 * MS), (4, 20 * MS), (32, 0)] {
        let run = Simulation::run(&[1, 2, 5], clients, think, 120, &|_, _| Some(10 * MS));
        // Noise counts as a difference where it is more than twofold, and so the light have a
        // little more. With every difference counted, the heavy one would have 41 % instead of 56
        // to 63 %.
        let heavy = run.shares(0, 120)[2];
        assert!((0.5..0.68).contains(&heavy), "{:?}", run.shares(0, 120));
    }
}

#[test]
fn one_that_was_slow_gets_its_share_back_within_half_a_minute() {
    for (clients, think, least) in
        [(32, 0, 0.3), (4, 0, 0.3), (4, 20 * MS, 0.27), (1, 20 * MS, 0.2)]
    {
        let run = Simulation::run(&[1, 1, 1], clients, think, 75, &|endpoint, now| {
            let slow = endpoint == 0 && (10_000 * MS..15_000 * MS).contains(&now);
            Some(if slow { 200 * MS } else { 10 * MS })
        });
        let (slow, recovered) = (run.shares(11, 15)[0], run.shares(45, 75)[0]);
        assert!(slow < 0.05, "{slow} while it was slow, of {clients} clients");
        assert!(recovered > least, "{recovered} after, of {clients} clients");
    }
}

#[test]
fn one_that_refuses_gets_next_to_nothing() {
    for (clients, think) in [(32, 0), (4, 0), (4, 20 * MS), (1, 20 * MS)] {
        let run = Simulation::run(&[1, 1, 1], clients, think, 60, &|endpoint, _| {
            (endpoint > 0).then_some(10 * MS)
        });
        let refused = run.done.iter().filter(|&&(_, endpoint, _)| endpoint == 0).count();
        assert!(refused <= 8, "{refused} of {} in a minute", run.done.len());
    }
}

#[test]
fn one_that_hangs_keeps_what_it_has_and_attracts_no_more() {
    // What takes a minute does not end before the run does. A third of all is on the way when it
    // begins to hang; by its average alone, 23 of the 32 would end there.
    for (clients, most) in [(4, 2), (32, 11)] {
        let run = Simulation::run(&[1, 1, 1], clients, 0, 40, &|endpoint, now| {
            Some(if endpoint == 0 && now > 5000 * MS { 60_000 * MS } else { 10 * MS })
        });
        assert!(run.in_flight[0] <= most, "{:?}", run.in_flight);
    }
}

#[test]
fn what_differs_by_less_than_noise_costs_the_same() {
    let cost = |millis| {
        let mut latency = Latency::default();
        latency.observe(ms(millis), typical(10), at(0));
        latency.cost(at(0), 0, 1.0, typical(10))
    };
    for alike in [5, 7, 15, 20] {
        assert_near(Some(cost(alike)), 10.0);
    }
    assert!(cost(4) < cost(5) && cost(20) < cost(21));
}

#[test]
fn a_request_that_waits_is_a_sample_until_something_is_heard() {
    let mut latency = Latency::default();
    latency.observe(ms(10), typical(10), at(0));
    latency.began(0, at(0));
    latency.began(1, at(40));
    let cost = |latency: Latency, in_flight| latency.cost(at(50), in_flight, 1.0, typical(10));
    assert_near(Some(cost(latency, 2)), 150.0 / 2.0);
    assert_near(Some(cost(latency, 0)), 10.0);
    latency.observe(ms(10), typical(10), at(50));
    assert!(cost(latency, 2) < cost(latency, 4));
    assert_near(Some(cost(latency, 2)), 30.0);
}
