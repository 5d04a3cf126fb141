//! The files for operators: `conf/monitoring`, read as Prometheus and Grafana read them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;
use switchback_telemetry::metrics::{MetricInfo, MetricKind, catalogue};

use super::expressions::{Asked, asked, labels_of_legend};

pub(crate) fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// An expression, and where it stands.
#[derive(Debug)]
pub(crate) struct Expression {
    pub(crate) place: String,
    pub(crate) text: String,
    pub(crate) asked: Asked,
    /// The labels that it is shown with.
    shown: BTreeSet<String>,
}

impl Expression {
    fn new<'a>(place: &str, text: &str, shown: impl Iterator<Item = &'a str>) -> Self {
        let shown = shown.map(str::to_owned).collect();
        Self { place: place.to_owned(), text: text.to_owned(), asked: asked(text), shown }
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key}: {value}"))
}

/// The alert rules.
pub(crate) fn alerts() -> Vec<Value> {
    let file: Value = serde_yaml::from_str(&read("conf/monitoring/alerts.yaml")).expect("YAML");
    let groups = file["groups"].as_array().expect("groups").iter();
    groups.flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect()
}

/// Their expressions.
pub(crate) fn of_alerts() -> Vec<Expression> {
    let labels = |annotation: &Value| -> Vec<String> {
        let text = annotation.as_str().expect("a text");
        let labels = text.split("$labels.").skip(1);
        labels.map(|rest| rest.split([' ', '}']).next().unwrap_or_default().to_owned()).collect()
    };
    let expression = |rule: Value| {
        let annotations = rule["annotations"].as_object().expect("annotations").values();
        let shown: Vec<String> = annotations.flat_map(labels).collect();
        let shown = shown.iter().map(String::as_str);
        Expression::new(text(&rule, "alert"), text(&rule, "expr"), shown)
    };
    alerts().into_iter().map(expression).collect()
}

fn dashboard() -> Value {
    serde_json::from_str(&read("conf/monitoring/grafana.json")).expect("JSON")
}

fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    let panels = dashboard["panels"].as_array().expect("panels");
    panels.iter().filter(|panel| panel["type"] != "row")
}

/// The expressions of the dashboard.
pub(crate) fn of_dashboard() -> Vec<Expression> {
    let dashboard = dashboard();
    let of_panel = |panel: &Value| -> Vec<Expression> {
        let targets = panel["targets"].as_array().expect("targets").iter();
        targets
            .map(|target| {
                let shown = labels_of_legend(text(target, "legendFormat"));
                Expression::new(text(panel, "title"), text(target, "expr"), shown)
            })
            .collect()
    };
    panels(&dashboard).flat_map(of_panel).collect()
}

/// What its variables ask for: metric, and the label of which the values are wanted.
fn of_variables() -> Vec<Expression> {
    let dashboard = dashboard();
    let variables = dashboard["templating"]["list"].as_array().expect("a list").iter();
    variables
        .filter(|variable| variable["type"] == "query")
        .map(|variable| {
            let query = text(variable, "definition").strip_prefix("label_values(");
            let query = query.and_then(|query| query.strip_suffix(')')).expect("label_values");
            let (metric, label) = query.rsplit_once(',').expect("metric and label");
            Expression::new(text(variable, "name"), metric, std::iter::once(label.trim()))
        })
        .collect()
}

/// The metric of this name in an expression, and whether it is its buckets.
fn known(name: &str) -> Option<(&'static MetricInfo, bool)> {
    catalogue().iter().find_map(|metric| match metric.kind {
        MetricKind::Histogram => {
            let suffix = name.strip_prefix(metric.name)?;
            let found = ["_bucket", "_sum", "_count"].contains(&suffix);
            found.then_some((metric, suffix == "_bucket"))
        }
        _ => (metric.name == name).then_some((metric, false)),
    })
}

