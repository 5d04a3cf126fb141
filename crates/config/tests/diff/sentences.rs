//! What an operator is told, word for word.

use switchback_config::diff::{self, Action, Subject};

use super::{loaded, told};

const MAIN: &str = "\
listeners: [ 0.0.0.0:8080 ]
pools: pools/*.yaml
trusted_proxies: [ 10.0.0.0/8 ]
routes:
  - { host: shop.example.com, path: /api/, pool: api }
  - { path: { exact: /old }, redirect: { to: /new } }
  - { path: { regex: '^/a' }, pool: api }
  - { path: { regex: '^/b' }, pool: web }
  - { pool: web }
";
const WEB: &str = "\
endpoints: [ 10.0.0.1:80, { address: 10.0.0.2:80, weight: 2 }, { address: 10.0.0.3:80, drain: true } ]
sticky: { secret: 0123456789abcdef }
";
const API: &str = "endpoints: [ 10.0.1.1:80, 10.0.1.2:80 ]\nhealth: { enabled: false }\n";

type Replaced<'a> = &'a [(&'a str, &'a str)];

/// A configuration with texts replaced, in whichever file they are.
fn with(replaced: Replaced<'_>) -> switchback_config::Loaded {
    let replace = |text: &str| {
        replaced.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    };
    for (from, _) in replaced {
        assert!([MAIN, WEB, API].iter().any(|text| text.contains(from)), "{from}");
    }
    let (web, api) = (replace(WEB), replace(API));
    loaded(&replace(MAIN), &[("conf/pools/web.yaml", &web), ("conf/pools/api.yaml", &api)])
}

fn says(replaced: Replaced<'_>, wanted: &[&str]) {
    let (running, next) = (with(&[]), with(replaced));
    let changes = diff::loaded(&running, &next).unwrap();
    let text = changes.to_string();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[..lines.len() - 1], *wanted, "{replaced:?}\n{text}");
    // Over HTTP it is told the same.
    assert_eq!(told(&running.effective_redacted(), &next.effective()), changes);
}

#[test]
fn each_change_has_its_sentence() {
    let table: &[(Replaced<'_>, &[&str])] = &[
        (&[], &[]),
        (
            &[(
                "trusted_proxies: [ 10.0.0.0/8 ]",
                "trusted_proxies: [ 10.0.0.0/8, 192.0.2.1 ]\ndrain: { delay: 9s }",
            )],
            &[
                "gateway: trusted_proxies: [10.0.0.0/8] → [10.0.0.0/8, 192.0.2.1/32]",
                "gateway: drain.delay: 5s → 9s",
            ],
        ),
        // Endpoints.
        (
            &[("10.0.0.1:80,", "10.0.0.4:80,")],
            &[
                "pool web: endpoint 10.0.0.4:80: added; gets traffic once its probes pass",
                "pool web: endpoint 10.0.0.1:80: removed; finishes what it has, gets nothing new",
            ],
        ),
        (
            &[("10.0.1.1:80,", "10.0.1.1:80, { address: 10.0.1.3:80, weight: 3, tier: 1 },")],
            &["pool api: endpoint 10.0.1.3:80: added, weight 3, tier 1; gets traffic at once"],
        ),
        (
            &[(
                "10.0.1.1:80,",
                "10.0.1.1:80, { address: 10.0.1.3:80, drain: true }, { address: 10.0.1.4:80, disabled: true },",
            )],
            &[
                "pool api: endpoint 10.0.1.3:80: added, draining; gets requests only when nobody else has room",
                "pool api: endpoint 10.0.1.4:80: added, disabled; gets nothing",
            ],
        ),
        (
            &[("weight: 2", "weight: 3, tier: 1, zone: a"), ("drain: true", "disabled: true")],
            &[
                "pool web: endpoint 10.0.0.2:80: weight: 2 → 3",
                "pool web: endpoint 10.0.0.2:80: tier: 0 → 1; gets traffic only when the tiers before it cannot serve",
                "pool web: endpoint 10.0.0.2:80: zone: none → a",
                "pool web: endpoint 10.0.0.3:80: drain: true → false; gets new sessions again",
                "pool web: endpoint 10.0.0.3:80: disabled: false → true; finishes what it has, gets nothing new, not even probes",
            ],
        ),
        (
            &[("10.0.0.1:80,", "{ address: 10.0.0.1:80, drain: true },")],
            &[
                "pool web: endpoint 10.0.0.1:80: drain: false → true; keeps its sessions, gets others only when nobody else has room",
            ],
        ),
        // What all of them have from their pool is told once.
        (
            &[("sticky:", "max_requests: 50\nsticky:")],
            &["pool web: each of its 3 endpoints: max_requests: none → 50"],
        ),
        // Pools.
        (
            &[("0123456789abcdef", "fedcba9876543210")],
            &["pool web: sticky.secret: changed; every session chooses its endpoint again, once"],
        ),
        (
            &[("sticky: { secret: 0123456789abcdef }\n", "")],
            &[
                "pool web: sticky: { cookie: switchback, secret: (hidden), secure: auto, same_site: lax } → off; sessions no longer stay with an endpoint",
            ],
        ),
        (
            &[("sticky:", "health: { interval: 5s, http: {} }\nsticky:")],
            &[
                "pool web: health.interval: 2s → 5s",
                "pool web: health.http: { path: /, expect: [200-299] } instead of health.tcp: {}",
            ],
        ),
        (
            &[("health: { enabled: false }\n", "")],
            &[
                "pool api: health.enabled: false → true, with { tcp: {}, interval: 2s, fast_interval: 500ms, timeout: 1s, rise: 2, fall: 3, concurrency: 64 }",
            ],
        ),
        (
            &[("sticky:", "health: { enabled: false }\nsticky:")],
            &["pool web: health.enabled: true → false; its endpoints are not probed any more"],
        ),
        (
            &[("health:", "tls: { sni: a.b }\nhealth:")],
            &[
                "pool api: tls: off → { sni: a.b, verify: true }; new connections to its endpoints use TLS",
            ],
        ),
        // Routes. What they have from their pools is told there.
        (
            &[(
                "health:",
                "timeouts: { request: 20s, first_byte: 10s }\nretry: { attempts: 2 }\nhealth:",
            )],
            &[
                "pool api: timeouts.first_byte: 30s → 10s",
                "pool api: timeouts.request: 55s → 20s",
                "pool api: retry.attempts: 3 → 2",
            ],
        ),
        (
            &[(
                "/api/, pool: api",
                "/api/, pool: api, timeouts: { request: 9s }, retry: { statuses: 503 }",
            )],
            &[
                "route shop.example.com/api/: timeouts.request: 55s → 9s",
                "route shop.example.com/api/: retry.statuses: [502-504] → [503]",
            ],
        ),
        (
            &[
                ("/api/, pool: api", "/api/, pool: web"),
                ("health:", "timeouts: { request: 56s }\nhealth:"),
            ],
            &[
                "pool api: timeouts.request: 55s → 56s",
                "route shop.example.com/api/: pool: api → web",
            ],
        ),
        (
            &[
                ("/api/, pool: api", "/api/, pool: web"),
                ("sticky:", "timeouts: { request: 20s, first_byte: 9s }\nsticky:"),
            ],
            &[
                "pool web: timeouts.first_byte: 30s → 9s",
                "pool web: timeouts.request: 55s → 20s",
                "route shop.example.com/api/: pool: api → web; with that timeouts.request: 55s → 20s",
            ],
        ),
        (
            &[(
                "/api/, pool: api",
                "/api/, split: [ { pool: api, weight: 95 }, { pool: web, weight: 5 } ]",
            )],
            &["route shop.example.com/api/: split: [api 95, web 5] instead of pool: api"],
        ),
        (
            &[("redirect: { to: /new }", "redirect: { to: /newer, status: 302 }")],
            &[
                "route *=/old: redirect.to: /new → /newer",
                "route *=/old: redirect.status: 308 → 302",
            ],
        ),
        (
            &[("redirect: { to: /new }", "pool: web")],
            &["route *=/old: pool: web instead of redirect: { to: /new, status: 308 }"],
        ),
        (
            &[(
                "  - { host: shop.example.com, path: /api/, pool: api }\n",
                "  - { host: shop.example.com, pool: web }\n  - { path: /x/, redirect: { to: /y } }\n",
            )],
            &[
                "route shop.example.com/: added; goes to pool web",
                "route */x/: added; redirects to /y with 308",
                "route shop.example.com/api/: removed; its requests take the next best route, or get a 404",
            ],
        ),
        // The order of expressions of one length decides.
        (
            &[
                ("  - { path: { regex: '^/a' }, pool: api }\n", ""),
                (
                    "  - { pool: web }\n",
                    "  - { path: { regex: '^/a' }, pool: api }\n  - { pool: web }\n",
                ),
            ],
            &[
                "gateway: routes: of the expressions of *, the first that matches is now the first of ^/b, ^/a instead of ^/a, ^/b",
            ],
        ),
        // What a client may cost, and what a listener does with it.
        (
            &[(
                "trusted_proxies",
                "limits: { connections: 20000, header_size: 64KiB }\nforwarded: true\nunderscores: keep\nstartup_timeout: 30s\ntrusted_proxies",
            )],
            &[
                "gateway: forwarded: false → true",
                "gateway: underscores: drop → keep",
                "gateway: limits.header_size: 32KiB → 64KiB",
                "gateway: limits.connections: what memory and descriptors allow → 20000",
                "gateway: startup_timeout: 10s → 30s; holds at the next start",
            ],
        ),
        (
            &[(
                "[ 0.0.0.0:8080 ]",
                "[ { address: 0.0.0.0:8080, http2: false, proxy_protocol: true, readiness: /readyz } ]",
            )],
            &[
                "listener 0.0.0.0:8080: http2: true → false",
                "listener 0.0.0.0:8080: proxy_protocol: false → true; connections without a PROXY header are refused",
                "listener 0.0.0.0:8080: readiness: none → /readyz",
            ],
        ),
        (
            &[("/api/, pool: api", "/api/, pool: api, max_body: 10MiB")],
            &["route shop.example.com/api/: max_body: none → 10MiB"],
        ),
        (
            &[("health:", "required: true\nproxy_protocol: v2\nhealth:")],
            &[
                "pool api: required: false → true; the gateway is ready only while it can serve",
                "pool api: proxy_protocol: off → v2; new connections to its endpoints begin with a PROXY header of it",
            ],
        ),
        // What takes a restart.
        (
            &[(
                "trusted_proxies",
                "threads: 4\naccess_log: { file: a.log }\nadmin: { address: 127.0.0.1:9901 }\ntrusted_proxies",
            )],
            &[
                "gateway: admin.address: 127.0.0.1:9900 → 127.0.0.1:9901 (needs a restart)",
                "gateway: access_log: stdout → { file: a.log, format: json } (needs a restart)",
                "gateway: threads: one for each CPU → 4 (needs a restart)",
            ],
        ),
        (
            &[(
                "trusted_proxies",
                "access_log: { format: { template: '{client} $$$${path}' } }\nadmin: { socket: run/a.sock }\ntracing: { otlp: http://a:4318, headers: { x-team: hunter2 } }\ntrusted_proxies",
            )],
            &[
                "gateway: admin.socket: run/a.sock instead of admin.address: 127.0.0.1:9900 (needs a restart)",
                "gateway: access_log: stdout → { format: { template: {client} $$$${path} } } (needs a restart)",
                "gateway: tracing: off → { otlp: http://a:4318, sample: 10%, service: switchback, headers: (hidden) } (needs a restart)",
            ],
        ),
        (
            &[(
                "trusted_proxies",
                "admin: { address: 127.0.0.1:9900, token: 0123456789abcdef }\ntrusted_proxies",
            )],
            &["gateway: admin.token: set; who has not got it can use the API no more"],
        ),
        (
            &[("[ 0.0.0.0:8080 ]", "[ 0.0.0.0:8081 ]")],
            &["listener 0.0.0.0:8080: address: 0.0.0.0:8080 → 0.0.0.0:8081 (needs a restart)"],
        ),
        (
            &[("[ 0.0.0.0:8080 ]", "[ 0.0.0.0:8081, 0.0.0.0:8082 ]")],
            &[
                "listener 0.0.0.0:8080: removed; nobody is accepted there any more (needs a restart)",
                "listener 0.0.0.0:8081: added (needs a restart)",
                "listener 0.0.0.0:8082: added (needs a restart)",
            ],
        ),
    ];
    for (replaced, wanted) in table {
        says(replaced, wanted);
    }
}

