//! The document of the API against the server: nothing that it says is wrong, and nothing is left out.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::*;

const DOCUMENT: &str = include_str!("../openapi.json");

/// Where an operation differs from its path.
const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

/// A request of each operation for each of its answers: method, path, more lines and a body, status.
const CALLS: &[(&str, &str, &str, u16)] = &[
    ("get", "/openapi.json", "", 200),
    ("get", "/status", "", 200),
    ("get", "/config", "", 200),
    ("get", "/config", "no files", 404),
    ("post", "/reload", "", 200),
    ("post", "/reload?force=true", "", 200),
    ("post", "/reload?force=x", "", 400),
    ("post", "/reload", "no files", 422),
    ("get", "/pools", "", 200),
    ("get", "/pools?endpoints=false", "", 200),
    ("get", "/pools?endpoints=x", "", 400),
    ("get", "/pools/pool-0", "", 200),
    ("get", "/pools/%ff", "", 400),
    ("get", "/pools/none", "", 404),
    ("put", "/pools/web/endpoints/10.0.0.1:80/override", r#"{"state":"drain"}"#, 204),
    ("put", "/pools/web/endpoints/10.0.0.1:80/override", "{}", 400),
    ("put", "/pools/none/endpoints/10.0.0.1:80/override", r#"{"weight":5}"#, 404),
    ("put", "/pools/last/endpoints/10.0.0.1:80/override", r#"{"weight":5}"#, 409),
    ("put", "/pools/last/endpoints/10.0.0.1:80/override?force=true", r#"{"weight":5}"#, 204),
    ("put", "/pools/web/endpoints/10.0.0.1:80/override", "too large", 413),
    ("delete", "/pools/web/endpoints/10.0.0.1:80/override", "", 204),
    ("delete", "/pools/web/endpoints/10.0.0.1:80/override?force=x", "", 400),
    ("delete", "/pools/none/endpoints/10.0.0.1:80/override", "", 404),
    ("delete", "/pools/last/endpoints/10.0.0.1:80/override", "", 409),
    ("get", "/failures", "", 200),
    ("get", "/failures?limit=0", "", 400),
    ("get", "/requests/01JD", "", 200),
    ("get", "/requests/%ff", "", 400),
    ("get", "/requests/none", "", 404),
    ("get", "/history", "", 200),
];

/// The path of the document that a request is for.
fn described<'a>(document: &'a Value, target: &str) -> &'a str {
    let path: Vec<_> = target.split('?').next().unwrap().split('/').collect();
    let matches = |pattern: &&String| {
        let parts: Vec<_> = pattern.split('/').collect();
        let mut pairs = parts.iter().zip(&path);
        parts.len() == path.len() && pairs.all(|(it, at)| it.starts_with('{') || it == at)
    };
    let mut paths = document["paths"].as_object().unwrap().keys();
    paths.find(matches).unwrap_or_else(|| panic!("{target} is not described"))
}

/// What `$ref` leads to.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(to) => document.pointer(&to[1..]).unwrap_or_else(|| panic!("{to} leads nowhere")),
        None => value,
    }
}

/// Every object may have the members that are described, and no others: the document leaves room for more,
/// so that programs do; but none that there are may be left out.
fn closed(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.contains_key("properties") {
                members.insert("additionalProperties".into(), false.into());
            }
            members.values_mut().for_each(closed);
        }
        Value::Array(values) => values.iter_mut().for_each(closed),
        _ => {}
    }
}

fn validator(document: &Value, schema: &Value) -> Validator {
    let mut whole = Map::new();
    whole.insert("components".into(), document["components"].clone());
    whole.insert("allOf".into(), json!([schema]));
    let mut whole = Value::Object(whole);
    closed(&mut whole);
    jsonschema::options().should_validate_formats(true).build(&whole).unwrap()
}

async fn call(
    admin: &Admin,
    method: &str,
    target: &str,
    lines: &str,
    body: &str,
) -> (u16, String, String) {
    let method = method.to_uppercase();
    let length = body.len();
    let request = format!(
        "{method} /api/v1{target} HTTP/1.0\r\nContent-Length: {length}\r\n{lines}\r\n{body}"
    );
    let (head, body) = admin.ask(&request).await;
    let kind = head.split("\r\ncontent-type: ").nth(1).and_then(|it| it.split("\r\n").next());
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, kind.unwrap_or_default().to_owned(), body)
}

