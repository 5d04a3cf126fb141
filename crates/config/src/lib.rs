//! YAML text to a validated [`Plan`], or the full list of diagnostics.
//!
//! The way: [`mod@files`] reads texts, with bounds; [`document`] makes a tree of each, in which every
//! thing knows its place, and expands variables; [`decode`] fills the [`schema`] from the tree;
//! [`resolve`] makes the plan of it. Each stage goes on past what is wrong, reports it where it
//! stands, and marks it, and no later stage looks at a marked thing again. So all diagnostics come
//! at once, and one mistake gives one diagnostic.
//!
//! There is one reading of the text and one statement of the schema. Why serde's derive, but not
//! `serde_yaml`'s deserializer, is argued in [`decode`]. The way back, from the plan to files with every
//! default filled in, is [`effective`]; what differs between two such configurations, in words, [`diff`].
//!
//! Nothing is read that is not an argument: the environment is one ([`Environment`]), the time
//! included, and [`parse_str`] does not even touch the file system.

mod certificate;
mod decode;
mod diagnostic;
pub mod diff;
mod document;
mod effective;
mod environment;
mod files;
mod resolve;
mod schema;
mod source;
mod sources;
mod suggest;
mod value;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use switchback_core::PoolIndex;
use switchback_core::plan::{Plan, RetryPolicy};

pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use environment::{At, Environment, ProcessEnvironment};
pub use schema::{File, json_schema};
pub use sources::{Fingerprint, Search, Sources};

use decode::Field;
use diagnostic::{Problem, Report, Reporter};
use effective::Secrets;
use files::{Attached, Found};
use resolve::{Catalog, Context, Outside, Written};
use schema::Gateway;
use source::Source;

/// The largest file that is read: 4 MiB.
pub const MAX_FILE_BYTES: usize = 4 * 1024 * 1024;

/// A configuration that can be run.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What to run.
    pub plan: Plan,
    /// What will surprise in operation; often empty.
    pub warnings: Diagnostics,
    /// Every file that was read: the main file, the pools in the order of the plan, CAs, certificates,
    /// keys and error pages.
    pub files: Vec<PathBuf>,
    /// What a reload watches; nothing where texts were read.
    pub sources: Sources,
    /// Of each pool, what routes to it inherit. The plan has it where it takes effect: in the routes.
    pub(crate) inherited: Vec<RetryPolicy>,
}

impl Loaded {
    /// The effective configuration: every default filled in, as a stream of YAML documents, one for
    /// the main file and each pool under a comment with its name. Each, written over its file, loads to
    /// this same plan.
    pub fn effective(&self) -> String {
        effective::text(self, Secrets::Shown)
    }

    /// [`Self::effective`] to be shown: in place of each secret stands a fingerprint, `sha256:` and four
    /// hexadecimal digits, which is the same wherever the secret is. It can be compared by [`diff::diff`],
    /// and not be loaded. Of a secret it tells 16 bits, which confirm no guess.
    pub fn effective_redacted(&self) -> String {
        effective::text(self, Secrets::Fingerprints)
    }
}

/// A configuration that cannot be run.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Why: at least one error.
    pub diagnostics: Diagnostics,
    /// What was read or looked for until then: whatever mends it changes one of these, or the environment.
    pub sources: Sources,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.diagnostics.fmt(f)
    }
}

impl std::error::Error for Refused {}

/// A pool's file; without a text where that could not be read, which has been reported.
#[derive(Debug)]
pub(crate) struct PoolFile {
    pub(crate) name: Arc<str>,
    pub(crate) path: PathBuf,
    pub(crate) source: Option<Source>,
}

/// Loads a main file and the pools that it names.
///
/// Paths in it, and in the pools' files, are relative to its folder, and diagnostics show them so joined.
///
/// # Errors
///
/// Every diagnostic, warnings included, if one of them is an error.
pub fn load(path: &Path, environment: &dyn Environment) -> Result<Loaded, Refused> {
    let report = Report::default();
    let mut sources = Sources::default();
    let Some(main) = files::read(path, &report, 0, &mut sources) else {
        return Err(Refused { diagnostics: report.finish(), sources });
    };
    let base = path.parent().unwrap_or(Path::new(""));
    let attached = Attached::on_disk();
    let assembled =
        assemble(report, &main, base, environment, &attached, |gateway, reporter, report| {
            files::pools(&gateway.pools, base, reporter, report, &mut sources)
        });
    sources.join(attached.into_sources());
    match assembled {
        Ok(loaded) => Ok(Loaded { sources, ..loaded }),
        Err(diagnostics) => Err(Refused { diagnostics, sources }),
    }
}

