//! What the files may hold, as near to the files as possible.
//!
//! Texts are texts here; what they mean is [`crate::resolve`]'s business, which can say more about a
//! wrong address than a deserializer can. No default stands here either: they are in
//! [`switchback_core::plan`], with their reasons.
//!
//! The rules: no key is unknown silently; mutually exclusive choices are keys of their own (`http:`
//! or `tcp:`, never `type: http`); what can be off has `enabled`; no `flatten`; no `untagged`; a text is
//! a shorthand for the common case of a mapping ([`OrTable`]), and for a list of one ([`OneOrMany`]),
//! where documented.

mod gateway;
mod health;
mod pool;
#[cfg(test)]
mod tests;
mod traffic;

pub(crate) use gateway::{Drain, Gateway, Listener, PathMatch, Redirect, Route, Share};
pub(crate) use health::{Health, HttpProbe};
pub(crate) use pool::{Endpoint, Pool, Timeouts, Tls};
pub(crate) use traffic::{Ejection, Hash, Retry, RetryBudget, SlowStart, Sticky};

use crate::decode::{Field, OneOrMany, OrTable};

/// A list with a place for each entry.
pub(crate) type List<T> = Field<Vec<Field<T>>>;
