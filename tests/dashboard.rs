//! The dashboard in a real browser: Debian's Chromium, driven by the scripts of `dashboard/`.
//!
//! Where the browser is missing the tests say so and pass; where `CI` is set they fail, because `.ci/run`
//! has installed it. `DASHBOARD_SHOTS=DIR` keeps screenshots.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use switchback_testkit::{Backend, Behavior, Ending, Gateway, Signal};

/// The Python that Debian's packages are for.
const PYTHON: &str = "/usr/bin/python3";

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

/// Whether there is a browser, and what drives it.
#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
fn a_browser_is_there() -> bool {
    let needed = [
        (PYTHON, ["-c", "import selenium"], "python3-selenium"),
        ("chromium", ["--version", ""], "chromium"),
        ("chromedriver", ["--version", ""], "chromium-driver"),
    ];
    needed.iter().all(|(program, arguments, package)| {
        let arguments = arguments.iter().filter(|it| !it.is_empty());
        let tried = Command::new(program).args(arguments).output();
        if tried.is_ok_and(|output| output.status.success()) {
            return true;
        }
        assert!(std::env::var_os("CI").is_none(), "{program} is missing: install {package}");
        eprintln!("skipped: {program} is missing (Debian: apt-get install {package})");
        false
    })
}

/// Runs a script to its end, and does what it asks for on the way.
#[expect(clippy::print_stdout, reason = "what a script has measured is shown with --nocapture")]
fn run(script: &str, arguments: &[&str], mut please: impl FnMut(&str)) {
    let script = format!("{}/../../tests/dashboard/{script}", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(PYTHON);
    command.arg("-B").arg(&script).args(arguments).args(std::env::var_os("DASHBOARD_SHOTS"));
    let mut process =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it runs");
    let mut told = process.stdin.take().expect("its input");
    for line in BufReader::new(process.stdout.take().expect("its output")).lines() {
        let line = line.expect("text");
        let Some(wish) = line.strip_prefix("please ") else {
            println!("{line}");
            continue;
        };
        please(wish);
        // A script that has failed meanwhile tells by its status.
        let _ = told.write_all(b"done\n");
    }
    let status = process.wait().expect("it ends");
    assert!(status.success(), "{script}: {status}");
}

/// Where a gateway is, as the scripts are told.
fn of(gateway: &Gateway) -> [String; 3] {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    [gateway.admin_addr().to_string(), gateway.addr().to_string(), version]
}

fn is_at(backend: &Backend, wish: &str) -> bool {
    wish.rsplit(' ').next().and_then(|it| it.parse().ok()) == Some(backend.addr())
}

/// What an endpoint does: everything below `/lost` is cut off, and `/rescued` if it is the one that
/// cuts that off; probes and the rest are well.
fn behavior(cuts_off: bool) -> Behavior {
    Behavior::script(move |request| {
        let lost = request.target.starts_with("/lost");
        match cuts_off && request.target == "/rescued" || lost {
            true => Behavior::CloseBeforeAnswer(Ending::Fin),
            false => Behavior::ok_after(Duration::from_millis(20)),
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_seen_and_what_is_done_happens() {
    if !a_browser_is_there() {
        return;
    }
    let mut backends = Vec::new();
    for cuts_off in [true, false, false] {
        backends.push(Backend::with(behavior(cuts_off)).await);
    }
    let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
    let gateway = Gateway::builder()
        .pool("web", &addresses)
        .pool_yaml("health: { http: { path: /healthz }, interval: 200ms, timeout: 150ms }")
        .pool("idle", &addresses[2..])
        .route_yaml("{ pool: web }")
        .route_yaml("{ host: idle.example.com, pool: idle }")
        .start(binary())
        .await;
    let [admin, listener, version] = of(&gateway);
    tokio::task::block_in_place(|| {
        run("real.py", &["few", &admin, &listener, &version], |wish| match wish {
            "stop" => gateway.signal(Signal::STOP),
            "continue" => gateway.signal(Signal::CONT),
            _ => {
                let at = backends.iter().position(|it| is_at(it, wish)).expect("an endpoint");
                match wish.starts_with("kill ") {
                    true => backends[at].set(Behavior::RefuseConnections),
                    false => backends[at].set(behavior(at == 0)),
                }
            }
        });
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_endpoints_are_there_soon() {
    if !a_browser_is_there() {
        return;
    }
    let mut builder = Gateway::builder();
    for pool in 0..10u8 {
        let endpoints = (1..=100).map(|host| SocketAddr::from(([127, 1, pool, host], 9)));
        builder = builder.pool(&format!("pool-{pool}"), &endpoints.collect::<Vec<_>>());
    }
    let gateway = builder.start(binary()).await;
    let [admin, listener, version] = of(&gateway);
    tokio::task::block_in_place(|| {
        run("real.py", &["many", &admin, &listener, &version], |_| {});
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn it_looks_right_on_a_bad_day_on_a_phone_in_light_and_in_dark() {
    if a_browser_is_there() {
        tokio::task::block_in_place(|| run("looks.py", &[], |_| {}));
    }
}
