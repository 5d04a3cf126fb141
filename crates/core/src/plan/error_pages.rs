//! What clients see in place of the gateway's own error answers.
//!
//! An endpoint's answers are its own, whatever their status; these pages stand for what the gateway
//! would say itself. They are read with the configuration, so that no request waits for a disk, and a page
//! that cannot be read is a mistake of the configuration and not of a request.

use std::path::PathBuf;
use std::sync::Arc;

/// Pages by status; the most specific counts. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorPages(Arc<[ErrorPage]>);

/// A page for one status or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorPage {
    /// The statuses: first and last, between 400 and 599.
    pub statuses: (u16, u16),
    /// Where it was read.
    pub path: PathBuf,
    /// Its media type.
    pub content_type: &'static str,
    /// The page. `{request_id}` and `{status}` in it are replaced.
    pub body: Arc<[u8]>,
}

impl ErrorPages {
    /// These pages.
    pub fn new(pages: Vec<ErrorPage>) -> Self {
        Self(pages.into())
    }

    /// The page for a status: of those whose range it is in, the first of the narrowest.
    pub fn of(&self, status: u16) -> Option<&ErrorPage> {
        let fits = |page: &&ErrorPage| (page.statuses.0..=page.statuses.1).contains(&status);
        self.0.iter().filter(fits).min_by_key(|page| page.statuses.1 - page.statuses.0)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &ErrorPage> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_range_counts() {
        let page = |statuses, path: &str| ErrorPage {
            statuses,
            path: path.into(),
            content_type: "text/html; charset=utf-8",
            body: Arc::from(&b""[..]),
        };
        let pages = ErrorPages::new(vec![page((500, 599), "5xx"), page((503, 503), "503")]);
        let of = |status| pages.of(status).map(|page| page.path.display().to_string());
        assert_eq!(of(503).as_deref(), Some("503"));
        assert_eq!(of(502).as_deref(), Some("5xx"));
        assert_eq!(of(404), None);
    }
}
