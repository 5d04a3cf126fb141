//! What the API answers, and what it passes on.

use serde_json::Value;

use super::*;

/// The status and the body, which is JSON.
async fn ask(admin: &Admin, request: &str) -> (u16, Value) {
    let (head, body) = admin.ask(request).await;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let kind = if status < 300 { "application/json" } else { "application/problem+json" };
    assert!(head.contains(&format!("content-type: {kind}\r\n")), "{request}: {head}");
    let body = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
    (status, body)
}

async fn get(admin: &Admin, path: &str) -> (u16, Value) {
    ask(admin, &format!("GET /api/v1{path} HTTP/1.0\r\n\r\n")).await
}

async fn put(admin: &Admin, path: &str, body: &str) -> (u16, String) {
    let length = body.len();
    let request = format!("PUT /api/v1{path} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}");
    let (head, body) = admin.ask(&request).await;
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body)
}

#[tokio::test]
async fn pools_come_with_or_without_their_endpoints() {
    let admin = Admin::of(&Fake::new(3, 2)).await;
    let (_, all) = get(&admin, "/pools").await;
    assert_eq!(all["pools"].as_array().map(Vec::len), Some(3));
    assert_eq!(all["pools"][2]["endpoints"].as_array().map(Vec::len), Some(2));
    let (_, few) = get(&admin, "/pools?endpoints=false").await;
    assert_eq!(few["pools"][2].get("endpoints"), None);
    assert_eq!(few["pools"][2]["name"], "pool-2");
    assert_eq!(get(&admin, "/pools/pool-1").await, (200, all["pools"][1].clone()));
    let (status, problem) = get(&admin, "/pools/pool-3").await;
    assert_eq!((status, &problem["detail"]), (404, &"there is no pool pool-3".into()));
    let (_, none) = get(&Admin::of(&Fake::new(0, 0)).await, "/pools").await;
    assert_eq!(none, serde_json::json!({ "pools": [] }));
}

#[tokio::test]
async fn failures_are_filtered_as_was_asked() {
    let operator = Fake::new(0, 0);
    let admin = Admin::of(&operator).await;
    for (query, wanted) in [
        ("", "Filter { pool: None, by_clients: false, limit: Some(100) }"),
        (
            "?limit=1000&pool=a%20b&by_clients=true",
            "Filter { pool: Some(\"a b\"), by_clients: true, limit: Some(1000) }",
        ),
    ] {
        let (status, body) = get(&admin, &format!("/failures{query}")).await;
        assert_eq!((status, &body["failures"][0]["id"]), (200, &fake::ID.into()));
        assert_eq!(operator.asked(), [wanted]);
    }
    let (status, request) = get(&admin, "/requests/01JD").await;
    assert_eq!((status, &request["reason"]), (200, &"connection_terminated".into()));
    let (status, problem) = get(&admin, "/requests/other").await;
    assert_eq!(status, 404);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("1,000") && detail.contains("access log"), "{detail}");
}

