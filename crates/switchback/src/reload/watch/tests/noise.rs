//! What is none of our business costs next to nothing, and the thread ends with its watch.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::time::Instant;

use super::*;

fn named(name: &'static str) -> Setup {
    Setup { name, ..Setup::default() }
}

/// The CPU time of a thread of this process; `None` if there is none of that name.
fn cpu(name: &str) -> Option<Duration> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    tasks.filter_map(|task| Some(task.ok()?.path())).find_map(|task| {
        let found = fs::read_to_string(task.join("comm")).ok()?;
        let spent = fs::read_to_string(task.join("schedstat")).ok()?;
        let nanoseconds = spent.split(' ').next()?.parse().ok()?;
        (found.trim_end() == name).then(|| Duration::from_nanos(nanoseconds))
    })
}

/// Waits until a thread of that name is there, or none.
async fn until(name: &str, is_there: bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while cpu(name).is_some() != is_there {
        assert!(Instant::now() < deadline, "{name}: wanted: {is_there}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What share of one processor the thread has taken while `work` ran.
fn share(name: &str, work: impl FnOnce()) -> f64 {
    let (begun, before) = (Instant::now(), cpu(name).unwrap());
    work();
    let share = (cpu(name).unwrap() - before).as_secs_f64() / begun.elapsed().as_secs_f64();
    println!("{name}: {:.2} % of a processor", share * 100.0);
    share
}

#[tokio::test]
async fn neighbours_in_the_folders_are_no_change_and_cost_next_to_nothing() {
    let conf = Conf::new();
    let mut watch = Watch::with(conf.sources(), named("watch-noise"));
    until("watch-noise", true).await;
    let mut logs = ["access.log", "pools/access.log"]
        .map(|name| OpenOptions::new().create(true).append(true).open(conf.path(name)).unwrap());
    let share = share("watch-noise", || {
        for line in 0..3_000 {
            for log in &mut logs {
                log.write_all(b"{\"status\":200}\n").unwrap();
            }
            if line % 100 == 0 {
                for name in ["pools/.web.yaml.swp", "pools/4913", "pools/web.yaml~"] {
                    fs::write(conf.path(name), "b0VIM").unwrap();
                    fs::remove_file(conf.path(name)).unwrap();
                }
            }
            fs::read(conf.path("pools/web.yaml")).unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    assert!(share < 0.1, "{share}");
    nothing(&mut watch, Duration::from_secs(1)).await;
}

#[tokio::test]
async fn a_pool_that_is_touched_again_and_again_makes_no_busy_loop() {
    let conf = Conf::new();
    for pool in 0..1_000 {
        fs::write(conf.path(&format!("pools/pool-{pool}.yaml")), POOL).unwrap();
    }
    let mut watch = Watch::with(conf.sources(), named("watch-touch"));
    until("watch-touch", true).await;
    let share = share("watch-touch", || {
        for _ in 0..1_000 {
            fs::write(conf.path("pools/.new"), POOL).unwrap();
            fs::rename(conf.path("pools/.new"), conf.path("pools/web.yaml")).unwrap();
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    assert!(share < 0.2, "{share}");
    noticed(&mut watch).await;
}

#[tokio::test]
async fn a_thousand_pools_at_rest_cost_next_to_nothing() {
    let conf = Conf::new();
    for pool in 0..1_000 {
        fs::write(conf.path(&format!("pools/pool-{pool}.yaml")), POOL).unwrap();
    }
    let mut watch = Watch::with(conf.sources(), named("watch-rest"));
    until("watch-rest", true).await;
    settled_in().await;
    let share = share("watch-rest", || std::thread::sleep(Duration::from_secs(6)));
    assert!(share < 0.05, "{share}");
    nothing(&mut watch, Duration::from_millis(10)).await;
}

#[tokio::test]
async fn the_thread_ends_when_the_watch_is_dropped() {
    let conf = Conf::new();
    let watch = Watch::with(conf.sources(), named("watch-dropped"));
    until("watch-dropped", true).await;
    drop(watch);
    until("watch-dropped", false).await;
}
