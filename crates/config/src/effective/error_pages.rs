//! Error pages: their files, and what is in them.
//!
//! As of certificates, what was found is told only where the text is shown and compared, so that another
//! page under the same name is a change.

use std::path::Path;

use ring::digest;
use serde_yaml::{Mapping, Value};
use switchback_core::plan::{ErrorPage, ErrorPages};

use super::{Secrets, relative};
use crate::value::status;

/// `error_pages`, of the pages that are not `others` already: a route has those of the gateway behind its own.
pub(super) fn error_pages(
    pages: &ErrorPages,
    others: &ErrorPages,
    base: &Path,
    secrets: Secrets,
) -> Mapping {
    let own = pages.iter().filter(|page| others.iter().all(|other| other != *page));
    own.map(|page| (status::display(page.statuses).into(), shown(page, base, secrets))).collect()
}

fn shown(page: &ErrorPage, base: &Path, secrets: Secrets) -> Value {
    let file: Value = relative(&page.path, base).into();
    if secrets == Secrets::Shown {
        return file;
    }
    let digest = digest::digest(&digest::SHA256, &page.body);
    let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Value::Mapping(
        [("file".into(), file), ("fingerprint".into(), digest.into())].into_iter().collect(),
    )
}
