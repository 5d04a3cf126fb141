//! What an editor would say: the schemas that the program prints, in somebody else's validator.

use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::Value;
use switchback_config::{File, json_schema};

/// The schema of a file.
pub(crate) fn schema(file: File) -> Value {
    serde_json::from_str(&json_schema(file)).unwrap()
}

fn validator(file: File) -> &'static Validator {
    static GATEWAY: OnceLock<Validator> = OnceLock::new();
    static POOL: OnceLock<Validator> = OnceLock::new();
    let validator = match file {
        File::Gateway => &GATEWAY,
        File::Pool => &POOL,
    };
    validator.get_or_init(|| jsonschema::validator_for(&schema(file)).unwrap())
}

/// What is wrong with a file; `None` where it is no YAML, or nothing that JSON could hold.
pub(crate) fn refusals(file: File, text: &str) -> Option<Vec<String>> {
    let value: serde_yaml::Value = serde_yaml::from_str(text).ok()?;
    let value = is_finite(&value).then(|| serde_json::to_value(&value).unwrap())?;
    let errors = validator(file).iter_errors(&value);
    Some(errors.map(|error| format!("{}: {error}", error.instance_path())).collect())
}

/// A main file and pools that run are files that an editor says nothing of.
#[track_caller]
pub(crate) fn accepts(main: &str, pools: &[(&str, &str)]) {
    let pools = pools.iter().map(|(_, text)| (File::Pool, *text));
    for (file, text) in std::iter::once((File::Gateway, main)).chain(pools) {
        let refusals = refusals(file, text).unwrap_or_default();
        assert!(refusals.is_empty(), "{file:?}: {refusals:#?}\n{text}");
    }
}

/// JSON has no word for infinity, and would make `null` of it.
fn is_finite(value: &serde_yaml::Value) -> bool {
    use serde_yaml::Value::{Mapping, Number, Sequence};
    match value {
        Number(number) => number.is_i64() || number.is_u64() || number.is_finite(),
        Sequence(list) => list.iter().all(is_finite),
        Mapping(map) => map.values().all(is_finite),
        _ => true,
    }
}