#[test]
fn pools_that_come_and_go_are_told_as_a_whole() {
    let main = MAIN.replace("pool: api", "pool: web");
    let running = loaded(&main, &[("conf/pools/web.yaml", WEB)]);
    let next = loaded(&main.replace("pool: web", "pool: web2"), &[("conf/pools/web2.yaml", WEB)]);
    assert_eq!(
        diff::loaded(&running, &next).unwrap().to_string(),
        "pool web2: added, with 3 endpoints
pool web: removed, with 3 endpoints; what is under way is finished
route shop.example.com/api/: pool: web → web2
route *~^/a: pool: web → web2
route *~^/b: pool: web → web2
route */: pool: web → web2
6 changes: 2 pools, 4 routes"
    );
}

#[test]
fn a_file_that_was_moved_is_told_and_a_folder_above_it_is_not() {
    let running = loaded(MAIN, &[("conf/pools/web.yaml", WEB), ("conf/pools/api.yaml", API)]);
    let next = loaded(MAIN, &[("conf/pools/web.yaml", WEB), ("conf/more/api.yaml", API)]);
    assert_eq!(
        diff::loaded(&running, &next).unwrap().to_string(),
        "gateway: pools: the file of api is more/api.yaml instead of pools/api.yaml\n1 change: the gateway"
    );
    let text = running.effective();
    let elsewhere = text.replace("# conf/", "# /etc/switchback/");
    assert!(text != elsewhere && told(&text, &elsewhere).is_empty());
}

