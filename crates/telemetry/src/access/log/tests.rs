use std::net::{IpAddr, Ipv4Addr};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::UNIX_EPOCH;

use switchback_core::plan::LogTemplate;

use super::*;
use crate::access::{Attempts, Text};

const PATIENCE: Duration = Duration::from_secs(10);

fn record(path: &str) -> Box<AccessRecord> {
    Box::new(AccessRecord {
        time: UNIX_EPOCH,
        id: Text::from_static("id"),
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        method: Text::from_static("GET"),
        host: None,
        path: Text::from(path),
        referer: None,
        user_agent: None,
        trace_id: None,
        status: Some(200),
        bytes_in: 0,
        bytes_out: 0,
        duration: Duration::ZERO,
        queued: Duration::ZERO,
        route: None,
        pool: None,
        protocol: "HTTP/1.1",
        attempts_omitted: 0,
        attempts: Attempts::new(),
        failure: None,
    })
}

/// A sink under the test's thumb.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<ScriptState>>);

#[derive(Default)]
struct ScriptState {
    written: Vec<u8>,
    writes: usize,
    refuses: bool,
    /// Bytes that one write takes at most; none for all.
    takes: Option<usize>,
    /// Bytes that it takes at all still; none for any number.
    room: Option<usize>,
    /// Writes wait for a message here.
    stall: Option<Receiver<()>>,
}

impl Script {
    fn start(&self, capacity: usize) -> (AccessLog, Guard) {
        self.start_with(None, capacity)
    }

    /// One that goes over to `next` when it is opened anew; to nothing, if that is not to be had.
    fn start_with(&self, next: Option<io::Result<Self>>, capacity: usize) -> (AccessLog, Guard) {
        let mut next = next;
        let reopen: Option<Reopen<Self>> = match next {
            None => None,
            Some(_) => Some(Box::new(move || next.take().expect("asked for once"))),
        };
        let name = "script".to_owned();
        AccessLog::start_writing(self.clone(), reopen, name, &LogFormat::Json, capacity).unwrap()
    }

    fn state(&self) -> MutexGuard<'_, ScriptState> {
        self.0.lock().unwrap()
    }

    fn stall(&self) -> Sender<()> {
        let (release, stall) = mpsc::channel();
        self.state().stall = Some(stall);
        release
    }

    /// The paths of the lines that have been written to their end.
    fn paths(&self) -> Vec<String> {
        let written = String::from_utf8(self.state().written.clone()).unwrap();
        let (whole, _) = written.rsplit_once('\n').unwrap_or_default();
        let lines = whole.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.map(|line: serde_json::Value| line["path"].as_str().unwrap().to_owned()).collect()
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let stall = self.state().stall.take();
        if let Some(stall) = stall {
            // Ends when the test releases it or is over.
            let _ = stall.recv();
        }
        let mut state = self.state();
        if state.refuses || state.room == Some(0) {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let taken = state.takes.unwrap_or(bytes.len()).min(bytes.len());
        let taken = state.room.unwrap_or(taken).min(taken);
        state.room = state.room.map(|room| room - taken);
        state.written.extend_from_slice(&bytes[..taken]);
        state.writes += 1;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::yield_now();
    }
}

#[test]
fn records_are_written_in_order_without_being_flushed() {
    let script = Script::default();
    let (log, _guard) = script.start(16);
    for _ in 0..3 {
        let before = script.paths().len();
        log.log(record("/a"));
        log.log(record("/b"));
        until("both lines", || script.paths().len() == before + 2);
    }
    assert_eq!(script.paths(), ["/a", "/b", "/a", "/b", "/a", "/b"]);
    assert_eq!((log.dropped(), log.write_errors()), (0, 0));
}

#[test]
fn a_writer_that_has_nothing_to_do_sleeps_until_a_record_comes() {
    let script = Script::default();
    let (log, _guard) = script.start(16);
    let asleep = || log.0.as_ref().unwrap().rest.asleep.load(Ordering::SeqCst);
    for sleep in 1..=2 {
        until("it sleeps", asleep);
        // It may yet have to lie down.
        thread::sleep(Duration::from_millis(50));
        let logged = Instant::now();
        log.log(record("/a"));
        until("the line is written", || script.paths().len() == sleep);
        assert!(logged.elapsed() < Duration::from_secs(3), "{:?}", logged.elapsed());
    }
}