/// Reads a main file and pools from texts; nothing but the arguments is read.
///
/// `main` is `(path, text)`, each of `pools` is `(path, text)` with the pool's name as the file's
/// stem. The key `pools` is required as ever, but what it says is not looked at. The paths name the
/// files in diagnostics. Other files, as certificates, are not found.
///
/// ```
/// let main = "listeners: [ 0.0.0.0:8080 ]\npools: pools/*.yaml\nroutes: [ { pool: webb } ]\n";
/// let pools = [("pools/web.yaml", "endpoints: [ 10.0.1.11:8080 ]\n")];
/// let unset = |_: &str| None;
/// let diagnostics = switchback_config::parse_str(("switchback.yaml", main), &pools, &unset)
///     .expect_err("there is no such pool");
/// assert_eq!(
///     diagnostics.to_string(),
///     "error: unknown pool `webb`
///  --> switchback.yaml:3:19
///   |
/// 3 | routes: [ { pool: webb } ]
///   |                   ^^^^ there is no pools/webb.yaml; did you mean `web`?
///
/// 1 error"
/// );
/// ```
///
/// # Errors
///
/// Every diagnostic, warnings included, if one of them is an error.
pub fn parse_str(
    main: (&str, &str),
    pools: &[(&str, &str)],
    environment: &dyn Environment,
) -> Result<Loaded, Diagnostics> {
    let report = Report::default();
    let main = Source::new(main.0.into(), main.1);
    let base = main.path().parent().unwrap_or(Path::new(""));
    assemble(report, &main, base, environment, &Attached::none(), |_, _, _| {
        let pools = pools.iter().map(|(path, text)| {
            let path = PathBuf::from(path);
            let stem = path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
            PoolFile { name: stem.into(), source: Some(Source::new(path.clone(), text)), path }
        });
        let place = base.join("pools/*.yaml").to_string_lossy().into_owned();
        Found { pools: pools.collect(), complete: true, place: Some(place) }
    })
}

fn assemble(
    report: Report,
    main: &Source,
    base: &Path,
    environment: &dyn Environment,
    attached: &Attached,
    find: impl FnOnce(&Gateway, &Reporter<'_>, &Report) -> Found,
) -> Result<Loaded, Diagnostics> {
    let plan = plan(&report, main, base, environment, attached, find);
    let is_good = report.errors() == 0;
    match plan {
        Some((plan, inherited, files)) if is_good => {
            let sources = Sources::default();
            Ok(Loaded { plan, warnings: report.finish(), files, sources, inherited })
        }
        _ => Err(report.finish()),
    }
}

fn plan(
    report: &Report,
    main: &Source,
    base: &Path,
    environment: &dyn Environment,
    attached: &Attached,
    find: impl FnOnce(&Gateway, &Reporter<'_>, &Report) -> Found,
) -> Option<(Plan, Vec<RetryPolicy>, Vec<PathBuf>)> {
    let reporter = report.of(main, 0);
    let node = document::read(&reporter, environment)?;
    let Field::Given(gateway) = decode::document::<Gateway>(&node, &reporter) else {
        return None;
    };
    if gateway.value.pools.is_missing() {
        let problem = Problem::new("there are no `pools`", "the key is missing in this file");
        reporter.error(
            gateway.span,
            problem.help("write `pools: pools/*.yaml`, and one file for each pool"),
        );
    }
    let Found { pools, complete, place } = find(&gateway.value, &reporter, report);
    let zone = resolve::zone(&gateway.value, &reporter);
    let outside = Outside::new(base, attached, environment.now());
    let resolved = pools.iter().enumerate().map(|(position, file)| {
        let empty = Source::new(file.path.clone(), "");
        let reporter = report.of(file.source.as_ref().unwrap_or(&empty), position + 1);
        let node = file.source.as_ref().and_then(|_| document::read(&reporter, environment));
        let schema = node.map_or(Field::Bad, |node| decode::document(&node, &reporter));
        resolve::pool(file.name.clone(), &schema, &zone, &outside, &reporter)
    });
    let resolved: Vec<_> = resolved.collect();
    let places: Vec<_> = resolved.iter().map(|pool| pool.places.clone()).collect();
    let inherited = resolved.iter().map(|pool| pool.retry.clone()).collect();
    let positions =
        pools.iter().zip(0..).map(|(file, at)| (file.name.clone(), PoolIndex(at))).collect();
    let catalog =
        Catalog { positions, complete: complete && !gateway.value.pools.is_missing(), place };
    let context =
        Context { outside: &outside, catalog: &catalog, zone: &zone, reporter: &reporter };
    let plan = resolve::plan(&gateway, resolved, &context);
    if report.errors() == 0 {
        // Without an error, every file has a text.
        let written = pools.iter().zip(places).zip(1..).filter_map(|((file, places), order)| {
            let reporter = report.of(file.source.as_ref()?, order);
            Some(Written { name: file.name.clone(), places, reporter })
        });
        resolve::warn(&plan, &written.collect::<Vec<_>>());
    }
    let files = std::iter::once(main.path()).chain(pools.iter().map(|file| file.path.as_path()));
    let files = files.map(Path::to_owned).chain(attached.paths());
    Some((plan, inherited, files.collect()))
}
