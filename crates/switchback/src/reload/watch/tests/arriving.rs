//! Files and folders that come and go, and changes beside the watch.

use super::*;

#[tokio::test]
async fn a_pool_is_dropped_into_the_folder_and_taken_away() {
    let conf = Conf::new();
    let mut watch = conf.watch();
    settled_in().await;
    fs::write(conf.path("pools/api.yaml"), POOL).unwrap();
    noticed(&mut watch).await;
    watch.follow(conf.sources());
    fs::remove_file(conf.path("pools/api.yaml")).unwrap();
    noticed(&mut watch).await;
    watch.follow(conf.sources());
    nothing(&mut watch, Duration::from_secs(1)).await;
}

#[tokio::test]
async fn the_folder_is_removed_and_comes_back() {
    let conf = Conf::new();
    let mut watch = conf.watch();
    settled_in().await;
    fs::remove_dir_all(conf.path("pools")).unwrap();
    noticed(&mut watch).await;
    watch.follow(conf.sources());
    settled_in().await;
    fs::create_dir(conf.path("pools")).unwrap();
    fs::write(conf.path("pools/web.yaml"), POOL).unwrap();
    noticed(&mut watch).await;
    watch.follow(conf.sources());
    settled_in().await;
    fs::write(conf.path("pools/web.yaml"), OTHER_POOL).unwrap();
    noticed(&mut watch).await;
}

#[tokio::test]
async fn the_folder_is_replaced_by_another() {
    let conf = Conf::new();
    let mut watch = conf.watch_patiently();
    settled_in().await;
    fs::create_dir(conf.path("pools.new")).unwrap();
    fs::write(conf.path("pools.new/web.yaml"), OTHER_POOL).unwrap();
    fs::rename(conf.path("pools"), conf.path("pools.old")).unwrap();
    fs::rename(conf.path("pools.new"), conf.path("pools")).unwrap();
    noticed_once(&mut watch).await;
    fs::write(conf.path("pools.old/web.yaml"), OTHER_POOL).unwrap();
    nothing(&mut watch, Duration::from_secs(2)).await;
    fs::write(conf.path("pools/web.yaml"), POOL).unwrap();
    noticed(&mut watch).await;
}

#[tokio::test]
async fn a_file_that_was_missing_appears() {
    for missing in ["switchback.yaml", "pools/web.yaml"] {
        let conf = Conf::new();
        let text = fs::read(conf.path(missing)).unwrap();
        fs::remove_file(conf.path(missing)).unwrap();
        let mut watch = conf.watch();
        settled_in().await;
        fs::write(conf.path(missing), text).unwrap();
        noticed(&mut watch).await;
    }
}

#[tokio::test]
async fn a_folder_that_was_missing_appears() {
    let conf = Conf::new();
    fs::remove_dir_all(conf.path("pools")).unwrap();
    let main = MAIN.replace("pools/*", "some/where/pools/*");
    fs::write(conf.path("switchback.yaml"), main).unwrap();
    let mut watch = conf.watch();
    settled_in().await;
    fs::create_dir(conf.path("some")).unwrap();
    settled_in().await;
    fs::create_dir_all(conf.path("some/where/pools")).unwrap();
    settled_in().await;
    fs::write(conf.path("some/where/pools/web.yaml"), POOL).unwrap();
    noticed(&mut watch).await;
    assert!(load(&conf.path("switchback.yaml"), &|_: &str| None).is_ok());
}

#[tokio::test]
async fn a_change_between_the_load_and_the_watch_is_not_lost() {
    let conf = Conf::new();
    let sources = conf.sources();
    fs::write(conf.path("pools/web.yaml"), OTHER_POOL).unwrap();
    noticed_once(&mut Watch::with(sources, patient())).await;
}

#[tokio::test]
async fn a_change_between_a_load_and_its_follow_is_not_lost() {
    let conf = Conf::new();
    let mut watch = conf.watch_patiently();
    for write in 0..3 {
        let sources = conf.sources();
        fs::write(conf.path("pools/web.yaml"), format!("{OTHER_POOL}# {write}\n")).unwrap();
        watch.follow(sources);
        noticed(&mut watch).await;
    }
    watch.follow(conf.sources());
    nothing(&mut watch, Duration::from_secs(2)).await;
}

#[tokio::test]
async fn what_a_load_has_read_meanwhile_is_not_told_of_again() {
    let conf = Conf::new();
    let mut watch = conf.watch();
    settled_in().await;
    fs::write(conf.path("pools/web.yaml"), OTHER_POOL).unwrap();
    // Told of, and nobody has listened.
    tokio::time::sleep(Duration::from_secs(2)).await;
    watch.follow(conf.sources());
    nothing(&mut watch, Duration::from_secs(2)).await;
}

#[tokio::test]
async fn a_wait_that_is_given_up_loses_nothing() {
    let conf = Conf::new();
    let mut watch = conf.watch();
    fs::write(conf.path("pools/web.yaml"), OTHER_POOL).unwrap();
    let mut tries = 0;
    while tokio::time::timeout(Duration::from_millis(7), watch.changed()).await.is_err() {
        tries += 1;
        assert!(tries < 8_000, "it was lost");
    }
}
