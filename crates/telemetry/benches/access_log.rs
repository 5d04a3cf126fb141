//! What a record costs: on the caller's side under load, and to format.
//!
//! Callers log in bursts and sleep in between, about 80,000 records a second each, so that the writer keeps
//! up on a machine with two processors; callers that spin between records take the processor that it needs.
//! Each case asserts that nothing was dropped, since a push into a full queue is another and cheaper
//! thing. The clock is read once a burst: reading it costs as much as several records.
//! Records are built outside the measured time.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use smallvec::smallvec;
use switchback_core::plan::{LogFormat, LogTemplate};
use switchback_telemetry::{AccessLog, AccessRecord, AttemptRecord, Sink, Text};

fn record() -> AccessRecord {
    AccessRecord {
        time: SystemTime::now(),
        id: Text::from("01JDABCDEFGHJKMNPQRSTVWXYZ"),
        client: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)),
        method: Text::from_static("GET"),
        host: Some(Text::from("shop.example.com")),
        path: Text::from("/api/cart/items/4711"),
        referer: None,
        user_agent: None,
        trace_id: None,
        status: Some(200),
        bytes_in: 0,
        bytes_out: 5_120,
        duration: Duration::from_micros(38_123),
        queued: Duration::ZERO,
        route: Some("shop.example.com/api/".into()),
        pool: Some("api".into()),
        protocol: "h2",
        attempts_omitted: 0,
        attempts: smallvec![AttemptRecord {
            endpoint: SocketAddr::from(([10, 0, 1, 11], 8080)),
            reused: true,
            start: Duration::ZERO,
            duration: Duration::from_micros(38_000),
            connect: Some(Duration::ZERO),
            first_byte: Some(Duration::from_micros(12_345)),
            outcome: "completed",
            sent: "yes",
            status: Some(200),
            decision: None,
            detail: None,
        }],
        failure: None,
    }
}

/// Records that are logged without a pause.
const BURST: u64 = 100;

/// The time that `iterations` calls of `log` took, pauses excluded.
fn in_bursts(log: &AccessLog, iterations: u64) -> Duration {
    let template = record();
    let mut spent = Duration::ZERO;
    let mut left = iterations;
    while left > 0 {
        let burst: Vec<_> = (0..BURST.min(left)).map(|_| Box::new(template.clone())).collect();
        left -= BURST.min(left);
        let before = Instant::now();
        for boxed in burst {
            log.log(boxed);
        }
        spent += before.elapsed();
        thread::sleep(Duration::from_millis(1));
    }
    spent
}

/// The mean over `threads` that each log `iterations` records at the same time.
fn at_once(log: &AccessLog, threads: u32, iterations: u64) -> Duration {
    thread::scope(|scope| {
        let running: Vec<_> =
            (0..threads).map(|_| scope.spawn(|| in_bursts(log, iterations))).collect();
        let spent = running.into_iter().map(|thread| thread.join().expect("it to end"));
        spent.sum::<Duration>() / threads
    })
}

fn caller(c: &mut Criterion) {
    // A disk's throughput is measured by `writer`; here it would only make the queue full.
    let (log, guard) =
        AccessLog::start(&Sink::File("/dev/null".into()), &LogFormat::Json).expect("a log");
    let mut group = c.benchmark_group("log");
    for threads in [1, 2, 4] {
        group.bench_function(format!("{threads} threads"), |b| {
            b.iter_custom(|count| at_once(&log, threads, count));
        });
        assert_eq!(log.dropped(), 0, "{threads} threads: these are times of dropping");
    }
    // A low rate: each record finds the writer at rest. Mostly cold caches; a wake-up would show here.
    group.sample_size(10).bench_function("writer at rest", |b| {
        b.iter_custom(|count| {
            let mut spent = Duration::ZERO;
            for _ in 0..count {
                thread::sleep(Duration::from_millis(60));
                let boxed = Box::new(record());
                let before = Instant::now();
                log.log(boxed);
                spent += before.elapsed();
            }
            spent
        });
    });
    group.finish();
    assert!(guard.close(Duration::from_secs(10)));
}

/// What the writer needs for a record, by the sink: the time to empty a full queue.
fn writer(c: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a directory for the log");
    let file = directory.path().join("access.log");
    let record = record();
    let mut group = c.benchmark_group("write a queue of 16,000");
    group.throughput(Throughput::Elements(16_000));
    let null = || PathBuf::from("/dev/null");
    let template = "{time} {id} {client} {method} {path} {status} {duration_ms} {attempts}";
    let template = LogTemplate::parse(template).expect("a template");
    for (name, path, format) in [
        ("/dev/null", null(), LogFormat::Json),
        ("file", file, LogFormat::Json),
        ("/dev/null, combined", null(), LogFormat::Combined),
        ("/dev/null, template", null(), LogFormat::Template(template)),
    ] {
        let (log, guard) = AccessLog::start(&Sink::File(path), &format).expect("a log");
        group.bench_function(name, |b| {
            b.iter_custom(|count| {
                let mut spent = Duration::ZERO;
                for _ in 0..count {
                    let boxes: Vec<_> = (0..16_000).map(|_| Box::new(record.clone())).collect();
                    let before = Instant::now();
                    boxes.into_iter().for_each(|boxed| log.log(boxed));
                    assert!(log.flush(Duration::from_secs(10)));
                    spent += before.elapsed();
                }
                spent
            });
        });
        assert_eq!(log.dropped(), 0, "{name}: not everything was written");
        assert!(guard.close(Duration::from_secs(10)));
    }
    group.finish();
}

fn building(c: &mut Criterion) {
    c.bench_function("build and box a record", |b| b.iter(|| black_box(Box::new(record()))));
}

criterion_group!(benches, writer, building, caller);
criterion_main!(benches);
