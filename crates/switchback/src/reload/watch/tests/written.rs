//! The ways in which a file is written, and never half of it.

use std::fs::{self, File};
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::*;

#[tokio::test]
async fn written_beside_and_renamed_over() {
    let conf = Conf::new();
    let mut watch = conf.watch_patiently();
    settled_in().await;
    fs::write(conf.path("pools/.web.yaml.tmp"), OTHER_POOL).unwrap();
    fs::rename(conf.path("pools/.web.yaml.tmp"), conf.path("pools/web.yaml")).unwrap();
    noticed_once(&mut watch).await;
}

#[tokio::test]
async fn moved_to_a_backup_and_created_anew() {
    let conf = Conf::new();
    let mut watch = conf.watch_patiently();
    settled_in().await;
    fs::write(conf.path("pools/4913"), "").unwrap();
    fs::remove_file(conf.path("pools/4913")).unwrap();
    fs::rename(conf.path("pools/web.yaml"), conf.path("pools/web.yaml~")).unwrap();
    fs::write(conf.path("pools/web.yaml"), OTHER_POOL).unwrap();
    fs::remove_file(conf.path("pools/web.yaml~")).unwrap();
    noticed_once(&mut watch).await;
}

#[tokio::test]
async fn truncated_and_written_in_place() {
    let conf = Conf::new();
    let mut watch = conf.watch_patiently();
    settled_in().await;
    fs::write(conf.path("switchback.yaml"), format!("{MAIN}# more\n")).unwrap();
    noticed_once(&mut watch).await;
}

/// Writes a file in two halves with a break, and sets the flag just before it closes it.
fn in_halves(path: PathBuf, pause: Duration) -> (Arc<AtomicBool>, thread::JoinHandle<()>) {
    let is_closing = Arc::new(AtomicBool::new(false));
    let flag = is_closing.clone();
    let writer = thread::spawn(move || {
        let (head, tail) = OTHER_POOL.split_at(OTHER_POOL.len() / 2);
        let mut file = File::create(path).unwrap();
        thread::sleep(pause / 2);
        file.write_all(head.as_bytes()).unwrap();
        thread::sleep(pause);
        file.write_all(tail.as_bytes()).unwrap();
        flag.store(true, Ordering::SeqCst);
    });
    (is_closing, writer)
}

#[tokio::test]
async fn half_a_file_is_never_told_of() {
    for name in ["pools/web.yaml", "pools/new.yaml"] {
        let conf = Conf::new();
        let mut watch = conf.watch();
        conf.at_work(&mut watch).await;
        let (is_closing, writer) = in_halves(conf.path(name), Duration::from_secs(2));
        noticed(&mut watch).await;
        assert!(is_closing.load(Ordering::SeqCst), "{name}: told of before it was closed");
        assert_eq!(fs::read_to_string(conf.path(name)).unwrap(), OTHER_POOL);
        nothing(&mut watch, Duration::from_secs(1)).await;
        writer.join().unwrap();
    }
}

#[tokio::test]
async fn nor_when_somebody_else_asks_for_a_load_in_the_middle() {
    let conf = Conf::new();
    let mut watch = conf.watch();
    conf.at_work(&mut watch).await;
    let (is_closing, writer) = in_halves(conf.path("pools/web.yaml"), Duration::from_secs(2));
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    watch.follow(conf.sources());
    noticed(&mut watch).await;
    assert!(is_closing.load(Ordering::SeqCst), "told of before it was closed");
    writer.join().unwrap();
}

#[tokio::test]
async fn who_never_closes_is_waited_for_only_so_long() {
    let conf = Conf::new();
    let pace = Pace { unclosed: Duration::from_secs(2), ..Pace::default() };
    let mut watch = Watch::with(conf.sources(), paced(pace));
    conf.at_work(&mut watch).await;
    let begun = Instant::now();
    let mut file = File::create(conf.path("pools/web.yaml")).unwrap();
    file.write_all(OTHER_POOL.as_bytes()).unwrap();
    noticed(&mut watch).await;
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    file.write_all(b"# more\n").unwrap();
    noticed(&mut watch).await;
}

#[tokio::test]
async fn five_rapid_writes_are_one_change() {
    let conf = Conf::new();
    let mut watch = conf.watch_patiently();
    settled_in().await;
    for write in 0..5 {
        fs::write(conf.path("pools/web.yaml"), format!("{OTHER_POOL}# {write}\n")).unwrap();
        thread::sleep(Duration::from_millis(20));
    }
    noticed_once(&mut watch).await;
}

#[tokio::test]
async fn two_changes_one_after_the_other_are_two() {
    let conf = Conf::new();
    let mut watch = conf.watch();
    for text in [OTHER_POOL, POOL] {
        fs::write(conf.path("pools/web.yaml"), text).unwrap();
        noticed(&mut watch).await;
        watch.follow(conf.sources());
    }
    nothing(&mut watch, Duration::from_secs(1)).await;
}

#[tokio::test]
async fn a_folder_that_never_rests_is_told_of_all_the_same() {
    let conf = Conf::new();
    let mut watch = conf.watch();
    let (path, is_over) = (conf.path("pools/web.yaml"), Arc::new(AtomicBool::new(false)));
    let until = is_over.clone();
    let writer = thread::spawn(move || {
        while !until.load(Ordering::SeqCst) {
            fs::write(&path, OTHER_POOL).unwrap();
            thread::sleep(Duration::from_millis(20));
        }
    });
    noticed(&mut watch).await;
    noticed(&mut watch).await;
    is_over.store(true, Ordering::SeqCst);
    writer.join().unwrap();
}

#[tokio::test]
async fn a_change_is_told_of_within_a_second() {
    let conf = Conf::new();
    let mut watch = Watch::new(conf.sources());
    let mut times = Vec::new();
    for write in 0..5 {
        settled_in().await;
        let begun = Instant::now();
        fs::write(conf.path("pools/web.yaml"), format!("{OTHER_POOL}# {write}\n")).unwrap();
        noticed(&mut watch).await;
        times.push(begun.elapsed());
        watch.follow(conf.sources());
    }
    times.sort();
    println!("from the write to the change: {times:?}");
    // The others may have waited for a processor.
    assert!(times[0] < Duration::from_secs(1), "{times:?}");
}
