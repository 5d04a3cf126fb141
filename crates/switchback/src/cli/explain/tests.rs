//! Who is asked, and what is said where nothing is known.

use super::super::admin::tests::{Canned, problem};
use super::*;

#[test]
fn what_the_gateway_remembers_is_told_and_printed_as_it_is() {
    let line = r#"{"id":"01J/x","method":"GET","path":"/","status":200,"attempts":[]}"#;
    let canned = Canned::having(&[("/api/v1/requests/01J%2Fx", (200, line.to_owned()))]);
    let Ok(Found::Record(value)) = remembered(&canned.gateway, "01J/x") else { panic!("nothing") };
    let told = told(value.clone()).unwrap();
    assert_eq!(told.json, value);
    assert!(told.text.starts_with("GET /\nrequest 01J/x"), "{}", told.text);
}

#[test]
fn what_it_does_not_remember_is_in_the_log() {
    let canned = Canned::having(&[]);
    let Ok(Found::Nothing(why)) = remembered(&canned.gateway, "01JX") else { panic!("something") };
    assert!(why.contains("it does not remember a request 01JX"), "{why}");
    assert!(why.ends_with("\n  switchback explain 01JX --log FILE"), "{why}");
    let canned = Canned::having(&[("/api/v1/requests/01JX", problem(500, "a bug"))]);
    assert!(remembered(&canned.gateway, "01JX").is_err());
}
