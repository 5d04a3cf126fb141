//! Lanes, slots and asks, without a probe.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A queue of `slots` in which `fit` and as many `doubtful` endpoints have been due since `start`.
fn queue(slots: u32, fit: u32, doubtful: u32, start: Instant) -> Queue {
    let mut queue = Queue::new(NonZeroU32::new(slots).unwrap());
    for endpoint in 0..fit {
        queue.push(EndpointIndex(endpoint), Lane::Fit, start);
    }
    for endpoint in fit..fit + doubtful {
        queue.push(EndpointIndex(endpoint), Lane::Doubtful, start);
    }
    queue
}

fn started(queue: &mut Queue, now: Instant) -> Vec<Probing> {
    std::iter::from_fn(|| queue.start(now)).collect()
}

#[test]
fn three_slots_in_four_are_for_the_fit_while_both_wait() {
    let now = Instant::now();
    for (slots, expected) in [(64, 48), (8, 6), (4, 3), (3, 2), (2, 1)] {
        let started = started(&mut queue(slots, 100, 100, now), now);
        let fit = started.iter().filter(|probing| probing.lane == Lane::Fit).count();
        assert_eq!((started.len(), fit), (slots as usize, expected), "{slots} slots");
    }
}

#[test]
fn the_doubtful_leave_a_quarter_free_as_long_as_anyone_is_fit() {
    let now = Instant::now();
    let later = now + SECOND;
    for (slots, expected) in [(64, 48), (4, 3), (3, 2), (2, 1), (1, 1)] {
        let mut queue = queue(slots, 0, 100, now);
        queue.push(EndpointIndex(100), Lane::Fit, later);
        assert_eq!(started(&mut queue, now).len(), expected, "{slots} slots");
        let room = slots as usize > expected;
        assert_eq!(queue.wake(), room.then_some(later), "{slots} slots");
        assert_eq!(queue.start(later).is_some(), room, "{slots} slots");
    }
    // The last is for whom traffic asks.
    let mut queue = queue(64, 0, 100, now);
    assert_eq!(started(&mut queue, now).len(), 63, "nobody is fit");
    assert_eq!(queue.wake(), None);
}

#[test]
fn the_fit_use_every_slot_that_nobody_else_waits_for() {
    let now = Instant::now();
    let mut queue = queue(8, 20, 0, now);
    let mut probing = started(&mut queue, now);
    assert_eq!(probing.len(), 8);
    queue.push(EndpointIndex(20), Lane::Doubtful, now);
    queue.end(probing.pop().unwrap(), Lane::Fit, now);
    assert_eq!(queue.start(now).unwrap().endpoint, EndpointIndex(20));
}

#[test]
fn a_single_slot_is_taken_in_turns() {
    let now = Instant::now();
    let mut queue = queue(1, 2, 5, now);
    let lanes: Vec<Lane> = (0..6)
        .map(|_| {
            let probing = queue.start(now).unwrap();
            assert!(queue.start(now).is_none());
            let lane = probing.lane;
            queue.end(probing, lane, now);
            lane
        })
        .collect();
    let turns = [Lane::Fit, Lane::Doubtful];
    assert_eq!(lanes, turns.repeat(3));
}

#[test]
fn the_lag_is_that_of_whoever_is_due_for_longest() {
    let start = Instant::now();
    let mut queue = queue(1, 0, 0, start);
    assert_eq!(queue.lag(start), Duration::ZERO);
    queue.push(EndpointIndex(0), Lane::Fit, start + SECOND);
    queue.push(EndpointIndex(1), Lane::Doubtful, start + 2 * SECOND);
    assert_eq!((queue.lag(start), queue.overdue(start)), (Duration::ZERO, 0));
    let now = start + 5 * SECOND;
    assert_eq!((queue.lag(now), queue.overdue(now)), (4 * SECOND, 2));
    let _held = queue.start(now);
    assert_eq!((queue.lag(now), queue.overdue(now)), (3 * SECOND, 1));
}

#[test]
fn enough_slots_are_enough() {
    for (endpoints, interval, timeout) in [(1_001, 2, 1), (3, 2, 1), (1, 60, 1), (50, 1, 5)] {
        let slots = enough(endpoints, SECOND * interval, SECOND * timeout);
        let mut queue = Queue::new(NonZeroU32::new(u32::try_from(slots).unwrap()).unwrap());
        queue.push(EndpointIndex(0), Lane::Fit, Instant::now());
        let held = endpoints * timeout as usize / interval as usize;
        assert!(queue.reach() >= held.min(endpoints), "{endpoints}: {slots}");
    }
    assert_eq!(enough(1_001, 2 * SECOND, SECOND), 668);
}

