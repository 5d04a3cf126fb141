//! What a review of the first version found: each was wrong once.

use super::*;

fn failed(retry_after: u64) -> End {
    let retry_after = Some(Duration::from_secs(retry_after));
    End { retry_after, ..End::of(Outcome::FailureStatus) }
}

/// Ten requests a second for so long, of which `bad` fails all of its own; tells how many it got.
fn lost(bed: &mut Bed, bad: u32, seconds: u32, end: End) -> u32 {
    let mut lost = 0;
    for _ in 0..10 * seconds {
        let _ = bed.pass(100);
        let picked = bed.pick(&any());
        let at_bad = picked.endpoint.0 == bad;
        lost += u32::from(at_bad);
        let end = if at_bad { end } else { End::of(Outcome::Completed) };
        let _ = bed.apply(Event::Ended(picked, end));
    }
    lost
}

/// Lets an endpoint fail until traffic ejects it, while another serves.
fn eject(bed: &mut Bed, endpoint: u32, other: u32) {
    for _ in 0..5 {
        let _ = bed.request_at(other, Outcome::Completed);
        let _ = bed.request_at(endpoint, Outcome::ClosedBeforeAnswer);
    }
    assert_eq!(bed.status(endpoint as usize), Status::Ejected);
}

#[test]
fn a_knock_on_a_connection_from_before_closes_the_door_to_nobody() {
    let mut bed = Bed::new(&plan(&[(1, 0), (1, 0)], Balance::RoundRobin, true));
    bed.probe(0, "+");
    bed.probe(1, "+");
    let _ = bed.request_at(0, Outcome::ConnectTimeout);
    bed.probe(0, "+");
    let stream = bed.pick(&only(0, 2));
    assert!(stream.is_knock());
    let _ = bed.apply(Event::Reused(stream));
    let knock = bed.pick(&only(0, 2));
    assert!(knock.is_knock());
    let _ = bed.apply(Event::Connected(knock));
    let at_it = (0..100).filter(|_| bed.request(Outcome::Completed) == 0).count();
    assert!(at_it > 0, "the stream is still on its way, and nobody else gets there");
}

#[test]
fn a_knock_without_an_answer_lets_one_more_knock_and_not_all() {
    for outcome in [Outcome::StaleConnection, Outcome::DeadBeforeRequest, Outcome::OutOfTime] {
        let mut bed = Bed::new(&plan(&[(1, 0)], Balance::PeakEwma, true));
        let _ = bed.request_at(0, Outcome::ConnectionRefused);
        let _ = bed.pass(100);
        let knock = bed.pick(&any());
        let _ = bed.apply(Event::Reused(knock));
        let _ = bed.end(knock, outcome);
        assert!(bed.pick(&any()).is_knock(), "{outcome:?}");
        assert_eq!(bed.try_pick(&any()), Pick::Wait, "{outcome:?}");
    }
}

#[test]
fn who_leaves_or_comes_does_not_lose_the_others_their_turn() {
    let mut plan = plan(&[(1, 0), (1, 0)], Balance::RoundRobin, false);
    plan.endpoints[0].max_requests = NonZeroU32::new(100);
    plan.endpoints[1].max_requests = NonZeroU32::new(1);
    let mut bed = Bed::new(&plan);
    let _busy = bed.pick(&only(1, 2));
    let mut at_first: Vec<_> = (0..100).map(|_| bed.pick(&any())).collect();
    let stuck: Vec<_> = (0..100).map(|_| bed.pool.wait(&only(1, 2)).unwrap()).collect();
    let last = bed.pool.wait(&any()).unwrap();
    let _ = bed.end(at_first.pop().unwrap(), Outcome::Completed);
    // One leaves and one comes at each turn, and nobody who has come overtakes.
    let mut granted = Vec::new();
    for left in &stuck[..4] {
        assert!(bed.pool.leave(*left));
        bed.pool.wait(&only(1, 2)).unwrap();
        granted.extend(bed.pass(1).granted);
    }
    assert_eq!(granted.iter().map(|it| it.waiter).collect::<Vec<_>>(), [last]);
}

