//! What a good configuration says of what operators see, and what is never said of its secrets.

#![expect(clippy::unwrap_used, reason = "a failing unwrap is a failing test")]

#[path = "schema/validator.rs"]
mod validator;

use switchback_config::{Diagnostics, parse_str};
use switchback_core::plan::{
    AccessLogPlan, AdminAddress, AdminPlan, LogFormat, LogSink, Plan, TracingPlan,
};

const WEB: &str = "endpoints: [ 10.0.1.11:8080 ]\n";

fn read(keys: &str) -> Result<(String, Plan), Diagnostics> {
    let main = format!(
        "listeners: [ 0.0.0.0:8080 ]\npools: pools/*.yaml\nroutes: [ {{ pool: web }} ]\n{keys}\n"
    );
    let environment = |name: &str| (name == "TOKEN").then(|| "0123456789abcdef".to_owned());
    let loaded =
        parse_str(("conf/switchback.yaml", &main), &[("pools/web.yaml", WEB)], &environment)?;
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    validator::accepts(&main, &[]);
    Ok((loaded.effective_redacted(), loaded.plan))
}

fn plan(keys: &str) -> Plan {
    read(keys).unwrap_or_else(|said| panic!("{said}")).1
}

#[test]
fn the_admin_listener_is_on_an_address_or_a_socket() {
    let at = |keys: &str| plan(keys).admin;
    assert_eq!(at(""), AdminPlan::default());
    let token = at("admin: { address: 0.0.0.0:9901, token: '${TOKEN}' }");
    assert_eq!(token.at, AdminAddress::Tcp("0.0.0.0:9901".parse().unwrap()));
    assert_eq!(token.token.unwrap().reveal(), "0123456789abcdef");
    for (path, joined) in [("run/a.sock", "conf/run/a.sock"), ("/run/a.sock", "/run/a.sock")] {
        let admin = at(&format!("admin: {{ socket: {path} }}"));
        assert_eq!(admin, AdminPlan { at: AdminAddress::Unix(joined.into()), token: None });
    }
}

/// A socket takes no port, so it cannot take a listener's.
#[test]
fn a_socket_leaves_the_default_address_to_listeners() {
    let main = "listeners: [ 127.0.0.1:9900 ]\npools: x\nadmin: { socket: a }\nroutes: [ { pool: web } ]\n";
    parse_str(("x.yaml", main), &[("web.yaml", WEB)], &|_: &str| None).unwrap();
}

#[test]
fn the_access_log_has_a_place_and_a_format() {
    let file = || LogSink::File("conf/a.log".into());
    for (yaml, to, format) in [
        ("stdout", LogSink::Stdout, LogFormat::Json),
        ("off", LogSink::Off, LogFormat::Json),
        ("{}", LogSink::Stdout, LogFormat::Json),
        ("{ file: a.log }", file(), LogFormat::Json),
        ("{ format: combined }", LogSink::Stdout, LogFormat::Combined),
        ("{ file: a.log, format: combined }", file(), LogFormat::Combined),
        ("{ file: a.log, format: json }", file(), LogFormat::Json),
    ] {
        let log = plan(&format!("access_log: {yaml}")).access_log;
        assert_eq!(log, AccessLogPlan { to, format }, "{yaml}");
    }
    let log = plan("access_log: { format: { template: '{client} $${status}' } }").access_log;
    let LogFormat::Template(template) = log.format else { panic!("{log:?}") };
    assert_eq!((template.as_str(), template.parts().len()), ("{client} ${status}", 3));
}

#[test]
fn traces_go_where_they_are_wanted() {
    assert_eq!(plan("").tracing, None);
    let tracing = plan("tracing: { otlp: http://collector:4318/ }").tracing.unwrap();
    let wanted = TracingPlan {
        otlp: "http://collector:4318".into(),
        sample: TracingPlan::SAMPLE,
        service: TracingPlan::SERVICE.into(),
        headers: Vec::new(),
    };
    assert_eq!(tracing, wanted);
    let (shown, plan) = read(
        "tracing: { otlp: https://a/b, sample: 0%, service: edge, headers: { Authorization: 'Bearer ${TOKEN}' } }",
    )
    .unwrap();
    let tracing = plan.tracing.unwrap();
    assert_eq!(
        (&*tracing.otlp, tracing.sample.value(), &*tracing.service),
        ("https://a/b", 0, "edge")
    );
    let [(name, value)] = tracing.headers.as_slice() else { panic!() };
    assert_eq!((&**name, value.reveal()), ("authorization", "Bearer 0123456789abcdef"));
    assert!(shown.contains("authorization: sha256:") && !shown.contains("Bearer"), "{shown}");
}

/// Whatever is wrong around a secret or with it, no form of a diagnostic has it.
#[test]
fn no_diagnostic_tells_a_secret() {
    for keys in [
        "admin: { address: 127.0.0.1:9901, token: hunter2 }",
        "admin: { address: x, token: hunter2hunter2hunter2 }",
        "admin: { addres: x, token: hunter2hunter2hunter2 }",
        "admin: { address: 127.0.0.1:9901, token: [ hunter2 ] }",
        "admin:\n  socket: a\n  token: hunter2hunter2hunter2",
        "admin:\n  address: x\n  token: >\n    hunter2hunter2hunter2\n    hunter2",
        "tracing: { otlp: http://a, headers: hunter2 }",
        "tracing: { otlp: http://a, headers: 'hunter2' }",
        "tracing: { otlp: http://a, headers: [ hunter2 ] }",
        "tracing: { otlp: http://a, headers: { x-team: [ hunter2 ] } }",
        "tracing: { otlp: http://a, headers: { x-team: { hunter2: x } } }",
        "tracing: { otlp: http://a, headers: { x-team: ' hunter2' } }",
        "tracing: { otlp: http://a, headers: { x team: hunter2 } }",
        "tracing: { otlp: http://a, headers: { x-team: hunter2, X-Team: hunter2 } }",
        "tracing: { otlp: http://a, headers: { x-team: hunter2, x-team: hunter2 } }",
        "tracing:\n  otlp: http://a\n  headers:\n    x-team: hunter2\n    x-team: hunter2, hunter2",
        "tracing:\n  otlp: http://a\n  headers:\n    x-team: hünter2 hunter2",
        "tracing:\n  otlp: http://a\n  headers:\n    x-team:\n      hunter2\u{1}",
        "tracing:\n  otlp: http://a\n  headers:\n    - x-team: hunter2",
        "tracing:\n  otlp: http://a\n  headers: { host: hunter2,\n    x-team: \"hunter2 }",
        "tracing: { otlp: 'http://hunter2@a' }",
        "tracing: { otlp: 'http://u:hunter2@a/b?c' }",
    ] {
        let said = read(keys).expect_err(keys);
        let all = format!("{said}\n{}\n{said:?}", serde_json::to_string(&said).unwrap());
        // What is given as a key is no secret to anybody.
        let is_key = keys.contains("{ hunter2:");
        assert!(is_key || !all.contains("hunter2"), "{keys}\n{all}");
    }
}

/// What the admin API shows in place of a secret is not taken for one.
#[test]
fn a_fingerprint_is_not_loaded() {
    for keys in [
        "admin: { address: 127.0.0.1:9901, token: 'sha256:3f9a' }",
        "tracing: { otlp: http://a, headers: { x-team: 'sha256:3f9a' } }",
    ] {
        assert!(read(keys).is_err(), "{keys}");
    }
}