/// How far the queue has come, in milliseconds.
fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn who_is_asked_for_is_due_then_and_fit() {
    let start = Instant::now();
    for lane in [Lane::Fit, Lane::Doubtful] {
        let mut queue = queue(64, 0, 0, start);
        queue.push(EndpointIndex(0), lane, start + 3_600 * SECOND);
        queue.ask(EndpointIndex(0), start + ms(30));
        assert_eq!(queue.wake(), Some(start + ms(30)), "{lane:?}");
        assert!(queue.start(start + ms(29)).is_none());
        let probing = queue.start(start + ms(30)).unwrap();
        assert_eq!((probing.lane, queue.wake()), (Lane::Fit, None), "it waits in one place only");
        queue.end(probing, lane, start + 3_600 * SECOND);
        assert_eq!(queue.wake(), Some(start + 3_600 * SECOND), "and then as usual");
    }
}

#[test]
fn an_ask_never_puts_a_probe_off() {
    let start = Instant::now();
    let mut queue = queue(64, 0, 0, start);
    queue.push(EndpointIndex(0), Lane::Fit, start + ms(10));
    queue.ask(EndpointIndex(0), start + ms(30));
    assert_eq!(queue.wake(), Some(start + ms(10)));
}

#[test]
fn who_is_asked_for_finds_a_slot_among_any_number_of_silent_ones() {
    let now = Instant::now();
    for slots in [2, 3, 64] {
        let mut queue = queue(slots, 0, 100, now);
        let _held = started(&mut queue, now);
        queue.ask(EndpointIndex(99), now);
        assert_eq!(queue.start(now).unwrap().endpoint, EndpointIndex(99), "{slots} slots");
    }
}

#[test]
fn another_probe_follows_the_one_that_was_on_the_way() {
    let start = Instant::now();
    let mut queue = queue(64, 1, 0, start);
    let probing = queue.start(start).unwrap();
    queue.ask(EndpointIndex(0), start + ms(30));
    assert!(queue.start(start + ms(300)).is_none(), "not two at once");
    queue.end(probing, Lane::Doubtful, start + 3_600 * SECOND);
    let again = queue.start(start + ms(300)).unwrap();
    assert_eq!((again.endpoint, again.lane), (EndpointIndex(0), Lane::Fit));
    queue.end(again, Lane::Fit, start + 3_600 * SECOND);
    assert_eq!(queue.wake(), Some(start + 3_600 * SECOND));
}

#[test]
fn a_storm_of_asks_is_one_probe_in_a_hundred_milliseconds() {
    let start = Instant::now();
    let mut queue = queue(64, 0, 0, start);
    queue.push(EndpointIndex(0), Lane::Doubtful, start + 3_600 * SECOND);
    let mut starts = Vec::new();
    for at in 0..1_000 {
        for _ in 0..10 {
            queue.ask(EndpointIndex(0), start + ms(at));
        }
        if let Some(probing) = queue.start(start + ms(at)) {
            starts.push(at);
            queue.end(probing, Lane::Doubtful, start + 3_600 * SECOND);
        }
    }
    assert_eq!(starts, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
}

#[test]
fn who_is_asked_for_in_vain_waits_among_the_doubtful_until_it_answers() {
    let start = Instant::now();
    let mut queue = queue(64, 0, 0, start);
    let mut now = start;
    let mut round = |asked: bool, silent: bool| {
        now += SECOND;
        if queue.places.is_empty() {
            queue.push(EndpointIndex(0), Lane::Doubtful, now);
        }
        if asked {
            queue.ask(EndpointIndex(0), now);
        }
        let mut probing = queue.start(now).unwrap();
        let lane = probing.lane;
        probing.silent = silent;
        queue.end(probing, Lane::Doubtful, now + SECOND);
        lane
    };
    assert_eq!(round(false, true), Lane::Doubtful);
    assert_eq!(round(true, true), Lane::Fit, "that it was silent is older than the refusal");
    assert_eq!(round(true, true), Lane::Doubtful);
    assert_eq!(round(false, true), Lane::Doubtful);
    assert_eq!(round(true, false), Lane::Doubtful, "until it answers");
    assert_eq!(round(true, false), Lane::Fit);
    assert_eq!(round(true, true), Lane::Fit);
    assert_eq!(round(true, true), Lane::Doubtful);
}

#[test]
fn whom_nobody_knows_cannot_be_asked_for() {
    let now = Instant::now();
    let mut queue = queue(4, 1, 0, now);
    queue.ask(EndpointIndex(7), now);
    assert_eq!(started(&mut queue, now).len(), 1);
}
