//! Folders and files that must not be used.

use super::*;

fn place(folder: &tempfile::TempDir) -> Place {
    Place::at(folder.path().join("it.sock"))
}

#[tokio::test]
async fn a_socket_is_for_its_user_alone_and_goes_with_the_meeting() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(&folder);
    assert!(place.visit().await.unwrap().is_none());
    let meeting = place.meet().await.unwrap();
    assert_eq!(fs::metadata(place.path()).unwrap().mode() & 0o777, 0o600);
    assert!(place.visit().await.unwrap().is_some());
    assert!(matches!(place.meet().await, Err(PlaceError::Taken(_))));
    drop(meeting);
    assert!(!place.path().exists());
}

#[tokio::test]
async fn what_a_dead_process_left_is_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(&folder);
    drop(std::os::unix::net::UnixListener::bind(place.path()).unwrap());
    assert!(place.visit().await.unwrap().is_none());
    let _meeting = place.meet().await.unwrap();
}

#[tokio::test]
async fn a_folder_that_others_write_in_and_a_path_that_is_no_socket_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(&folder);
    fs::write(place.path(), "precious").unwrap();
    assert!(matches!(place.meet().await, Err(PlaceError::Foreign(_))));
    fs::remove_file(place.path()).unwrap();
    std::os::unix::fs::symlink(folder.path().join("elsewhere"), place.path()).unwrap();
    assert!(matches!(place.visit().await, Err(PlaceError::Foreign(_))));
    fs::set_permissions(folder.path(), Permissions::from_mode(0o1777)).unwrap();
    assert!(matches!(place.meet().await, Err(PlaceError::Shared(_))));
    assert!(matches!(place.visit().await, Err(PlaceError::Shared(_))));
    let nowhere = Place::at(folder.path().join("missing/it.sock"));
    assert!(matches!(nowhere.meet().await, Err(PlaceError::Io { .. })));
}

#[test]
fn both_find_the_same_place_without_being_told() {
    let config = Path::new("/etc/switchback/switchback.yaml");
    let folder = |variables: &[(&str, &str)]| {
        let of = |name: &str| {
            let found = variables.iter().find(|(it, _)| *it == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Place::of(config, of).path().parent().unwrap().to_owned()
    };
    let session = ("XDG_RUNTIME_DIR", "/run/user/7");
    let service = ("RUNTIME_DIRECTORY", "/run/gateway:/run/other");
    assert_eq!(folder(&[]), Path::new("/run"));
    assert_eq!(folder(&[("XDG_RUNTIME_DIR", "")]), Path::new("/run"));
    assert_eq!(folder(&[session]), Path::new("/run/user/7"));
    assert_eq!(folder(&[session, service]), Path::new("/run/gateway"));
    let other = Place::of(Path::new("/etc/other.yaml"), |_| None);
    assert_ne!(Place::of(config, |_| None), other);
    assert_eq!(Place::of(config, |_| None), Place::of(config, |_| None));
    // As every release has it.
    assert_eq!(fnv(b"foobar"), 0x8594_4171_f739_67e8);
}
