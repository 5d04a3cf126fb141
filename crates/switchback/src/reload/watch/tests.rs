//! Real files, a real thread. Deadlines are generous; where a change must come *once*, the quiet that ends
//! it is stretched, so that a test that is held up for a second does not see two.

mod arriving;
mod linked;
mod noise;
mod polled;
mod written;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use switchback_config::{Sources, load};
use tempfile::TempDir;

use super::{Pace, Setup, Watch};

const MAIN: &str = "listeners: [ 0.0.0.0:8080 ]\npools: pools/*.yaml\nroutes: [ { pool: web } ]\n";
const POOL: &str = "endpoints: [ 10.0.1.11:8080 ]\n";
const OTHER_POOL: &str = "endpoints: [ 10.0.1.11:8080, 10.0.1.12:8080 ]\n";

/// A folder with a configuration.
struct Conf(TempDir);

impl Conf {
    fn new() -> Self {
        let conf = Self(tempfile::tempdir().unwrap());
        fs::create_dir(conf.path("pools")).unwrap();
        fs::write(conf.path("switchback.yaml"), MAIN).unwrap();
        fs::write(conf.path("pools/web.yaml"), POOL).unwrap();
        conf
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn sources(&self) -> Sources {
        sources(&self.path("switchback.yaml"))
    }

    /// Watches as the gateway does, but by events alone.
    fn watch(&self) -> Watch {
        Watch::with(self.sources(), paced(Pace::default()))
    }

    /// Watches so that what takes less than a second is one change.
    fn watch_patiently(&self) -> Watch {
        Watch::with(self.sources(), patient())
    }

    /// Waits until the thread is at work: by a change that it tells of.
    async fn at_work(&self, watch: &mut Watch) {
        fs::write(self.path("pools/web.yaml"), format!("{POOL}# before\n")).unwrap();
        noticed(watch).await;
    }
}

/// Without looks that no event has asked for: what is noticed then was an event.
fn paced(pace: Pace) -> Setup {
    Setup { pace: Pace { tick: Duration::from_secs(3_600), ..pace }, ..Setup::default() }
}

fn patient() -> Setup {
    let second = Duration::from_secs(1);
    let most = Duration::from_secs(20);
    paced(Pace { quiet: second, again: second, most, ..Pace::default() })
}

fn sources(main: &Path) -> Sources {
    match load(main, &|_: &str| None) {
        Ok(loaded) => loaded.sources,
        Err(refused) => refused.sources,
    }
}

async fn noticed(watch: &mut Watch) {
    let deadline = Duration::from_secs(60);
    tokio::time::timeout(deadline, watch.changed()).await.expect("a change that is noticed");
}

/// Nothing (more) comes, within what is ample for it.
async fn nothing(watch: &mut Watch, within: Duration) {
    let more = tokio::time::timeout(within, watch.changed()).await;
    assert!(more.is_err(), "a change that is none");
}

/// Noticed once.
async fn noticed_once(watch: &mut Watch) {
    noticed(watch).await;
    nothing(watch, Duration::from_secs(2)).await;
}

/// Until the thread most likely has its watches. If not, it finds what is done next by comparing.
async fn settled_in() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}