/// Holds an answer against what is described of it.
fn check(document: &Value, operation: &Value, what: &str, answer: &(u16, String, String)) {
    let (status, kind, body) = answer;
    let described = &operation["responses"][status.to_string()];
    assert!(!described.is_null(), "{what}: {status} is not described");
    let Some(contents) = resolved(document, described).get("content") else {
        assert_eq!((kind.as_str(), body.as_str()), ("", ""), "{what}");
        return;
    };
    let schema = &contents[kind]["schema"];
    assert!(!schema.is_null(), "{what}: {kind} is not described");
    let body = if kind.ends_with("json") {
        serde_json::from_str(body).unwrap()
    } else {
        Value::from(body.as_str())
    };
    let validator = validator(document, schema);
    let wrong: Vec<_> = validator.iter_errors(&body).map(|it| it.to_string()).collect();
    assert!(wrong.is_empty(), "{what}: {wrong:#?}\n{body}");
}

#[tokio::test]
async fn every_operation_answers_as_is_described_and_nothing_else() {
    let document = document();
    let operator = Fake::new(2, 2);
    let admin = Admin::of(&operator).await;
    let mut seen = BTreeSet::new();
    for (method, target, body, status) in CALLS {
        operator.has_files.store(*body != "no files", Ordering::Relaxed);
        let large = " ".repeat(20_000);
        let body = match *body {
            "no files" => "",
            "too large" => &large,
            body => body,
        };
        let what = format!("{method} {target}");
        let path = described(&document, target);
        let operation = &document["paths"][path][*method];
        assert!(operation.is_object(), "{what} is not described");
        let answer = call(&admin, method, target, "", body).await;
        assert_eq!(answer.0, *status, "{what}: {}", answer.2);
        check(&document, operation, &what, &answer);
        seen.insert((path, *method, status.to_string()));

        let foreign = call(&admin, method, target, "Origin: https://evil.example\r\n", body).await;
        assert_eq!(foreign.0, 403, "{what}");
        check(&document, operation, &what, &foreign);
        *operator.token.lock().unwrap() = Some("right".into());
        let stranger = call(&admin, method, target, "", body).await;
        *operator.token.lock().unwrap() = None;
        assert_eq!(stranger.0, 401, "{what}");
        check(&document, operation, &what, &stranger);
        seen.extend([(path, *method, "403".to_owned()), (path, *method, "401".to_owned())]);
    }
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let Some(answers) = operation.get("responses") else { continue };
            for status in answers.as_object().unwrap().keys() {
                let described = (path.as_str(), method.as_str(), status.clone());
                assert!(seen.contains(&described), "{described:?} was not seen");
            }
        }
    }
}

#[tokio::test]
async fn every_route_is_described_with_its_methods() {
    let document = document();
    let described: BTreeSet<_> = document["paths"].as_object().unwrap().keys().collect();
    let routes = crate::api::routes();
    let routed: BTreeSet<_> = routes.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(described, routed.iter().collect());
    let admin = Admin::of(&Fake::new(1, 1)).await;
    for path in routed {
        let target =
            path.replace("{pool}", "pool-0").replace("{endpoint}", "x").replace("{id}", "x");
        for method in METHODS {
            let (status, ..) = call(&admin, method, &target, "", "").await;
            let is_described = !document["paths"][&path][method].is_null();
            assert_eq!(status != 405, is_described, "{method} {path}: {status}");
        }
    }
}

#[tokio::test]
async fn the_document_is_served_and_whole() {
    let admin = Admin::of(&Fake::new(1, 1)).await;
    let (head, body) = admin.ask("GET /api/v1/openapi.json HTTP/1.0\r\n\r\n").await;
    assert!(head.contains("content-type: application/json\r\n"), "{head}");
    assert_eq!(body, DOCUMENT);
    let document = document();
    assert_eq!(
        (&document["openapi"], &document["servers"][0]["url"]),
        (&"3.1.0".into(), &"/api/v1".into())
    );
    for (path, operations) in document["paths"].as_object().unwrap() {
        let of_path = operations.get("parameters");
        for (method, operation) in operations.as_object().unwrap() {
            if method == "parameters" {
                continue;
            }
            let own = operation.get("parameters");
            let parameters =
                [of_path, own].into_iter().flatten().flat_map(|it| it.as_array().unwrap());
            let names: BTreeSet<_> = parameters
                .map(|it| resolved(&document, it))
                .filter(|it| it["in"] == "path")
                .map(|it| it["name"].as_str().unwrap().to_owned())
                .collect();
            let named = path.split('{').skip(1).map(|it| it.split('}').next().unwrap().to_owned());
            assert_eq!(names, named.collect(), "{method} {path}");
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(jsonschema::meta::is_valid(schema), "{name}");
        validator(&document, schema);
    }
}
