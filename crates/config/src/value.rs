//! Single values: a text or a number in, a typed value or a [`crate::diagnostic::Problem`] out.
//!
//! Each says what is wrong with *this* text, not what the grammar is: an operator who wrote `10` for
//! a duration needs to hear of units, one who wrote `web.internal:80` of DNS.

pub(crate) mod address;
pub(crate) mod duration;
pub(crate) mod field;
pub(crate) mod name;
pub(crate) mod number;
pub(crate) mod percent;
pub(crate) mod size;
pub(crate) mod status;
pub(crate) mod token;
pub(crate) mod url;
