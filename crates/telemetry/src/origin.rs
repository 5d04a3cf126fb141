//! Whose doing a failure was: the one word that the access log and the metrics share.

use std::fmt;

/// Who made the failure that the client saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The gateway answered, or cut off, by its own decision.
    Gateway,
    /// The endpoint's own answer was passed on.
    Endpoint,
    /// The client went away, sent what cannot be answered otherwise, or asked for what no route is for.
    Client,
}

impl Origin {
    /// Every origin, in the order in which they are exposed.
    pub const ALL: [Self; 3] = [Self::Gateway, Self::Endpoint, Self::Client];

    /// The stable name, used as a label value and in the access log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Endpoint => "endpoint",
            Self::Client => "client",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
