//! `error_pages`, of the main file and of routes: the files are read here, each once.
//!
//! For a status the page of the narrowest range counts. So two of one mapping that are equally wide and
//! overlap are refused: nothing could choose between them but their order, which means nothing elsewhere. Of a
//! route's and the gateway's, the route's goes before the gateway's where they are equally wide, and what of the
//! gateway's can so never count is left out of the route.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use switchback_core::plan::{ErrorPage, ErrorPages};

use super::Outside;
use crate::decode::{Field, Given, Pairs};
use crate::diagnostic::{Problem, Reporter, quote};
use crate::source::Span;
use crate::value::status;

/// The largest page: it is held in memory, and sent to every client while things are bad.
const LARGEST: usize = 64 * 1024;

/// What a page can be, by the ending of its name.
const TYPES: &[(&str, &str)] = &[
    ("html", "text/html; charset=utf-8"),
    ("htm", "text/html; charset=utf-8"),
    ("txt", "text/plain; charset=utf-8"),
    ("json", "application/json"),
];

/// A page as it was read, for whatever statuses.
#[derive(Clone)]
pub(super) struct Page {
    path: PathBuf,
    content_type: &'static str,
    body: Arc<[u8]>,
}

/// The pages of one mapping, in its order; what is wrong is reported.
pub(super) fn error_pages(
    field: &Field<Pairs<String>>,
    outside: &Outside<'_>,
    reporter: &Reporter<'_>,
) -> Vec<ErrorPage> {
    let pairs = field.value().map(|pairs| pairs.0.as_slice()).unwrap_or_default();
    let mut known: Vec<((u16, u16), Span)> = Vec::new();
    let mut pages = Vec::new();
    for (statuses, file) in pairs {
        let statuses = statuses.parse(reporter, |text| status::failures(text));
        if let Some(Given { value: range, span }) = statuses.given() {
            if let Some((other, first)) = known.iter().find(|(other, _)| is_like(*other, *range)) {
                reporter.error(*span, twice(*range, *other, *first));
                continue;
            }
            known.push((*range, *span));
        }
        let page = file.parse(reporter, |text| outside.page(text));
        if let (Some(statuses), Some(page)) = (statuses.value(), page.value()) {
            let Page { path, content_type, body } = page.clone();
            pages.push(ErrorPage { statuses: *statuses, path, content_type, body });
        }
    }
    pages
}

/// Whether two ranges share a status and neither is the narrower one.
fn is_like(one: (u16, u16), other: (u16, u16)) -> bool {
    let width = |(low, high): (u16, u16)| high - low;
    width(one) == width(other) && one.0 <= other.1 && other.0 <= one.1
}

fn twice(range: (u16, u16), other: (u16, u16), first: Span) -> Problem {
    let (shown, other_shown) = (status::display(range), status::display(other));
    if range == other {
        return Problem::new(format!("two pages for `{shown}`"), "again here")
            .related(first, "first here")
            .help("keep one of the two");
    }
    let message = format!("`{shown}` and `{other_shown}` overlap, and are equally wide");
    Problem::new(message, "nothing chooses between this one")
        .related(first, "and that one")
        .help("make one of them narrower: the page with the narrowest range counts")
}

/// A route's pages, and behind them the gateway's.
pub(super) fn before_gateways(mut own: Vec<ErrorPage>, gateway: &ErrorPages) -> ErrorPages {
    // What says the same as the gateway's is the gateway's: so it is told once.
    own.retain(|page| gateway.iter().all(|other| other != page));
    if own.is_empty() {
        return gateway.clone();
    }
    let counts = |page: &&ErrorPage| own.iter().all(|own| own.statuses != page.statuses);
    let behind: Vec<_> = gateway.iter().filter(counts).cloned().collect();
    own.extend(behind);
    ErrorPages::new(own)
}

/// Reads a page.
pub(super) fn read(text: &str, outside: &Outside<'_>) -> Result<Page, Problem> {
    let ending = Path::new(text).extension().and_then(|ending| ending.to_str());
    let ending = ending.unwrap_or_default().to_ascii_lowercase();
    let Some((_, content_type)) = TYPES.iter().find(|(known, _)| *known == ending) else {
        let label = "the ending of its name is none of a page's";
        return Err(Problem::new(format!("{} is no error page", quote(text)), label)
            .help("name a file that ends in `.html`, `.htm`, `.txt` or `.json`"));
    };
    let (path, bytes) = outside.read(text)?;
    let name = path.to_string_lossy();
    if bytes.len() > LARGEST {
        let label = format!("it has {} KiB", bytes.len().div_ceil(1024));
        return Err(Problem::new(format!("{name} is larger than 64 KiB"), label)
            .help("let it be small: it is sent to everybody while things are bad"));
    }
    if let Err(error) = std::str::from_utf8(&bytes) {
        let label = format!("byte {} begins no character", error.valid_up_to() + 1);
        return Err(Problem::new(format!("{name} is not UTF-8"), label)
            .help("save the file as UTF-8; `iconv -f latin1 -t utf-8` converts most others"));
    }
    drop(name);
    Ok(Page { path, content_type, body: bytes.into() })
}
