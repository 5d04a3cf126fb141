//! What files are read against beside themselves: other files, and the time.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use switchback_core::plan::CaPlan;

use super::dates;
use super::error_pages::{self, Page};
use crate::certificate::{self, Authorities};
use crate::decode::{Field, Given};
use crate::diagnostic::{Problem, Reporter};
use crate::files::Attached;

/// What a main file and its pools are read against.
pub(crate) struct Outside<'a> {
    /// The folder that paths are relative to: the main file's, also for those in a pool's file.
    pub(crate) base: &'a Path,
    /// The other files.
    pub(crate) files: &'a Attached,
    /// The time of day, if it is known.
    pub(crate) now: Option<SystemTime>,
    /// What has come of each file of CAs: pools repeat theirs, and a system's holds hundreds.
    authorities: RefCell<HashMap<PathBuf, Result<Trusted, Problem>>>,
    /// Likewise of each error page: routes repeat theirs.
    pages: RefCell<HashMap<String, Result<Page, Problem>>>,
}

/// CAs, and what is to be said of them.
#[derive(Clone)]
struct Trusted {
    plan: Arc<CaPlan>,
    warning: Option<Problem>,
}

impl<'a> Outside<'a> {
    pub(crate) fn new(base: &'a Path, files: &'a Attached, now: Option<SystemTime>) -> Self {
        let (authorities, pages) = Default::default();
        Self { base, files, now, authorities, pages }
    }

    /// What is in a file, and its path.
    pub(super) fn read(&self, text: &str) -> Result<(PathBuf, Vec<u8>), Problem> {
        let path = self.base.join(text);
        let bytes = self.files.read(&path)?;
        Ok((path, bytes))
    }

    /// The error page in a file.
    pub(super) fn page(&self, text: &str) -> Result<Page, Problem> {
        if let Some(known) = self.pages.borrow().get(text) {
            return known.clone();
        }
        let read = error_pages::read(text, self);
        self.pages.borrow_mut().insert(text.to_owned(), read.clone());
        read
    }

    /// The CAs that a file names; what is wrong is reported.
    pub(super) fn authorities(
        &self,
        field: &Field<String>,
        reporter: &Reporter<'_>,
    ) -> Option<Arc<CaPlan>> {
        let found = field.parse(reporter, |text| {
            if let Some(known) = self.authorities.borrow().get(&self.base.join(text)) {
                return known.clone();
            }
            let read = self.read_authorities(text);
            self.authorities.borrow_mut().insert(self.base.join(text), read.clone());
            read
        });
        let Given { value: Trusted { plan, warning }, span } = found.given()?;
        if let Some(problem) = warning {
            reporter.warn(*span, problem.clone());
        }
        Some(plan.clone())
    }

    fn read_authorities(&self, text: &str) -> Result<Trusted, Problem> {
        let (file, bytes) = self.read(text)?;
        let name = file.to_string_lossy();
        let found = certificate::authorities(&bytes, &name)?;
        let warning = self.doubt(&found, &name);
        drop(name);
        Ok(Trusted { plan: Arc::new(CaPlan { file, roots: found.der }), warning })
    }

    /// The first thing that makes a CA of no use, or less than was meant.
    fn doubt(&self, found: &Authorities, name: &str) -> Option<Problem> {
        let called = |position| certificate::called(position, found.der.len(), name);
        found.known.iter().enumerate().find_map(|(position, known)| {
            let known = known.as_ref()?;
            if !known.signs {
                let message = format!("{} is no CA", called(position));
                let label = "it cannot have signed another, and another has signed it";
                return Some(Problem::new(message, label).help(
                    "write the file of the CA that signs, not of a certificate that it has signed",
                ));
            }
            let ago = self.now?.duration_since(known.not_after.time()).ok()?;
            let label = format!("on {}, {} ago", known.not_after, dates::days(ago));
            let message = format!("{} has ended", called(position));
            Some(Problem::new(message, label).help(
                "what it has signed is taken all the same, as long as that lasts: put the CA's new certificate in its place, or beside it",
            ))
        })
    }
}
