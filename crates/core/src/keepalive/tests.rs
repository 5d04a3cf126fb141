//! The rules, as sentences; then clients and endpoints in virtual time.

use proptest::prelude::*;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;

const START: Timestamp = Timestamp::START;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// `n` times ten minutes, and a little, after the start.
fn fadings(n: u32) -> Timestamp {
    START + FADES_IN * n + ms(1)
}

fn served(idle: Duration) -> KeepAlive {
    let mut keepalive = KeepAlive::default();
    keepalive.reused(idle, START);
    keepalive
}

#[test]
fn a_hint_is_believed_but_for_a_margin() {
    for (hint, safe) in [(0, 0), (1, 500), (2, 1000), (3, 2000), (5, 4000), (75, 74_000)] {
        let mut keepalive = served(ms(900));
        keepalive.hinted(Duration::from_secs(hint));
        assert_eq!(keepalive.safe(START), ms(safe), "{hint}");
    }
}

#[test]
fn without_a_hint_half_of_what_has_served_is_safe() {
    assert_eq!(KeepAlive::default().safe(START), ms(5));
    assert_eq!(served(ms(6)).safe(START), ms(5));
    let mut keepalive = served(ms(3000));
    keepalive.reused(ms(200), START);
    assert_eq!(keepalive.safe(START), ms(1500));
}

#[test]
fn a_close_caps_at_half_and_disproves_what_served_longer() {
    let mut keepalive = served(ms(3000));
    keepalive.closed_at(ms(400), START);
    assert_eq!(keepalive.safe(START), ms(200));
    // The cap is doubled by now; what is trusted has to be earned again.
    assert_eq!(keepalive.safe(fadings(1)), ms(100));
    keepalive.reused(ms(3000), fadings(1));
    assert_eq!(keepalive.safe(fadings(1)), ms(400));
}

#[test]
fn the_shortest_close_counts() {
    let mut keepalive = served(ms(3000));
    for idle in [900, 1500, 700, 800, 60_000] {
        keepalive.closed_at(ms(idle), START);
    }
    assert_eq!(keepalive.safe(START), ms(350));
}

#[test]
fn a_hint_that_a_close_contradicts_is_not_believed() {
    let mut keepalive = KeepAlive::default();
    keepalive.hinted(ms(60_000));
    keepalive.closed_at(ms(5000), START);
    keepalive.hinted(ms(60_000));
    assert_eq!(keepalive.safe(START), ms(5));
    keepalive.reused(ms(3000), START);
    assert_eq!(keepalive.safe(START), ms(1500));
    // A close within the margin is what the margin is for.
    let mut keepalive = KeepAlive::default();
    keepalive.hinted(ms(5000));
    keepalive.closed_at(ms(4900), START);
    assert_eq!(keepalive.safe(START), ms(2450));
}

#[test]
fn a_close_right_after_an_answer_leaves_no_trust_for_ten_minutes() {
    for idle in [0, 1, 10] {
        let mut keepalive = served(ms(3000));
        keepalive.hinted(ms(60_000));
        keepalive.closed_at(ms(idle), START);
        keepalive.reused(ms(3000), START + ms(1));
        assert_eq!(keepalive.safe(START + ms(599_999)), ms(0), "{idle}");
        assert_eq!(keepalive.safe(fadings(1)), ms(10), "{idle}");
    }
}

#[test]
fn the_first_trust_does_not_come_back_while_such_a_close_is_remembered() {
    let mut keepalive = KeepAlive::default();
    keepalive.closed_at(ms(1), START);
    assert_eq!(keepalive.safe(fadings(31)), ms(0));
    assert_eq!(keepalive.safe(fadings(32)), ms(5));
    keepalive.reused(ms(100), fadings(3));
    assert_eq!(keepalive.safe(fadings(3)), ms(40));
}

