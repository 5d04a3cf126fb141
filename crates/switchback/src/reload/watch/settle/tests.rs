use super::*;

/// A settling of numbers, and its clock in milliseconds.
struct Clock {
    start: Instant,
    settle: Settle<u32>,
}

fn clock() -> Clock {
    let start = Instant::now();
    Clock { start, settle: Settle::new(Pace::default(), 0, start) }
}

fn writer(name: &str) -> Writer {
    (1, Some(name.into()))
}

impl Clock {
    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    fn due(&self) -> u64 {
        u64::try_from(self.settle.due().duration_since(self.start).as_millis()).unwrap()
    }

    fn looked(&mut self, seen: u32, ms: u64) -> bool {
        self.settle.looked(seen, self.at(ms))
    }
}

#[test]
fn events_are_followed_by_one_look_when_they_have_been_over_for_300_ms() {
    let mut clock = clock();
    for ms in [100, 200, 450] {
        clock.settle.stirred(clock.at(ms));
    }
    assert_eq!(clock.due(), 750);
    assert!(clock.looked(1, 750));
    assert_eq!(clock.due(), 750 + 5_000);
    assert!(!clock.looked(1, 5_750), "it is known");
}

#[test]
fn events_that_change_nothing_are_no_change() {
    let mut clock = clock();
    clock.settle.stirred(clock.at(100));
    assert!(!clock.looked(0, 400));
    assert_eq!(clock.due(), 5_400);
}

#[test]
fn events_that_never_end_are_looked_at_after_5_s() {
    let mut clock = clock();
    for ms in (0..5_000).step_by(100) {
        clock.settle.stirred(clock.at(ms));
        assert!(clock.due() > ms);
    }
    assert_eq!(clock.due(), 5_000);
    assert!(clock.looked(1, 5_000));
}

#[test]
fn a_file_that_is_open_for_writing_is_waited_for() {
    let mut clock = clock();
    clock.settle.written(writer("web.yaml"), clock.at(0));
    clock.settle.written(writer("api.yaml"), clock.at(10));
    clock.settle.closed(&writer("web.yaml"), clock.at(20));
    assert_eq!(clock.due(), 30_000);
    clock.settle.closed(&writer("api.yaml"), clock.at(2_000));
    assert_eq!(clock.due(), 2_300);
    assert_eq!(clock.settle.give_up(clock.at(2_300)), []);
    assert!(clock.looked(1, 2_300));
}

#[test]
fn a_file_that_is_never_closed_is_waited_for_once() {
    let mut clock = clock();
    clock.settle.written(writer("web.yaml"), clock.at(0));
    assert_eq!(clock.due(), 30_000);
    assert_eq!(clock.settle.give_up(clock.at(30_000)), [writer("web.yaml")]);
    assert!(clock.looked(1, 30_000));
    clock.settle.written(writer("web.yaml"), clock.at(31_000));
    assert_eq!(clock.due(), 31_300);
    assert_eq!(clock.settle.give_up(clock.at(31_300)), []);
    assert!(clock.looked(2, 31_300));
    clock.settle.closed(&writer("web.yaml"), clock.at(32_000));
    clock.settle.written(writer("web.yaml"), clock.at(32_000));
    assert_eq!(clock.due(), 62_000, "that is another writer");
}

#[test]
fn what_is_written_where_nobody_watches_any_more_is_not_waited_for() {
    let mut clock = clock();
    clock.settle.written(writer("web.yaml"), clock.at(0));
    clock.settle.retain_writers(|_| false);
    assert_eq!(clock.due(), 300);
}

#[test]
fn without_events_two_looks_must_agree() {
    let mut clock = clock();
    assert!(!clock.looked(1, 5_000));
    assert_eq!(clock.due(), 6_000);
    assert!(!clock.looked(2, 6_000));
    assert!(clock.looked(2, 7_000));
    assert_eq!(clock.due(), 12_000);
}

#[test]
fn without_events_what_goes_back_to_what_it_was_is_no_change() {
    let mut clock = clock();
    assert!(!clock.looked(1, 5_000));
    assert!(!clock.looked(0, 6_000));
    assert_eq!(clock.due(), 11_000);
}

#[test]
fn without_events_looks_that_never_agree_are_enough_after_30_s() {
    let mut clock = clock();
    for look in 0..30 {
        assert!(!clock.looked(look + 1, 5_000 + u64::from(look) * 1_000));
    }
    assert!(clock.looked(31, 35_000));
}

#[test]
fn what_differs_from_what_was_read_counts_from_the_start() {
    let mut clock = clock();
    clock.settle.follow(1, 2, clock.at(100));
    assert_eq!(clock.due(), 1_100);
    assert!(clock.looked(2, 1_100));
    clock.settle.follow(2, 2, clock.at(1_200));
    assert_eq!(clock.due(), 6_200);
}

#[test]
fn other_sources_do_not_make_a_writer_forgotten() {
    let mut clock = clock();
    clock.settle.written(writer("web.yaml"), clock.at(0));
    clock.settle.follow(1, 1, clock.at(100));
    assert_eq!(clock.due(), 30_000);
    clock.settle.closed(&writer("web.yaml"), clock.at(200));
    assert_eq!(clock.due(), 500);
    assert!(clock.looked(2, 500));
}