/// As another version may print them: what a certificate is, is read without knowing its keys.
#[test]
fn certificates_change_without_a_restart_and_tls_itself_does_not() {
    let text = |tls: &str| format!("# s.yaml\nlisteners:\n- address: 0.0.0.0:8443\n{tls}");
    let one = "  tls:\n    certificates:\n    - cert: shop.pem\n      names: [shop.example.com]\n      ends: 2026-01-31\n";
    let changes = told(&text(one), &text(&one.replace("2026-01", "2027-01")));
    assert_eq!(
        changes.to_string(),
        "listener 0.0.0.0:8443: tls.certificates[shop.pem].ends: 2026-01-31 → 2027-01-31\n1 change: 1 listener"
    );
    let two = format!("{one}    - cert: web.pem\n      ends: 2026-05-31\n");
    let changes = told(&text(one), &text(&two));
    assert_eq!(
        changes.to_string(),
        "listener 0.0.0.0:8443: tls.certificates[web.pem]: added: { cert: web.pem, ends: 2026-05-31 }\n1 change: 1 listener"
    );
    let changes = told(&text(""), &text(one));
    assert!(changes.needs_restart(), "{changes}");
    let keys =
        "    min_version: '1.3'\n    client_certificates:\n      ca: c.pem\n      required: true\n";
    let asked = format!("{one}{keys}");
    assert_eq!(
        told(&text(&format!("{one}    min_version: '1.2'\n")), &text(&asked)).to_string(),
        "listener 0.0.0.0:8443: tls.min_version: 1.2 → 1.3\n\
         listener 0.0.0.0:8443: tls.client_certificates: off → { ca: c.pem, required: true }; clients without a certificate are refused\n\
         2 changes: 1 listener"
    );
    let optional = asked.replace("required: true", "required: false");
    assert_eq!(
        told(&text(&asked), &text(&optional)).to_string(),
        "listener 0.0.0.0:8443: tls.client_certificates.required: true → false; clients need no certificate any more\n1 change: 1 listener"
    );
    assert!(told(&text(&asked), &text(&asked).replace("8443", "8444")).needs_restart());
}