#[test]
fn a_close_is_forgotten_unless_others_like_it_follow() {
    let mut keepalive = served(ms(5000));
    keepalive.closed_at(ms(0), START);
    // An ordinary timeout of five seconds, met every minute.
    for minute in 1..=90 {
        let now = START + Duration::from_secs(60 * minute);
        keepalive.reused(ms(4000), now);
        keepalive.closed_at(ms(5000), now);
    }
    // 10 ms have doubled to 2.56 s; once more would be above what is seen to close.
    assert_eq!(keepalive.safe(fadings(9)), ms(1280));
    // The same again; and at 15 ms, which one doubling would have called safe.
    keepalive.closed_at(ms(0), fadings(10));
    keepalive.closed_at(ms(15), fadings(10) + ms(500_000));
    assert_eq!(keepalive.safe(fadings(11)), ms(0));
}

#[test]
fn what_has_served_fades_where_nothing_longer_serves_again() {
    let mut keepalive = served(ms(4000));
    assert_eq!(keepalive.safe(fadings(1)), ms(1000));
    keepalive.reused(ms(1000), fadings(1));
    assert_eq!(keepalive.safe(fadings(2)), ms(500));
    assert_eq!(keepalive.safe(fadings(1000)), ms(5));
    keepalive.reused(ms(1500), fadings(2));
    assert_eq!(keepalive.safe(fadings(2)), ms(750));
}

#[test]
fn it_is_small() {
    assert!(size_of::<KeepAlive>() <= 72);
}

proptest! {
    #[test]
    fn nothing_overflows_and_nothing_is_above_half_of_a_fresh_close(
        events in proptest::collection::vec((0..4_u8, any::<u64>(), any::<u64>()), 1..50),
    ) {
        let mut keepalive = KeepAlive::default();
        for (kind, idle, now) in events {
            let now = Timestamp::from_start(Duration::from_nanos(now));
            let idle = Duration::from_nanos(idle);
            match kind {
                0 => keepalive.hinted(Duration::from_secs(idle.as_nanos() as u64)),
                1 => keepalive.reused(idle, now),
                2 => {
                    keepalive.closed_at(idle, now);
                    prop_assert!(keepalive.safe(now) <= idle / 2);
                }
                _ => {
                    keepalive.safe(now);
                }
            }
        }
    }
}

/// What a request may be lost to.
#[derive(Clone, Copy)]
enum Endpoint {
    /// Closes after so long idle, and is never seen to: only a request finds out.
    Timeout(Duration),
    /// Closes at once after every so many answers. 2 ms later that is seen, as a pool of idle
    /// connections sees it.
    Every(u32),
}

/// How far the endpoint's clock and the gateway's are apart on the wire.
const RACE: Duration = Duration::from_millis(2);

#[derive(Default, Debug)]
struct Tally {
    posts: u32,
    fresh_posts: u32,
    lost_gets: u32,
    lost_posts: u32,
    /// Posts on reused connections after the first close that was seen.
    reused_after_first_loss: u32,
}

/// One client's requests after another, over `minutes`, on the most recently used connection.
fn run(
    endpoint: Endpoint,
    hint: Option<Duration>,
    gets: f64,
    pauses: std::ops::Range<f64>,
    minutes: u64,
    rng: &mut SmallRng,
) -> Tally {
    let mut tally = Tally::default();
    let mut keepalive = KeepAlive::default();
    let mut now = START;
    // When each idle connection's last answer came, and how many it has had.
    let mut idle: Vec<(Timestamp, u32)> = Vec::new();
    while now < START + Duration::from_secs(60 * minutes) {
        // As many pauses between 1 and 10 ms as between 1 and 10 s.
        now = now + Duration::from_secs_f64(10_f64.powf(rng.random_range(pauses.clone())));
        let get = rng.random_bool(gets);
        tally.posts += u32::from(!get);
        if let Endpoint::Every(k) = endpoint {
            idle.retain(|&(since, answers)| answers % k != 0 || now - since < RACE);
        }
        let usable = |&(since, _): &(Timestamp, u32)| get || now - since <= keepalive.safe(now);
        let mut answers = 0;
        if idle.last().is_some_and(usable)
            && let Some((since, answered)) = idle.pop()
        {
            let age = now - since;
            let lost = match endpoint {
                Endpoint::Timeout(after) => age + RACE >= after,
                Endpoint::Every(k) => answered % k == 0,
            };
            if !get && tally.lost_gets + tally.lost_posts > 0 {
                tally.reused_after_first_loss += 1;
            }
            if lost {
                keepalive.closed_at(age, now);
                tally.lost_gets += u32::from(get);
                tally.lost_posts += u32::from(!get);
                continue;
            }
            keepalive.reused(age, now);
            answers = answered;
        } else {
            tally.fresh_posts += u32::from(!get);
        }
        if let Some(hint) = hint {
            keepalive.hinted(hint);
        }
        idle.push((now, answers + 1));
        // A burst leaves a second connection behind, that ages.
        if rng.random_bool(0.01) {
            idle.insert(0, (now, 1));
        }
        if idle.len() > 8 {
            idle.remove(0);
        }
    }
    tally
}

