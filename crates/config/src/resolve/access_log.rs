//! `access_log` to an [`AccessLogPlan`].

use switchback_core::plan::{
    AccessLogPlan, BadTemplate, LogField, LogFormat, LogSink, LogTemplate,
};

use super::gateway::Context;
use crate::decode::{Field, OrTable};
use crate::diagnostic::{Problem, Reporter, quote};
use crate::schema::{self, Gateway};
use crate::suggest;

/// What `access_log` can be, beside a mapping.
pub(crate) const ACCESS_LOGS: &[(&str, LogSink)] =
    &[("stdout", LogSink::Stdout), ("off", LogSink::Off)];
/// What `format` can be, beside a mapping.
pub(crate) const LOG_FORMATS: &[(&str, LogFormat)] =
    &[("json", LogFormat::Json), ("combined", LogFormat::Combined)];

const TEMPLATE: &str = "{client} {method} {path} {status}";

/// The access log; what is wrong is reported.
pub(super) fn access_log(file: &Gateway, context: &Context<'_>) -> AccessLogPlan {
    let reporter = context.reporter;
    let default = AccessLogPlan::default();
    match file.access_log.value() {
        None => default,
        Some(OrTable::Text(text)) => {
            let to = file.access_log.parse(reporter, |_| word(text)).or(default.to);
            AccessLogPlan { to, ..default }
        }
        Some(OrTable::Table(table)) => {
            let to = table.file.parse(reporter, |path| match path.as_str() {
                "" => Err(Problem::new("the path of the access log is empty", "a file is wanted")),
                path => Ok(LogSink::File(context.outside.base.join(path))),
            });
            let format = format(&table.format, reporter).or(default.format);
            AccessLogPlan { to: to.or(default.to), format }
        }
    }
}

fn word(text: &str) -> Result<LogSink, Problem> {
    let unknown = |label: String, help: String| {
        Err(Problem::new(format!("unknown `access_log` {}", quote(text)), label).help(help))
    };
    if let Some((_, sink)) = ACCESS_LOGS.iter().find(|(word, _)| *word == text) {
        return Ok(sink.clone());
    }
    if LOG_FORMATS.iter().any(|(word, _)| *word == text) {
        let help = format!("write `access_log: {{ format: {text} }}`");
        return unknown("this is a format".to_owned(), help);
    }
    unknown(near(text, ACCESS_LOGS), "write `stdout`, `off`, or `{ file: PATH }`".to_owned())
}

fn format(field: &Field<OrTable<schema::LogFormat>>, reporter: &Reporter<'_>) -> Field<LogFormat> {
    match field.value() {
        Some(OrTable::Table(table)) if !table.template.is_missing() => {
            table.template.parse(reporter, |text| template(text).map(LogFormat::Template))
        }
        _ => field.parse(reporter, |format| match format {
            OrTable::Table(_) => {
                let message = "`format` has no `template`";
                Err(Problem::new(message, "the key is missing here")
                    .help(format!("write `format: {{ template: '{TEMPLATE}' }}`")))
            }
            OrTable::Text(text) if text.contains('{') => {
                let message = format!("unknown `format` {}", quote(text));
                let help = "write `format: { template: '…' }`";
                Err(Problem::new(message, "this may be meant as a template").help(help))
            }
            OrTable::Text(text) => match LOG_FORMATS.iter().find(|(word, _)| word == text) {
                Some((_, format)) => Ok(format.clone()),
                None => {
                    let message = format!("unknown `format` {}", quote(text));
                    Err(Problem::new(message, near(text, LOG_FORMATS)).help(format!(
                        "write `json`, `combined`, or `{{ template: '{TEMPLATE}' }}`"
                    )))
                }
            },
        }),
    }
}

fn near<T>(text: &str, words: &[(&str, T)]) -> String {
    match suggest::nearest(text, words.iter().map(|(word, _)| *word)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "not one of the choices".to_owned(),
    }
}

fn template(text: &str) -> Result<LogTemplate, Problem> {
    LogTemplate::parse(text).map_err(|bad| {
        let message = format!("{} is no template", quote(text));
        match &bad {
            BadTemplate::Unknown(name) => {
                let names: Vec<_> = LogField::ALL.iter().map(|(_, name, _)| *name).collect();
                let near = suggest::did_you_mean(suggest::nearest(name, names.iter().copied()));
                let help = format!("there are {}", suggest::listed(&names, "and"));
                Problem::new(message, format!("{bad}{near}")).help(help)
            }
            BadTemplate::Unbalanced => Problem::new(message, "a brace has no partner")
                .help("a field stands in braces, `{client}`; for the brace itself, write it twice"),
            BadTemplate::Control => {
                Problem::new(message, "a line break, a tab or another control character is in it")
                    .help("one request is one line, and its end is written by itself")
            }
            BadTemplate::NoField => {
                Problem::new(message, "it names no field, so every line would be the same")
                    .help(format!("write for example `{TEMPLATE}`"))
            }
        }
    })
}