#[test]
fn long_lists_are_told_by_what_comes_and_goes() {
    let networks = |range: std::ops::Range<u8>| {
        let list: Vec<_> = range.map(|at| format!("10.{at}.0.0/16")).collect();
        with(&[("[ 10.0.0.0/8 ]", &format!("[ {} ]", list.join(", ")))]).effective()
    };
    let text = told(&networks(0..20), &networks(1..22)).to_string();
    assert_eq!(
        text.lines().next().unwrap(),
        "gateway: trusted_proxies: 10.20.0.0/16, 10.21.0.0/16 added; 10.0.0.0/16 removed"
    );
    let text = told(&networks(0..1), &networks(0..31)).to_string();
    assert!(text.contains("10.9.0.0/16, 10.10.0.0/16 and 20 more added"), "{text}");
}

#[test]
fn the_last_line_counts_and_says_what_to_do() {
    let changes = diff::loaded(
        &with(&[]),
        &with(&[
            ("trusted_proxies", "threads: 4\nadmin: { address: 127.0.0.1:9901 }\ntrusted_proxies"),
            ("10.0.0.1:80,", "10.0.0.4:80,"),
        ]),
    )
    .unwrap();
    assert_eq!(
        changes.summary(),
        "4 changes: the gateway, 2 endpoints; 2 need a restart, so a reload is refused: restart the gateway, or take it back; no other change is taken on until then"
    );
    assert_eq!(changes.iter().filter(|change| change.needs_restart).count(), 2);
}

