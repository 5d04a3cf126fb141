//! The whole gateway in this process, for what its listeners for operators promise.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::JoinHandle;

use async_trait::async_trait;
use pingora::server::ShutdownSignal;
use switchback_core::plan::{AdminAddress, AdminPlan, EndpointPlan, PoolPlan, Secret};
use tokio::sync::watch;

use super::*;

struct Stop(watch::Receiver<bool>);

#[async_trait]
impl ShutdownSignalWatch for Stop {
    async fn recv(&self) -> ShutdownSignal {
        let _ = self.0.clone().wait_for(|stop| *stop).await;
        ShutdownSignal::FastShutdown
    }
}

struct Running {
    gateway: Arc<Gateway>,
    doors: Arc<Doors>,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

fn plan(at: AdminAddress, token: Option<&str>) -> Plan {
    let endpoint = EndpointPlan::at(([127, 0, 0, 1], 9).into());
    let token = token.map(Secret::new);
    Plan { admin: AdminPlan { at, token }, ..Plan::of(vec![PoolPlan::of("web", vec![endpoint])]) }
}

fn start(plan: Plan, inherited: Inherited) -> Result<Running, StartError> {
    let app = App::new(plan, None, inherited)?;
    let (gateway, doors) = (app.gateway().clone(), app.doors().clone());
    let stop = watch::Sender::new(false);
    let watch = Stop(stop.subscribe());
    let thread = std::thread::spawn(move || app.run(Box::new(watch)));
    Ok(Running { gateway, doors, stop, thread })
}

impl Running {
    fn end(self) {
        self.stop.send_replace(true);
        self.thread.join().unwrap();
    }
}

/// The status and the body.
fn ask(mut stream: impl Read + Write, method: &str, target: &str, lines: &str) -> (u16, String) {
    let request = format!("{method} {target} HTTP/1.0\r\n{lines}Content-Length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn at(path: &Path) -> AdminAddress {
    AdminAddress::Unix(path.to_owned())
}

#[test]
fn operators_come_by_a_unix_socket_that_goes_with_the_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let running = start(plan(at(&path), Some("right")), Inherited::default()).unwrap();
    let get =
        |target| ask(UnixStream::connect(&path).unwrap(), "GET", target, "Host: any.name\r\n");
    assert_eq!(get("/readyz"), (200, "ready".to_owned()));
    let (status, pools) = get("/api/v1/pools");
    assert_eq!(status, 200);
    assert!(pools.contains(r#""address":"127.0.0.1:9""#), "{pools}");

    let error = start(plan(at(&path), None), Inherited::default()).err().unwrap().to_string();
    let wanted = format!("admin listener {}: another process listens there", path.display());
    assert!(error.starts_with(&wanted), "{error}");
    assert_eq!(get("/livez").0, 200, "and the first one serves on");
    running.end();
    assert!(!path.exists());
}

#[test]
fn a_successor_has_the_socket_and_keeps_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let old = start(plan(at(&path), None), Inherited::default()).unwrap();
    let inherited = Inherited { sockets: old.doors.sockets().unwrap(), predecessor: None };
    let new = start(plan(at(&path), None), inherited).unwrap();
    let alive = || ask(UnixStream::connect(&path).unwrap(), "GET", "/livez", "").0;
    assert_eq!(alive(), 200);
    old.doors.close_all();
    old.end();
    for _ in 0..10 {
        assert_eq!(alive(), 200);
    }
    new.end();
    assert!(!path.exists());
}

#[test]
fn the_token_is_that_of_the_configuration_in_force() {
    let address = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap()
    };
    let plan = |token| plan(AdminAddress::Tcp(address), token);
    let running = start(plan(Some("first")), Inherited::default()).unwrap();
    let get =
        |lines: &str| ask(TcpStream::connect(address).unwrap(), "GET", "/api/v1/status", lines).0;
    let with = |token: &str| get(&format!("Host: gw.example\r\nAuthorization: Bearer {token}\r\n"));
    assert_eq!((get("Host: localhost\r\n"), with("first"), with("second")), (401, 200, 401));
    running.gateway.reload(plan(Some("second")));
    assert_eq!((get("Host: localhost\r\n"), with("first"), with("second")), (401, 401, 200));
    running.gateway.reload(plan(None));
    assert_eq!((get("Host: localhost\r\n"), with("second")), (200, 403), "the name is no address");
    running.end();
}

#[test]
fn without_files_everything_works_but_to_read_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let running = start(plan(at(&path), None), Inherited::default()).unwrap();
    let ask = |method, target| ask(UnixStream::connect(&path).unwrap(), method, target, "");
    let (status, problem) = ask("POST", "/api/v1/reload");
    assert_eq!(status, 422);
    assert!(problem.contains("not configured by files"), "{problem}");
    assert_eq!(ask("GET", "/api/v1/config").0, 404);
    let (status, told) = ask("GET", "/api/v1/status");
    assert_eq!(status, 200);
    assert!(told.contains(r#""generation":1,"last_reload":null"#), "{told}");
    let target = "/api/v1/pools/web/endpoints/127.0.0.1:9/override";
    assert_eq!(ask("DELETE", target).0, 204);
    running.end();
}
