//! Symbolic links: a mounted ConfigMap, and folders and files that are somewhere else.

use std::os::unix::fs::symlink;

use super::*;

/// A mounted ConfigMap or Secret, as the kubelet writes it.
struct Mount {
    folder: PathBuf,
    version: usize,
}

impl Mount {
    fn new(folder: PathBuf, files: &[(&str, &str)]) -> Self {
        fs::create_dir_all(&folder).unwrap();
        let mut mount = Self { folder, version: 0 };
        mount.update(files);
        for (name, _) in files {
            symlink(format!("..data/{name}"), mount.folder.join(name)).unwrap();
        }
        mount
    }

    /// A new folder of files, the link to it swapped by a rename, the old folder removed.
    fn update(&mut self, files: &[(&str, &str)]) {
        let name = |version| format!("..2026_11_22_10_00_00.{version:09}");
        let old = self.folder.join(name(self.version));
        self.version += 1;
        let new = self.folder.join(name(self.version));
        fs::create_dir(&new).unwrap();
        for (name, text) in files {
            fs::write(new.join(name), text).unwrap();
        }
        symlink(name(self.version), self.folder.join("..data_tmp")).unwrap();
        fs::rename(self.folder.join("..data_tmp"), self.folder.join("..data")).unwrap();
        if old.exists() {
            fs::remove_dir_all(old).unwrap();
        }
    }
}

#[tokio::test]
async fn the_update_of_a_config_map_is_one_change() {
    let folder = tempfile::tempdir().unwrap();
    let conf = folder.path().join("conf");
    let others: Vec<_> = (0..50).map(|n| (format!("pool-{n}.yaml"), POOL)).collect();
    let main = MAIN.replace("pools/*", "*");
    let files = |main, pool| {
        let mut files = vec![("switchback.yaml", main), ("web.yaml", pool)];
        files.extend(others.iter().map(|(name, text)| (name.as_str(), *text)));
        files
    };
    let mut mount = Mount::new(conf.clone(), &files(&main, POOL));
    let main_path = conf.join("switchback.yaml");
    let mut watch = Watch::with(sources(&main_path), patient());
    settled_in().await;
    for pool in [OTHER_POOL, POOL] {
        mount.update(&files(&main, pool));
        noticed_once(&mut watch).await;
        watch.follow(sources(&main_path));
        settled_in().await;
    }
}

#[tokio::test]
async fn two_config_maps_that_are_updated_200_ms_apart_are_one_change() {
    let conf = tempfile::tempdir().unwrap();
    let main_path = conf.path().join("switchback.yaml");
    let mut main = Mount::new(conf.path().to_owned(), &[("switchback.yaml", MAIN)]);
    let mut pools = Mount::new(conf.path().join("pools"), &[("web.yaml", POOL)]);
    let mut watch = Watch::with(sources(&main_path), patient());
    settled_in().await;
    main.update(&[("switchback.yaml", &format!("{MAIN}# more\n"))]);
    tokio::time::sleep(Duration::from_millis(200)).await;
    pools.update(&[("web.yaml", OTHER_POOL)]);
    noticed_once(&mut watch).await;
    assert_eq!(fs::read_to_string(conf.path().join("pools/web.yaml")).unwrap(), OTHER_POOL);
}

#[tokio::test]
async fn a_file_that_a_link_leads_to_is_watched_where_it_is() {
    let (conf, elsewhere) = (Conf::new(), tempfile::tempdir().unwrap());
    let target = elsewhere.path().join("the-pool");
    fs::write(&target, POOL).unwrap();
    fs::remove_file(conf.path("pools/web.yaml")).unwrap();
    symlink(&target, conf.path("pools/web.yaml")).unwrap();
    let mut watch = conf.watch();
    settled_in().await;
    fs::write(&target, OTHER_POOL).unwrap();
    noticed(&mut watch).await;
    watch.follow(conf.sources());
    settled_in().await;
    fs::write(elsewhere.path().join("new"), POOL).unwrap();
    fs::rename(elsewhere.path().join("new"), &target).unwrap();
    noticed(&mut watch).await;
    watch.follow(conf.sources());
    settled_in().await;
    fs::write(elsewhere.path().join("another"), OTHER_POOL).unwrap();
    symlink(elsewhere.path().join("another"), conf.path("pools/.link")).unwrap();
    fs::rename(conf.path("pools/.link"), conf.path("pools/web.yaml")).unwrap();
    noticed(&mut watch).await;
}

#[tokio::test]
async fn a_folder_that_a_link_leads_to_is_watched_and_so_is_the_link() {
    let conf = Conf::new();
    fs::create_dir(conf.path("releases")).unwrap();
    fs::rename(conf.path("pools"), conf.path("releases/1")).unwrap();
    symlink("releases/1", conf.path("pools")).unwrap();
    let mut watch = conf.watch();
    settled_in().await;
    fs::write(conf.path("releases/1/web.yaml"), OTHER_POOL).unwrap();
    noticed(&mut watch).await;
    watch.follow(conf.sources());
    settled_in().await;
    fs::create_dir(conf.path("releases/2")).unwrap();
    fs::write(conf.path("releases/2/web.yaml"), POOL).unwrap();
    symlink("releases/2", conf.path("pools.new")).unwrap();
    fs::rename(conf.path("pools.new"), conf.path("pools")).unwrap();
    noticed(&mut watch).await;
    // Without another load: the new folder is watched as soon as the link leads there.
    fs::write(conf.path("releases/2/web.yaml"), OTHER_POOL).unwrap();
    noticed(&mut watch).await;
}

#[tokio::test]
async fn links_in_a_circle_are_followed_to_no_end() {
    let conf = Conf::new();
    fs::remove_file(conf.path("pools/web.yaml")).unwrap();
    symlink("other.yaml", conf.path("pools/web.yaml")).unwrap();
    symlink("web.yaml", conf.path("pools/other.yaml")).unwrap();
    let mut watch = conf.watch();
    settled_in().await;
    fs::remove_file(conf.path("pools/web.yaml")).unwrap();
    fs::write(conf.path("pools/web.yaml"), POOL).unwrap();
    noticed(&mut watch).await;
}

/// As with one file that is mounted: what is written to it shows in another folder.
#[tokio::test]
async fn a_file_with_two_names_is_watched_under_the_other_one_too() {
    let (conf, elsewhere) = (Conf::new(), Conf::new());
    let other = elsewhere.path("other.yaml");
    fs::hard_link(conf.path("switchback.yaml"), &other).unwrap();
    let mut watch = conf.watch();
    settled_in().await;
    fs::write(&other, format!("{MAIN}# more\n")).unwrap();
    noticed(&mut watch).await;
}