#[test]
fn no_post_meets_the_end_of_an_idle_timeout() {
    let (mut posts, mut fresh, mut lost_gets) = (0, 0, 0);
    for seed in 0..200 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let timeout = Duration::from_secs_f64(rng.random_range(0.05..5.0));
        let gets = rng.random_range(0.0..1.0);
        let endpoint = Endpoint::Timeout(timeout);
        let tally = run(endpoint, None, gets, -3.5..1.0, 60, &mut rng);
        assert_eq!(tally.lost_posts, 0, "seed {seed}: {timeout:?}, {tally:?}");
        posts += tally.posts;
        fresh += tally.fresh_posts;
        lost_gets += tally.lost_gets;
    }
    assert!(lost_gets > 10_000, "the race was run {lost_gets} times");
    assert!(fresh < posts / 2, "{fresh} of {posts} on fresh connections");
}

#[test]
fn no_post_meets_it_where_the_endpoint_tells_its_timeout() {
    let (mut posts, mut fresh) = (0, 0);
    for seed in 0..100 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let timeout = Duration::from_secs(rng.random_range(1..=5));
        let tally = run(Endpoint::Timeout(timeout), Some(timeout), 0.5, -3.5..1.0, 60, &mut rng);
        assert_eq!(tally.lost_posts, 0, "seed {seed}: {timeout:?}, {tally:?}");
        posts += tally.posts;
        fresh += tally.fresh_posts;
    }
    assert!(fresh < posts / 3, "{fresh} of {posts} on fresh connections");
}

#[test]
fn a_hint_that_lies_costs_one_post_at_most_where_others_find_out() {
    let mut lost = 0;
    for seed in 0..100 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let timeout = Duration::from_secs_f64(rng.random_range(0.05..5.0));
        let hint = Some(Duration::from_secs(60));
        let tally = run(Endpoint::Timeout(timeout), hint, 0.5, -3.5..1.0, 180, &mut rng);
        assert!(tally.lost_posts <= 1, "seed {seed}: {timeout:?}, {tally:?}");
        lost += tally.lost_posts;
    }
    assert!(lost > 0, "the lie was never put to the test");
}

#[test]
fn where_connections_close_after_answers_posts_get_fresh_ones() {
    let mut lost = 0;
    for seed in 0..200 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let endpoint = Endpoint::Every(rng.random_range(1..=20));
        let tally = run(endpoint, None, 0.5, -4.0..-1.0, 2, &mut rng);
        assert!(tally.lost_posts <= 1, "seed {seed}: {tally:?}");
        assert_eq!(tally.reused_after_first_loss, 0, "seed {seed}: {tally:?}");
        lost += tally.lost_posts;
    }
    assert!((1..=200).contains(&lost), "a post was the first to find out in {lost} of 200 runs");
}

#[test]
fn a_client_that_only_posts_loses_one_at_most() {
    for seed in 0..50 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let endpoint = Endpoint::Every(rng.random_range(1..=20));
        let tally = run(endpoint, None, 0.0, -4.0..0.5, 300, &mut rng);
        assert!(tally.lost_posts <= 1, "seed {seed}: {tally:?}");
    }
}