#[test]
fn as_json_it_has_stable_names() {
    let next = with(&[("weight: 2", "weight: 3"), ("0123456789abcdef", "fedcba9876543210")]);
    let changes = diff::loaded(&with(&[]), &next).unwrap();
    let wanted = serde_json::json!({
        "same": false,
        "needs_restart": false,
        "summary": "2 changes: 1 pool, 1 endpoint",
        "changes": [
            {
                "about": "pool", "pool": null, "name": "web", "action": "changed",
                "key": "sticky.secret", "old": null, "new": null, "needs_restart": false,
                "sentence": "sticky.secret: changed; every session chooses its endpoint again, once",
            },
            {
                "about": "endpoint", "pool": "web", "name": "10.0.0.2:80", "action": "changed",
                "key": "weight", "old": "2", "new": "3", "needs_restart": false,
                "sentence": "weight: 2 → 3",
            },
        ],
    });
    assert_eq!(serde_json::to_value(&changes).unwrap(), wanted);
    let none = diff::loaded(&next, &next).unwrap();
    let wanted = serde_json::json!({
        "same": true, "needs_restart": false, "summary": "nothing would change", "changes": [],
    });
    assert_eq!(serde_json::to_value(&none).unwrap(), wanted);
}

#[test]
fn more_than_a_hundred_lines_are_counted() {
    let endpoints = |third: u8| {
        let list: Vec<_> = (0..150).map(|at| format!("10.0.{third}.{at}:80")).collect();
        let api = format!("endpoints: [ {} ]\n", list.join(", "));
        loaded(MAIN, &[("conf/pools/web.yaml", WEB), ("conf/pools/api.yaml", &api)])
    };
    let changes = diff::loaded(&endpoints(1), &endpoints(2)).unwrap();
    assert_eq!(changes.len(), 300);
    let is_endpoint =
        |subject: &Subject| matches!(subject, Subject::Endpoint { pool, .. } if pool == "api");
    assert!(changes.iter().all(|one| is_endpoint(&one.subject) && one.action != Action::Changed));
    let text = changes.to_string();
    assert_eq!(text.lines().count(), 102);
    assert!(text.ends_with("\n… and 200 more\n300 changes: 300 endpoints"), "{text}");
}

/// What the admin API shows tells no secret, and cannot be loaded by mistake.
#[test]
fn a_redacted_configuration_has_fingerprints_and_does_not_load() {
    let (loaded, other) = (with(&[]), with(&[("0123456789abcdef", "fedcba9876543210")]));
    let text = loaded.effective_redacted();
    assert!(!text.contains("0123456789abcdef") && text.contains("  secret: sha256:"), "{text}");
    assert_ne!(text, other.effective_redacted());
    let documents: Vec<_> = text.split("---\n").collect();
    let pools = [("pools/api.yaml", documents[2]), ("pools/web.yaml", documents[1])];
    let refused = switchback_config::parse_str(("s.yaml", documents[0]), &pools, &|_: &str| None);
    assert!(refused.unwrap_err().to_string().contains("`secret` is too short"));
    // What has no secret is told as ever.
    let plain = with(&[("sticky: { secret: 0123456789abcdef }\n", "")]);
    assert_eq!(plain.effective_redacted(), plain.effective());
}

#[test]
fn secrets_that_change_are_named_and_not_told() {
    let main = "listeners: [ 0.0.0.0:8080 ]
pools: pools/*.yaml
admin: { address: 127.0.0.1:9900, token: 0123456789abcdef }
tracing: { otlp: http://a, headers: { authorization: Bearer one, x-team: two, x-gone: three } }
routes: [ { pool: web } ]
";
    let running = loaded(main, &[("conf/pools/web.yaml", WEB)]);
    let next = main
        .replace("0123456789abcdef", "fedcba9876543210")
        .replace("Bearer one", "Bearer another")
        .replace("x-gone", "x-come");
    let next = loaded(&next, &[("conf/pools/web.yaml", WEB)]);
    let changes = diff::loaded(&running, &next).unwrap();
    let lines: Vec<_> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "gateway: admin.token: changed; the old one is no longer taken",
            "gateway: tracing.headers.authorization: changed (needs a restart)",
            "gateway: tracing.headers.x-gone: removed (needs a restart)",
            "gateway: tracing.headers.x-come: set (needs a restart)",
        ]
    );
    for (running, next) in [
        (running.effective_redacted(), next.effective()),
        (running.effective_redacted(), next.effective_redacted()),
    ] {
        assert_eq!(told(&running, &next), changes);
        for secret in ["0123456789abcdef", "Bearer", "two", "three"] {
            assert!(!running.contains(secret), "{running}");
        }
    }
    let without = main.replace(", token: 0123456789abcdef", "");
    let without = loaded(&without, &[("conf/pools/web.yaml", WEB)]);
    assert_eq!(
        diff::loaded(&running, &without).unwrap().iter().next().unwrap().to_string(),
        "gateway: admin.token: removed; the API is for clients on the gateway's own machine"
    );
}
