//! Where there are no events.

use std::io;

use super::*;

/// As where a system's limit on inotify is reached, and faster than it would be.
fn blind(pace: Pace) -> Setup {
    let events = || Err(io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error()));
    Setup { pace, events, ..Setup::default() }
}

fn soon() -> Pace {
    let tick = Duration::from_millis(200);
    Pace { tick, again: Duration::from_millis(200), ..Pace::default() }
}

#[tokio::test]
async fn without_events_every_change_is_noticed_later() {
    let conf = Conf::new();
    let mut watch = Watch::with(conf.sources(), blind(soon()));
    fs::write(conf.path("pools/web.yaml"), OTHER_POOL).unwrap();
    noticed(&mut watch).await;
    watch.follow(conf.sources());
    fs::write(conf.path("pools/api.yaml"), POOL).unwrap();
    noticed(&mut watch).await;
    watch.follow(conf.sources());
    fs::remove_dir_all(conf.path("pools")).unwrap();
    noticed(&mut watch).await;
    watch.follow(conf.sources());
    nothing(&mut watch, Duration::from_secs(1)).await;
    fs::create_dir(conf.path("pools")).unwrap();
    fs::write(conf.path("pools/web.yaml"), POOL).unwrap();
    noticed(&mut watch).await;
}

#[tokio::test]
async fn without_events_the_look_comes_after_5_s() {
    let conf = Conf::new();
    let mut watch = Watch::with(conf.sources(), blind(Pace::default()));
    settled_in().await;
    let begun = std::time::Instant::now();
    fs::write(conf.path("pools/web.yaml"), OTHER_POOL).unwrap();
    noticed(&mut watch).await;
    println!("without events: {:?}", begun.elapsed());
    nothing(&mut watch, Duration::from_secs(1)).await;
}

#[tokio::test]
async fn without_events_a_file_that_grows_is_waited_for() {
    let conf = Conf::new();
    let pace = Pace { again: Duration::from_secs(2), ..soon() };
    let mut watch = Watch::with(conf.sources(), blind(pace));
    for line in 0..20 {
        fs::write(conf.path("pools/web.yaml"), format!("{OTHER_POOL}# {line}\n")).unwrap();
        nothing(&mut watch, Duration::from_millis(100)).await;
    }
    noticed_once(&mut watch).await;
}
