//! What the files may hold, as near to the files as possible.
//!
//! Texts are texts here; what they mean is [`crate::resolve`]'s business, which can say more about a
//! wrong address than a deserializer can. Defaults take effect in [`switchback_core::plan`], too; here
//! they are told, and a test compares the two.
//!
//! Each field says all that there is to say of its key: what it means and why its default is what it is
//! in its doc comment, its [`kind`], default and example in `#[schemars(…)]`. The JSON Schema
//! ([`json_schema`]) and the tables of the reference are made from that, and from nothing else.
//!
//! The rules: no key is unknown silently; mutually exclusive choices are keys of their own (`http:`
//! or `tcp:`, never `type: http`); what can be off has `enabled`; no `flatten`; no `untagged`; a text is
//! a shorthand for the common case of a mapping ([`OrTable`]), and for a list of one ([`OneOrMany`]),
//! where documented; keys are ours, but for those of [`Pairs`].

mod gateway;
mod health;
mod inherited;
mod json;
pub(crate) mod kind;
mod limits;
mod listener;
mod observe;
mod pool;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
mod traffic;

pub use json::{File, json_schema};

pub(crate) use gateway::{Drain, Gateway, PathMatch, Redirect, Route, Share};
pub(crate) use health::{Health, HttpProbe};
pub(crate) use limits::Limits;
pub(crate) use listener::{Certificate, ClientCertificates, Listener, ListenerTls};
pub(crate) use observe::{AccessLog, Admin, LogFormat, Tracing};
pub(crate) use pool::{Endpoint, Pool, Timeouts, Tls};
pub(crate) use traffic::{Ejection, Hash, Retry, RetryBudget, SlowStart, Sticky};

use crate::decode::{Field, OneOrMany, OrTable, Pairs};
use inherited::Inherited;

/// A list with a place for each entry.
pub(crate) type List<T> = Field<Vec<Field<T>>>;
