//! Sessions that stay with their endpoint, as a browser sees them: a cookie that comes once, names the
//! endpoint to every gateway with the secret and tells nothing to anybody else; and an endpoint that
//! goes away takes no client with it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use switchback_testkit::{
    Answer, Backend, Behavior, Gateway, GatewayBuilder, Response, eventually,
};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// So many in a row stay with one of three endpoints by chance once in three thousand million runs.
const MANY: usize = 20;

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A pool of these, with these keys under `sticky` beside the secret.
fn sticky(backends: &[Backend], secret: &str, keys: &str) -> GatewayBuilder {
    let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
    Gateway::builder()
        .pool("web", &addresses)
        .pool_yaml("balance: random")
        .pool_yaml(&format!("sticky: {{ secret: '{secret}', {keys} }}"))
}

/// A request over a connection of its own, with these headers.
async fn ask(gateway: &Gateway, headers: &[(&str, &str)]) -> Response {
    let answer = gateway.client().await.request("GET", "/", headers, b"").await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

/// The same with these cookies.
async fn with(gateway: &Gateway, cookie: &str) -> Response {
    ask(gateway, &[("cookie", cookie)]).await
}

fn set_cookies(answer: &Response) -> Vec<&str> {
    let named = answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    named.map(|(_, value)| &**value).collect()
}

/// Name and value of the one cookie that was set.
fn cookie(answer: &Response) -> String {
    let [one] = set_cookies(answer)[..] else { panic!("one cookie, not {:?}", answer.headers) };
    one.split(';').next().unwrap_or_default().to_owned()
}

fn value(answer: &Response) -> String {
    cookie(answer).split_once('=').map(|(_, value)| value.to_owned()).expect("a value")
}

fn attributes(answer: &Response) -> BTreeSet<String> {
    let [one] = set_cookies(answer)[..] else { panic!("one cookie, not {:?}", answer.headers) };
    one.split(';').skip(1).map(|attribute| attribute.trim().to_owned()).collect()
}

fn by(answer: &Response) -> String {
    answer.header("x-backend").expect("a backend").to_owned()
}

/// A new session with each of these, as the cookie's name and value.
async fn session_with(gateway: &Gateway, backend: &Backend) -> String {
    for _ in 0..200 {
        let answer = ask(gateway, &[]).await;
        if by(&answer) == backend.addr().to_string() {
            return cookie(&answer);
        }
    }
    panic!("{} never answered", backend.addr())
}

async fn has_status(gateway: &Gateway, backend: &Backend, status: &str) {
    let endpoint = backend.addr().to_string();
    eventually(ms(10_000), status, async || {
        let labels = [("endpoint", &*endpoint), ("status", status)];
        gateway.metric("switchback_endpoint_status", &labels).await == 1.0
    })
    .await;
}

/// Whether this cookie ties a client to an endpoint.
async fn ties(gateway: &Gateway, cookie: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut set = 0;
    for _ in 0..MANY {
        let answer = with(gateway, cookie).await;
        set += set_cookies(&answer).len();
        seen.insert(by(&answer));
    }
    assert!(set == 0 || set == MANY, "{cookie:?} is known or it is not: {set} of {MANY}");
    assert_eq!(set == 0, seen.len() == 1, "{cookie:?}: {seen:?}, {set} cookies set");
    set == 0
}

#[tokio::test]
async fn the_first_answer_sets_a_cookie_and_the_following_none() {
    let backends = Backend::start_many(3).await;
    let gateway = sticky(&backends, SECRET, "").start(binary()).await;
    let first = ask(&gateway, &[]).await;
    assert!(cookie(&first).starts_with("switchback="), "{}", cookie(&first));
    let expected = ["HttpOnly", "Path=/", "SameSite=Lax"].map(str::to_owned);
    assert_eq!(attributes(&first), BTreeSet::from(expected), "and neither Secure nor Max-Age");
    for _ in 0..MANY {
        let next = with(&gateway, &cookie(&first)).await;
        assert_eq!(by(&next), by(&first));
        assert_eq!(set_cookies(&next), [""; 0], "it has one already");
    }
    // Whoever keeps the connection and not the cookie has no session.
    let mut client = gateway.client().await;
    let mut seen = BTreeSet::new();
    for _ in 0..MANY {
        seen.insert(by(&client.get("/").await.expect("an answer")));
    }
    assert!(seen.len() > 1, "{seen:?}");
}

#[tokio::test]
async fn its_attributes_are_as_configured() {
    let backends = Backend::start_many(1).await;
    let trusted = "trusted_proxies: [ 127.0.0.0/8 ]";
    let https = ("x-forwarded-proto", "https");
    let http = ("x-forwarded-proto", "http");
    for (main, keys, headers, expected) in [
        (trusted, "", &[https][..], &["SameSite=Lax", "Secure"][..]),
        (trusted, "", &[http], &["SameSite=Lax"]),
        (trusted, "", &[], &["SameSite=Lax"]),
        ("", "", &[https], &["SameSite=Lax"]),
        ("", "secure: always", &[], &["SameSite=Lax", "Secure"]),
        (trusted, "secure: never", &[https], &["SameSite=Lax"]),
        ("", "same_site: strict", &[], &["SameSite=Strict"]),
        ("", "same_site: none, secure: always", &[], &["SameSite=None", "Secure"]),
        ("", "max_age: 1h30m", &[], &["Max-Age=5400", "SameSite=Lax"]),
    ] {
        let gateway = sticky(&backends, SECRET, keys).main_yaml(main).start(binary()).await;
        let answer = ask(&gateway, headers).await;
        let always = ["HttpOnly", "Path=/"].iter();
        let expected: BTreeSet<_> = always.chain(expected).map(|&it| it.to_owned()).collect();
        assert_eq!(attributes(&answer), expected, "{main} {keys} {headers:?}");
    }
    let gateway = sticky(&backends, SECRET, "cookie: shop_session").start(binary()).await;
    let first = ask(&gateway, &[]).await;
    assert!(cookie(&first).starts_with("shop_session="), "{}", cookie(&first));
    assert_eq!(set_cookies(&with(&gateway, &cookie(&first)).await), [""; 0]);
}

#[tokio::test]
async fn an_endpoint_that_dies_takes_no_session_with_it() {
    let backends = Backend::start_many(3).await;
    let gateway = sticky(&backends, SECRET, "")
        .pool_yaml("health: { tcp: {}, interval: 200ms, fast_interval: 100ms, rise: 1, fall: 1 }")
        .start(binary())
        .await;
    let home = &backends[0];
    let old = session_with(&gateway, home).await;
    home.kill().await;
    // No probe has told: this very request is rescued.
    let rescued = with(&gateway, &old).await;
    let (refuge, new) = (by(&rescued), cookie(&rescued));
    assert_ne!(refuge, home.addr().to_string());
    assert_ne!(new, old);
    for _ in 0..MANY {
        let answer = with(&gateway, &new).await;
        assert_eq!(by(&answer), refuge);
        assert_eq!(set_cookies(&answer), [""; 0]);
    }
    has_status(&gateway, home, "failing").await;
    assert_ne!(by(&with(&gateway, &old).await), home.addr().to_string());
    home.restart();
    has_status(&gateway, home, "healthy").await;
    for _ in 0..MANY {
        let answer = with(&gateway, &new).await;
        assert_eq!(by(&answer), refuge, "who has moved stays where it is");
        assert_eq!(set_cookies(&answer), [""; 0]);
        let answer = with(&gateway, &old).await;
        assert_eq!(by(&answer), home.addr().to_string(), "who was away meanwhile is at home");
        assert_eq!(set_cookies(&answer), [""; 0]);
    }
}

#[tokio::test]
async fn an_endpoint_that_fails_a_request_loses_the_session_to_the_one_that_answers() {
    let backends = Backend::start_many(2).await;
    let gateway = sticky(&backends, SECRET, "").start(binary()).await;
    let old = session_with(&gateway, &backends[0]).await;
    backends[0].set(Behavior::status(503));
    let rescued = with(&gateway, &old).await;
    assert_eq!(by(&rescued), backends[1].addr().to_string());
    assert_eq!(cookie(&rescued), session_with(&gateway, &backends[1]).await);
}

#[tokio::test]
async fn what_cannot_be_verified_counts_as_none() {
    let backends = Backend::start_many(3).await;
    let gateway = sticky(&backends, SECRET, "").start(binary()).await;
    let other = sticky(&backends, "another secret of 32 characters.", "").start(binary()).await;
    let right = value(&ask(&gateway, &[]).await);
    let foreign = value(&ask(&other, &[]).await);
    assert!(ties(&gateway, &format!("switchback={right}")).await);
    let last = if right.ends_with('0') { "1" } else { "0" };
    let (most, _) = right.split_at(right.len() - 1);
    let address = backends[0].addr().to_string();
    for forged in [
        "",
        "0",
        most,
        &format!("{most}{last}"),
        &format!("{right}0"),
        &format!("{right}.{right}"),
        &"0".repeat(right.len()),
        &"f".repeat(10_000),
        &foreign,
        &address,
        "0; switchback=",
        "\u{fc}",
        "%00",
    ] {
        assert!(!ties(&gateway, &format!("switchback={forged}")).await, "{forged:?}");
    }
    for foreign in [&*format!("Switchback={right}"), &format!("switchback2={right}"), &right, ";;="]
    {
        assert!(!ties(&gateway, foreign).await, "{foreign:?}");
    }
}

#[tokio::test]
async fn gateways_with_the_same_secret_know_each_others_cookies_and_others_do_not() {
    let backends = Backend::start_many(3).await;
    let one = sticky(&backends, SECRET, "").start(binary()).await;
    let reversed: Vec<_> = backends.iter().rev().map(Backend::addr).collect();
    let same = Gateway::builder()
        .pool("web", &reversed)
        .pool_yaml("balance: random\nsticky: { secret: '${STICKY}' }")
        .env("STICKY", SECRET)
        .start(binary())
        .await;
    let other = sticky(&backends, "fedcba9876543210fedcba9876543210", "").start(binary()).await;
    for backend in &backends {
        let cookie = session_with(&one, backend).await;
        assert_eq!(by(&with(&same, &cookie).await), backend.addr().to_string());
        assert!(ties(&same, &cookie).await);
        assert!(!ties(&other, &cookie).await);
        assert_eq!(session_with(&same, backend).await, cookie, "and make the same");
    }
}

#[tokio::test]
async fn the_cookie_tells_nothing_of_the_endpoint() {
    let backends = Backend::start_many(3).await;
    let gateway = sticky(&backends, SECRET, "").start(binary()).await;
    let (mut values, mut spelled) = (BTreeSet::new(), 0);
    for backend in &backends {
        let value = session_with(&gateway, backend).await.replace("switchback=", "");
        let (number, hex) = (backend.addr().port(), format!("{:04x}", backend.addr().port()));
        // Digits drawn at random may spell a port; that all three do is no accident.
        spelled += usize::from(value.contains(&number.to_string()) || value.contains(&hex));
        for told in ["127.0.0.1", "7f000001", "0100007f", "fwAAAQ", "web", SECRET] {
            assert!(!value.contains(told), "{told} stands in {value}");
        }
        assert!(value.len() >= 16, "{value} can be guessed");
        values.insert(value);
    }
    assert_eq!(values.len(), 3);
    assert!(spelled < 3, "{values:?}");
}

#[tokio::test]
async fn cookies_of_others_pass_unchanged_both_ways() {
    let backends = Backend::start_many(3).await;
    let theirs = "app=\"1,2\"; Path=/shop; Domain=example.com; Priority=High";
    for backend in &backends {
        let answer = Answer::ok("x").header("set-cookie", theirs).header("Set-Cookie", "b=; x");
        backend.set(Behavior::Answer(answer));
    }
    let gateway = sticky(&backends, SECRET, "").start(binary()).await;
    let first = ask(&gateway, &[]).await;
    let set = set_cookies(&first);
    let ours = set.iter().find(|cookie| cookie.starts_with("switchback=")).expect("ours");
    let ours = ours.split(';').next().unwrap_or_default();
    assert_eq!(set.len(), 3, "{set:?}");
    assert!(set.contains(&theirs) && set.contains(&"b=; x"), "{set:?}");

    let joined = format!("a=1; {ours}; b=\"x y\"; a=2; c; d==;e=%20");
    let answer = with(&gateway, &joined).await;
    assert_eq!(by(&answer), by(&first));
    assert_eq!(set_cookies(&answer), [theirs, "b=; x"]);
    // A client of HTTP/2 may have a field for each; in front of us they were not put together.
    let fields = [("cookie", "a=1"), ("Cookie", ours), ("cookie", "b=\"x y\"; c")];
    let answer = ask(&gateway, &fields).await;
    assert_eq!(by(&answer), by(&first));
    assert_eq!(set_cookies(&answer), [theirs, "b=; x"]);

    let home = backends.iter().find(|backend| backend.addr().to_string() == by(&first));
    let seen: Vec<_> = home.expect("one of them").recorded();
    let cookies = |at: usize| {
        let named = seen[at].headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("cookie"));
        let pairs = named.flat_map(|(_, value)| value.split(';')).map(str::trim);
        pairs.filter(|pair| *pair != ours).collect::<Vec<_>>()
    };
    assert_eq!(cookies(1), ["a=1", "b=\"x y\"", "a=2", "c", "d==", "e=%20"]);
    assert_eq!(cookies(2), ["a=1", "b=\"x y\"", "c"]);
}