#[tokio::test]
async fn what_is_not_understood_is_told() {
    let admin = Admin::of(&Fake::new(1, 1)).await;
    for (path, word) in [
        ("/pools?endpoints=maybe", "`endpoints`"),
        ("/pools?end=true", "`endpoints`"),
        ("/failures?limit=0", "`limit`"),
        ("/failures?limit=1001", "`limit`"),
        ("/failures?limit=-1", "`limit`"),
        ("/failures?limit=1&limit=2", "`limit`"),
        ("/failures?by_clients=", "`by_clients`"),
        ("/pools/%ff", "UTF-8"),
        ("/requests/%ff", "UTF-8"),
    ] {
        let (status, problem) = get(&admin, path).await;
        assert_eq!(status, 400, "{path}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(word), "{path}: {problem}");
    }
    for path in ["", "/x", "/pools/", "/pools/a/b", "/status/"] {
        let (status, problem) = get(&admin, path).await;
        assert_eq!(status, 404, "{path}");
        assert!(problem["detail"].as_str().unwrap().contains("openapi.json"), "{problem}");
    }
}

const TARGET: &str = "/pools/web/endpoints/10.0.0.1:80/override";

#[tokio::test]
async fn an_override_is_passed_on_or_refused() {
    let operator = Fake::new(0, 0);
    let admin = Admin::of(&operator).await;
    assert_eq!(put(&admin, TARGET, r#"{"state": "drain"}"#).await, (204, String::new()));
    put(&admin, &format!("{TARGET}?force=true"), r#"{"weight": 1000.0}"#).await;
    let delete = format!("DELETE /api/v1{TARGET} HTTP/1.0\r\n\r\n");
    assert!(admin.ask(&delete).await.0.starts_with("http/1.0 204"));
    let ends =
        ["Some(Drain), weight: None }, force: false", "None, weight: Some(1000) }, force: true"];
    let ends = [ends[0], ends[1], "None, weight: None }, force: false"];
    let wanted = ends.map(|end| format!("10.0.0.1:80: Change {{ state: {end}"));
    assert_eq!(operator.asked(), wanted);
    for (path, body, status, word) in [
        (TARGET, "", 400, "no JSON object"),
        (TARGET, "{}", 400, "nothing to override"),
        (TARGET, r#"["drain", 5]"#, 400, "send for example"),
        (TARGET, r#"{"state": null, "weight": 5}"#, 400, "expected value"),
        (TARGET, r#"{"state": "gone"}"#, 400, "gone"),
        (TARGET, r#"{"weight": 0}"#, 400, "from 1 to 1000"),
        (TARGET, r#"{"weight": 1001}"#, 400, "from 1 to 1000"),
        (TARGET, r#"{"weight": 1.5}"#, 400, "a whole number"),
        (TARGET, r#"{"wait": 5}"#, 400, "wait"),
        ("/pools/web/endpoints/x/override", r#"{"weight": 5}"#, 404, "no address"),
        ("/pools/x/endpoints/10.0.0.1:80/override", r#"{"weight": 5}"#, 404, "no pool x"),
        ("/pools/broken/endpoints/10.0.0.1:80/override", r#"{"weight": 5}"#, 500, "a bug"),
        ("/pools/web/endpoints/10.0.0.1:80/override?force=1", r#"{"weight": 5}"#, 400, "`force`"),
    ] {
        let (found, problem) = put(&admin, path, body).await;
        assert_eq!(found, status, "{path} {body}: {problem}");
        assert!(problem.contains(word), "{path} {body}: {problem}");
    }
    assert_eq!(operator.asked(), [""; 0]);
}

#[tokio::test]
async fn the_last_endpoint_goes_only_by_force() {
    let admin = Admin::of(&Fake::new(0, 0)).await;
    let target = "/pools/last/endpoints/10.0.0.1:80/override";
    let (status, problem) = put(&admin, target, r#"{"state": "disabled"}"#).await;
    assert_eq!(status, 409);
    assert!(problem.contains(r#""may_be_forced":true"#), "{problem}");
    let forced = put(&admin, &format!("{target}?force=true"), r#"{"state": "disabled"}"#).await;
    assert_eq!(forced.0, 204);
}

#[tokio::test]
async fn a_body_has_a_limit() {
    let admin = Admin::of(&Fake::new(0, 0)).await;
    let (status, problem) = put(&admin, TARGET, &" ".repeat(20_000)).await;
    assert_eq!(status, 413, "{problem}");
    assert!(problem.contains("too large"), "{problem}");
}

#[tokio::test]
async fn with_a_token_nothing_of_the_api_is_open_and_everything_else_is() {
    let operator = Fake::new(1, 1);
    let admin = Admin::of(&operator).await;
    assert_eq!(get(&admin, "/status").await.0, 200);
    *operator.token.lock().unwrap() = Some("right".into());
    for path in ["/status", "/openapi.json", "/x", ""] {
        let request = format!("GET /api/v1{path} HTTP/1.0\r\n\r\n");
        let (head, body) = admin.ask(&request).await;
        assert!(head.starts_with("http/1.0 401"), "{head}");
        assert!(head.contains("\r\nwww-authenticate: bearer\r\n"), "{head}");
        assert!(head.contains("content-type: application/problem+json\r\n"), "{head}");
        assert!(body.contains("Authorization: Bearer TOKEN"), "{body}");
    }
    let shown = |token: &str| {
        format!("GET /api/v1/status HTTP/1.0\r\nAuthorization: Bearer {token}\r\n\r\n")
    };
    let (head, body) = admin.ask(&shown("wrong")).await;
    assert!(head.contains("\r\nwww-authenticate: bearer error=\"invalid_token\""), "{head}");
    assert!(!body.contains("wrong") && !body.contains("right"), "{body}");
    assert_eq!(ask(&admin, &shown("right")).await.0, 200);
    for path in ["/livez", "/readyz", "/metrics"] {
        assert!(admin.get(path).await.0.starts_with("http/1.1 200"), "{path}");
    }
    *operator.token.lock().unwrap() = Some("next".into());
    assert_eq!(ask(&admin, &shown("right")).await.0, 401);
    assert_eq!(ask(&admin, &shown("next")).await.0, 200);
}
