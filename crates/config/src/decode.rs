//! The tree to the schema's types, past every mistake.
//!
//! The schema is plain `#[derive(Deserialize)]`, and so says once what the files may hold. But serde
//! stops at the first error, whichever format it reads; and an operator who mends one mistake at a
//! time, with a restart between, wants the list. So the deserializer is our own, over
//! [`crate::document`]'s tree, and every field of the schema is a [`Field`]: it takes the error of
//! its value, reports it at the value's place, and is [`Field::Bad`] from then on, which later stages
//! pass over in silence. Hence one diagnostic for each mistake: what is reported is never looked at
//! again.
//!
//! Rejected: `serde_yaml` as the deserializer, with a position index beside it. Two parsers of one
//! text disagree at its edges (YAML 1.1 against 1.2, duplicate keys, aliases), the second pass
//! would need the schema a second time to report more than one unknown key, and values of the
//! environment would have to be spliced into text. `serde_yaml` writes the effective
//! configuration ([`crate::effective`]) and is the oracle of a test: what it reads from a valid file is
//! what this reads.

mod access;
mod de;
mod described;
mod field;
mod mistake;

pub(crate) use field::{Field, Given, OneOrMany, OrTable, Pairs};

use serde::Deserialize;

use crate::diagnostic::Reporter;
use crate::document::Node;

/// Reads a whole document. What is wrong is reported.
pub(crate) fn document<'de, T: Deserialize<'de>>(
    node: &'de Node,
    reporter: &Reporter<'_>,
) -> Field<T> {
    de::document(node, reporter)
}