#[test]
fn who_goes_early_tells_nothing_of_the_pace() {
    let mut bed = Bed::new(&plan(&[(1, 0), (1, 0)], Balance::PeakEwma, false));
    let serve = End { waited: Some(Duration::from_millis(10)), ..End::of(Outcome::Completed) };
    for _ in 0..10 {
        let picked = bed.pick(&only(1, 2));
        let _ = bed.apply(Event::Ended(picked, serve));
    }
    let picked = bed.pick(&only(0, 2));
    let waited = Some(Duration::from_micros(1));
    let _ = bed.apply(Event::Ended(picked, End { waited, ..End::of(Outcome::ClientGone) }));
    assert_eq!(bed.pool.endpoints()[0].latency.average(bed.now), None);
}

#[test]
fn a_probe_frees_who_waits_for_a_knock_that_does_not_come_back() {
    let mut bed = Bed::new(&plan(&[(1, 0)], Balance::RoundRobin, true));
    let _ = bed.request_at(0, Outcome::ConnectTimeout);
    let _ = bed.pass(100);
    let _knocking = bed.pick(&any());
    assert_eq!(bed.try_pick(&any()), Pick::Wait);
    bed.probe(0, "+");
    assert!(bed.pick(&any()).is_knock());
}

#[test]
fn no_wish_to_be_left_alone_hides_that_an_endpoint_fails() {
    for retry_after in [0, 1] {
        let mut bed = Bed::new(&plan(&[(1, 0); 3], Balance::RoundRobin, false));
        let lost = lost(&mut bed, 0, 300, failed(retry_after));
        assert!(lost < 60, "Retry-After {retry_after}: {lost} of 3000");
    }
}

#[test]
fn what_all_wish_leaves_half_of_them_where_they_are() {
    let mut bed = Bed::new(&plan(&[(1, 0); 10], Balance::RoundRobin, false));
    for endpoint in 0..10 {
        let picked = bed.pick(&only(endpoint, 10));
        let _ = bed.apply(Event::Ended(picked, failed(3600)));
    }
    assert_eq!((bed.pool.count(Status::Ejected), bed.pool.count(Status::Healthy)), (5, 5));
}

#[test]
fn an_endpoint_whose_probes_fail_uses_up_nothing_of_what_traffic_may_eject() {
    let mut bed = Bed::new(&plan(&[(1, 0); 3], Balance::RoundRobin, true));
    for endpoint in 0..3 {
        bed.probe(endpoint, "+");
    }
    eject(&mut bed, 0, 1);
    bed.probe(0, "---");
    let _ = bed.pass(60_000);
    let lost = lost(&mut bed, 1, 600, End::of(Outcome::ClosedBeforeAnswer));
    assert!(lost < 60, "{lost} of 6000");
}

#[test]
fn nor_does_what_stands_by_for_an_emergency() {
    let mut bed = Bed::new(&plan(&[(1, 0), (1, 0), (1, 1)], Balance::RoundRobin, false));
    eject(&mut bed, 2, 1);
    let _ = bed.pass(3_600_000);
    assert_eq!(bed.status(2), Status::Probation, "nobody has needed it");
    let lost = lost(&mut bed, 0, 600, End::of(Outcome::ClosedBeforeAnswer));
    assert!(lost < 60, "{lost} of 6000");
}

#[test]
fn those_behind_many_who_cannot_use_what_is_free_get_it() {
    let mut plan = plan(&[(1, 0), (1, 0)], Balance::RoundRobin, false);
    plan.endpoints[0].max_requests = NonZeroU32::new(100);
    plan.endpoints[1].max_requests = NonZeroU32::new(1);
    let mut bed = Bed::new(&plan);
    let _busy = bed.pick(&only(1, 2));
    let at_first: Vec<_> = (0..100).map(|_| bed.pick(&any())).collect();
    for request in [only(1, 2), any()] {
        for _ in 0..50 {
            assert_eq!(bed.try_pick(&request), Pick::Wait);
            bed.pool.wait(&request).unwrap();
        }
    }
    let ends: usize =
        at_first.into_iter().map(|it| bed.end(it, Outcome::Completed).granted.len()).sum();
    assert_eq!((ends, bed.pool.waiting()), (50, 50));
}

