//! What becomes of an override, against a gateway that answers as it is told.

use serde_json::{Value, json};

use super::super::admin::tests::{Canned, problem};
use super::*;

/// As of a gateway whose configuration does not come from files.
const NO_FILES: &str = "";

/// The requests but for GET, and what is told, where this is overridden and that is configured.
fn enable(overridden: Value, configured: &'static str) -> (Vec<String>, String) {
    let canned = Canned::start(move |line, _| match line {
        "GET /api/v1/config" if configured == NO_FILES => problem(404, "there are no files"),
        "GET /api/v1/config" => (
            200,
            format!(
                "# switchback.yaml\npools: x\n---\n# pools/web.yaml\nendpoints:\n- address: 10.0.1.11:8080\n  {configured}\n"
            ),
        ),
        "GET /api/v1/pools/web" => {
            let endpoint = json!({
                "address": "10.0.1.11:8080", "status": "healthy", "why": "probes pass",
                "since": "2026-11-22T10:11:12.123Z", "reachable": true, "weight": 1,
                "override": overridden, "in_flight": 0, "attempts": 0, "failed": 0,
            });
            let pool = json!({ "name": "web", "healthy": 1, "total": 1, "endpoints": [endpoint] });
            (200, pool.to_string())
        }
        _ => (204, String::new()),
    });
    let told = enabled(&canned.gateway, &"web/10.0.1.11:8080".parse().unwrap()).unwrap();
    let changes = canned.asked().into_iter().filter(|asked| !asked.starts_with("GET ")).collect();
    (changes, told.text)
}

#[test]
fn an_override_is_cleared_where_the_configuration_enables_and_made_where_it_does_not() {
    let at = "/api/v1/pools/web/endpoints/10.0.1.11:8080/override";
    for (overridden, configured, change) in [
        (json!({}), "drain: false", None),
        (json!({ "state": "drain" }), "drain: false", Some(format!("DELETE {at}"))),
        (json!({ "state": "enabled" }), "drain: false", Some(format!("DELETE {at}"))),
        (
            json!({ "state": "disabled", "weight": 5 }),
            "drain: false",
            Some(format!(r#"PUT {at} {{"weight":5}}"#)),
        ),
        (json!({ "state": "drain" }), NO_FILES, Some(format!("DELETE {at}"))),
        (json!({}), "drain: true", Some(format!(r#"PUT {at} {{"state":"enabled"}}"#))),
        (
            json!({ "state": "drain", "weight": 5 }),
            "disabled: true",
            Some(format!(r#"PUT {at} {{"state":"enabled","weight":5}}"#)),
        ),
    ] {
        let (changes, told) = enable(overridden.clone(), configured);
        assert_eq!(changes, Vec::from_iter(change), "{overridden} over {configured}");
        let how = match configured {
            "drain: false" | NO_FILES => "as configured",
            "drain: true" => "though the configuration says `drain: true`",
            _ => "though the configuration says `disabled: true`",
        };
        assert_eq!(told, format!("web/10.0.1.11:8080: enabled, {how}; it is healthy: probes pass"));
    }
}