#[test]
fn flush_returns_when_everything_is_written() {
    let script = Script::default();
    let (log, _guard) = script.start(1_024);
    for round in 1..=5 {
        for _ in 0..100 {
            log.log(record("/"));
        }
        assert!(log.flush(PATIENCE));
        assert_eq!(script.paths().len(), round * 100);
    }
}

#[test]
fn flush_ends_while_others_go_on_logging() {
    let script = Script::default();
    let (log, guard) = script.start(1_024);
    let ended = AtomicU64::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            while ended.load(Ordering::Relaxed) == 0 {
                log.log(record("/noise"));
            }
        });
        log.log(record("/mine"));
        let flushed = log.flush(PATIENCE);
        let closed = guard.close(PATIENCE);
        ended.store(1, Ordering::Relaxed);
        assert!(flushed && closed);
    });
}

#[test]
fn a_full_queue_drops_and_counts_and_never_blocks() {
    let script = Script::default();
    let release = script.stall();
    let (log, _guard) = script.start(8);
    log.log(record("/first"));
    until("the writer is in the sink", || script.state().stall.is_none());
    for _ in 0..20 {
        log.log(record("/later"));
    }
    assert_eq!(log.dropped(), 12);
    release.send(()).unwrap();
    assert!(log.flush(PATIENCE));
    assert_eq!(script.paths().len(), 9);
}

#[test]
fn a_stalled_sink_does_not_hold_the_exit() {
    let script = Script::default();
    let _release = script.stall();
    let (log, guard) = script.start(8);
    log.log(record("/"));
    let begun = Instant::now();
    assert!(!log.flush(Duration::from_millis(20)));
    assert!(!guard.close(Duration::from_millis(20)));
    assert!(begun.elapsed() < PATIENCE);
}

#[test]
fn a_sink_that_refuses_is_tried_again_and_no_line_is_torn() {
    let script = Script::default();
    let (log, _guard) = script.start(1_024);
    script.state().takes = Some(7);
    log.log(record("/a"));
    assert!(log.flush(PATIENCE));
    script.state().refuses = true;
    log.log(record("/b"));
    assert!(!log.flush(PATIENCE), "what was refused is not flushed");
    until("several tries", || log.write_errors() >= 2);
    log.log(record("/c"));
    script.state().refuses = false;
    until("the rest", || script.paths().len() == 3);
    assert_eq!(script.paths(), ["/a", "/b", "/c"]);
    assert!(log.flush(PATIENCE));
    assert_eq!(log.dropped(), 0);
}

#[test]
fn memory_stays_bounded_while_the_sink_refuses() {
    let script = Script::default();
    script.state().refuses = true;
    let (log, guard) = script.start(64);
    let path = "x".repeat(Text::LIMIT);
    until("drops", || {
        log.log(record(&path));
        log.dropped() > 0 && log.write_errors() >= 2
    });
    let begun = Instant::now();
    assert!(!guard.close(PATIENCE));
    assert!(begun.elapsed() < PATIENCE, "a refusal is an answer: nothing to wait for");
}

#[test]
fn closing_writes_what_is_queued_and_later_records_count_as_dropped() {
    let script = Script::default();
    let (log, guard) = script.start(1_024);
    for _ in 0..1_000 {
        log.log(record("/"));
    }
    assert!(guard.close(PATIENCE));
    assert_eq!(script.paths().len(), 1_000);
    log.log(record("/late"));
    assert_eq!(log.dropped(), 1);
    assert!(log.flush(PATIENCE), "nothing is waited for once the writer is gone");
}

#[test]
fn records_are_written_in_batches() {
    let script = Script::default();
    let release = script.stall();
    let (log, _guard) = script.start(AccessLog::CAPACITY);
    for _ in 0..10_000 {
        log.log(record("/"));
    }
    release.send(()).unwrap();
    assert!(log.flush(PATIENCE));
    assert_eq!(script.paths().len(), 10_000);
    assert!(script.state().writes < 100, "{} writes", script.state().writes);
}