#[test]
fn what_all_do_alike_keeps_nobody_on_probation() {
    for share in [10, 30, 50] {
        let mut bed = Bed::new(&plan(&[(1, 0); 3], Balance::RoundRobin, false));
        eject(&mut bed, 0, 1);
        let mut back = None;
        for tick in 0..6_000 {
            let _ = bed.pass(10);
            let picked = bed.pick(&any());
            let errored = bed.rng.next_u32() % 100 < share;
            let end = End { errored, ..End::of(Outcome::Completed) };
            let _ = bed.apply(Event::Ended(picked, end));
            if bed.status(0) == Status::Healthy {
                back.get_or_insert(tick / 100);
            }
        }
        assert!(back.is_some_and(|seconds| seconds < 30), "{share} %: {back:?} s");
    }
}

#[test]
fn an_endpoint_with_a_stream_is_not_taken_for_one_that_hangs() {
    let mut bed = Bed::new(&plan(&[(1, 0), (1, 0)], Balance::PeakEwma, false));
    let waited = Duration::from_millis(5);
    let serve = |bed: &mut Bed| {
        let picked = bed.pick(&any());
        let end = End { waited: Some(waited), ..End::of(Outcome::Completed) };
        let _ = bed.apply(Event::Ended(picked, end));
        picked.endpoint.0
    };
    for _ in 0..100 {
        let _ = bed.pass(10);
        serve(&mut bed);
    }
    let stream = bed.pick(&only(0, 2));
    let _ = bed.apply(Event::Answered(stream, waited));
    let mut at_it = 0;
    for _ in 0..1000 {
        // The other one has as many in flight.
        let other = bed.pick(&only(1, 2));
        let _ = bed.apply(Event::Answered(other, waited));
        let _ = bed.pass(100);
        at_it += u32::from(serve(&mut bed) == 0);
        let _ = bed.end(other, Outcome::Abandoned);
    }
    assert!((300..=700).contains(&at_it), "{at_it} of 1000");
}

#[test]
fn connections_that_a_death_has_closed_teach_nothing_of_the_next_life() {
    let mut bed = Bed::new(&plan(&[(1, 0), (1, 0)], Balance::PeakEwma, true));
    bed.probe(0, "+");
    bed.probe(1, "+");
    let (endpoint, age) = (EndpointIndex(0), Duration::from_millis(4));
    assert!(bed.pool.may_reuse(endpoint, age, bed.now));
    let picked = bed.pick(&only(0, 2));
    let idle = Some(Duration::from_millis(1));
    let _ = bed.apply(Event::Ended(picked, End { idle, ..End::of(Outcome::StaleConnection) }));
    assert!(!bed.pool.may_reuse(endpoint, age, bed.now));
    let _ = bed.request_at(0, Outcome::ConnectionRefused);
    bed.probe(0, "+");
    assert!(bed.pool.may_reuse(endpoint, age, bed.now));
}

#[test]
fn an_endpoint_has_one_timer_however_often_it_is_held() {
    let mut plan = plan(&[(1, 0), (1, 0)], Balance::RoundRobin, false);
    plan.ejection.time = Duration::from_secs(3600);
    plan.ejection.max_time = Duration::from_secs(3600);
    let mut bed = Bed::new(&plan);
    for _ in 0..1000 {
        let _ = bed.pass(100);
        for endpoint in 0..2 {
            if let Pick::Endpoint(picked) = bed.try_pick(&only(endpoint, 2)) {
                let _ = bed.end(picked, Outcome::ConnectionRefused);
            }
        }
    }
    assert!(bed.pool.timers.len() <= 2);
}