#[tokio::test]
async fn sessions_stay_whatever_the_algorithm() {
    for (balance, hash) in [
        ("peak_ewma", ""),
        ("least_requests", ""),
        ("round_robin", ""),
        ("random", ""),
        ("ring_hash", "hash: path"),
        ("maglev", "hash: path"),
    ] {
        let backends = Backend::start_many(3).await;
        let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
        let gateway = Gateway::builder()
            .pool("web", &addresses)
            .pool_yaml(&format!("balance: {balance}\nsticky: {{ secret: '{SECRET}' }}\n{hash}"))
            .start(binary())
            .await;
        let first = ask(&gateway, &[]).await;
        let cookie = cookie(&first);
        for n in 0..MANY {
            let mut client = gateway.client().await;
            let target = format!("/{n}");
            let answer = client.request("GET", &target, &[("cookie", &*cookie)], b"").await;
            assert_eq!(by(&answer.expect("an answer")), by(&first), "{balance}");
        }
    }
}

#[tokio::test]
async fn a_new_client_is_rescued_when_a_body_never_comes() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    let backends = Backend::start_many(2).await;
    let gateway = sticky(&backends, SECRET, "")
        .pool_yaml("timeouts: { idle: 300ms }")
        .pool_yaml("ejection: { enabled: false }")
        .start(binary())
        .await;
    backends[0].set(Behavior::Garbage(head.into()));
    backends[1].set(Behavior::Garbage(format!("{head}hello").into()));
    for _ in 0..MANY {
        let answer = ask(&gateway, &[]).await;
        assert_eq!(answer.text(), "hello", "ended as {:?}", answer.end);
        // The cookie went out with the header; the next answer is told apart by no other.
        assert_eq!(set_cookies(&answer).len(), 1);
    }
    assert!(backends[0].requests() > 0, "the fault was never met");
}