#[test]
fn no_record_of_several_threads_is_lost_or_torn() {
    let script = Script::default();
    let (log, guard) = script.start(AccessLog::CAPACITY);
    thread::scope(|scope| {
        for number in 0..4 {
            let log = log.clone();
            scope.spawn(move || {
                for index in 0..2_000 {
                    log.log(record(&format!("/{number}/{index}")));
                }
            });
        }
    });
    assert!(guard.close(PATIENCE));
    let mut paths = script.paths();
    paths.sort();
    paths.dedup();
    assert_eq!((paths.len(), log.dropped()), (8_000, 0));
}

#[test]
fn a_file_is_appended_to() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("access.log");
    for run in ["/one", "/two"] {
        let (log, guard) = AccessLog::start(&Sink::File(path.clone()), &LogFormat::Json).unwrap();
        log.log(record(run));
        drop(guard);
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].contains("\"/one\"") && lines[1].contains("\"/two\""));
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error_at_the_start() {
    let sink = Sink::File("/nonexistent/access.log".into());
    assert_eq!(
        AccessLog::start(&sink, &LogFormat::Json).unwrap_err().kind(),
        io::ErrorKind::NotFound
    );
}

#[test]
fn a_log_that_is_off_takes_records_and_says_so() {
    let (log, guard) = AccessLog::start(&Sink::Off, &LogFormat::Combined).unwrap();
    assert!(log.is_off() && !log.has(LogField::UserAgent));
    log.reopen();
    log.log(record("/"));
    assert!(log.flush(Duration::ZERO) && guard.close(Duration::ZERO));
    assert_eq!(log.dropped(), 0);
}

#[test]
fn a_log_says_which_fields_its_lines_have() {
    let template = LogTemplate::parse("{client} {user_agent}").unwrap();
    for (format, referer, agent) in [
        (LogFormat::Json, false, false),
        (LogFormat::Combined, true, true),
        (LogFormat::Template(template), false, true),
    ] {
        let path = "/dev/null".into();
        let (log, _guard) = AccessLog::start(&Sink::File(path), &format).unwrap();
        let has = (log.has(LogField::Referer), log.has(LogField::UserAgent));
        assert_eq!(has, (referer, agent), "{format:?}");
        for (field, ..) in LogField::ALL {
            assert_eq!(log.has(*field), format.has(*field), "{field:?} in {format:?}");
        }
    }
}

#[test]
fn a_file_that_was_moved_away_has_what_came_before_and_a_new_one_the_rest() {
    let directory = tempfile::tempdir().unwrap();
    let (path, moved) =
        (directory.path().join("access.log"), directory.path().join("access.log.1"));
    let (log, guard) = AccessLog::start(&Sink::File(path.clone()), &LogFormat::Json).unwrap();
    for _ in 0..1_000 {
        log.log(record("/before"));
    }
    std::fs::rename(&path, &moved).unwrap();
    log.reopen();
    until("the new file", || path.exists());
    for _ in 0..1_000 {
        log.log(record("/after"));
    }
    assert!(guard.close(PATIENCE));
    let count = |path, what| std::fs::read_to_string(path).unwrap().matches(what).count();
    assert_eq!((count(&moved, "/before"), count(&moved, "/after")), (1_000, 0));
    assert_eq!((count(&path, "/before"), count(&path, "/after")), (0, 1_000));
}

#[test]
fn a_log_that_cannot_be_opened_anew_goes_on() {
    let script = Script::default();
    let (log, guard) = script.start_with(Some(Err(io::ErrorKind::NotFound.into())), 16);
    log.log(record("/before"));
    log.reopen();
    assert!(log.flush(PATIENCE));
    log.log(record("/after"));
    assert!(guard.close(PATIENCE));
    assert_eq!(script.paths(), ["/before", "/after"]);
}

#[test]
fn a_line_that_a_full_sink_took_in_part_goes_to_the_next_one_whole() {
    let (full, next) = (Script::default(), Script::default());
    let (log, guard) = full.start_with(Some(Ok(next.clone())), 16);
    log.log(record("/a"));
    assert!(log.flush(PATIENCE));
    full.state().room = Some(10);
    log.log(record("/b"));
    log.log(record("/c"));
    assert!(!log.flush(PATIENCE), "it is full");
    log.reopen();
    assert!(guard.close(PATIENCE));
    assert_eq!(
        (full.paths(), next.paths()),
        (vec!["/a".to_owned()], vec!["/b".into(), "/c".into()])
    );
    assert_eq!(log.dropped(), 0);
}