#[test]
fn the_files_name_only_metrics_and_labels_that_there_are() {
    for expression in [of_alerts(), of_dashboard(), of_variables()].into_iter().flatten() {
        let Expression { place, text, asked, shown } = &expression;
        let mut labels = BTreeSet::from(["job", "instance"]);
        for selector in &asked.selectors {
            let mut own = BTreeSet::from(["job", "instance"]);
            if selector.name != "up" {
                let (metric, buckets) = known(&selector.name)
                    .unwrap_or_else(|| panic!("{place}: no metric {}: {text}", selector.name));
                own.extend(metric.labels);
                own.extend(buckets.then_some("le"));
            }
            for matcher in &selector.matchers {
                let label = matcher.label.as_str();
                assert!(own.contains(label), "{place}: {} has no {label}", selector.name);
            }
            labels.extend(own);
        }
        assert!(!asked.selectors.is_empty(), "{place}: {text}");
        // What is grouped by is all that is left of the labels.
        let grouped: BTreeSet<&str> = asked.groups.iter().map(String::as_str).collect();
        assert!(grouped.is_subset(&labels), "{place}: {grouped:?} of {labels:?}");
        let left = if text.contains(" by (") { &grouped } else { &labels };
        let shown: BTreeSet<&str> = shown.iter().map(String::as_str).collect();
        assert!(shown.is_subset(left), "{place}: {shown:?} of {left:?}");
    }
}

#[test]
fn every_metric_is_on_the_dashboard() {
    let expressions = of_dashboard();
    let selectors = expressions.iter().flat_map(|expression| &expression.asked.selectors);
    let shown: BTreeSet<_> = selectors.filter_map(|it| Some(known(&it.name)?.0.name)).collect();
    let missing = catalogue().iter().map(|metric| metric.name).filter(|it| !shown.contains(it));
    assert_eq!(missing.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn the_dashboard_leaves_the_source_of_its_data_open_and_explains_each_panel() {
    let dashboard = dashboard();
    let variables = dashboard["templating"]["list"].as_array().expect("a list");
    let names: Vec<_> = variables.iter().map(|variable| text(variable, "name")).collect();
    assert_eq!(names, ["datasource", "job", "instance", "route", "class", "pool", "endpoint"]);
    let mut ids = BTreeSet::new();
    for panel in panels(&dashboard) {
        let title = text(panel, "title");
        assert!(ids.insert(panel["id"].as_u64()), "{title}: its id is another's");
        assert!(text(panel, "description").ends_with('.'), "{title}");
        let targets = panel["targets"].as_array().expect("targets").iter();
        for source in targets.map(|target| &target["datasource"]).chain([&panel["datasource"]]) {
            assert_eq!(text(source, "uid"), "${datasource}", "{title}");
        }
    }
}

#[test]
fn every_alert_says_what_to_do_and_is_tested() {
    let tests = read("tests/prometheus/alerts_test.yaml");
    let tests: Value = serde_yaml::from_str(&tests).expect("YAML");
    let met = tests["tests"].as_array().expect("tests").iter();
    let met = met.flat_map(|test| test["alert_rule_test"].as_array().expect("alerts"));
    let met = met.filter(|alert| alert.get("exp_alerts").is_some());
    let met: BTreeSet<&str> = met.map(|alert| text(alert, "alertname")).collect();
    let alerts = alerts();
    let names: BTreeSet<&str> = alerts.iter().map(|alert| text(alert, "alert")).collect();
    assert_eq!(names.len(), alerts.len());
    assert_eq!(met, names);
    for alert in &alerts {
        let name = text(alert, "alert");
        let severity = text(&alert["labels"], "severity");
        assert!(["warning", "critical"].contains(&severity), "{name}: {severity}");
        assert!(text(&alert["annotations"], "summary").contains("$labels.instance"), "{name}");
        assert!(text(&alert["annotations"], "description").ends_with('.'), "{name}");
    }
}
