//! Values that cannot be wrong.

/// An endpoint's share of its pool's requests, relative to the others': 1 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Weight(u16);

impl Weight {
    /// The share of an endpoint that names none.
    pub const ONE: Self = Self(1);
    /// The largest share.
    pub const MAX: u16 = 1000;

    /// `None` unless `weight` is between 1 and [`Self::MAX`].
    pub fn new(weight: u16) -> Option<Self> {
        (1..=Self::MAX).contains(&weight).then_some(Self(weight))
    }

    /// The number.
    pub fn value(self) -> u16 {
        self.0
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self::ONE
    }
}

/// A ratio in per mille: 0 to 10,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ratio(pub(super) u16);

impl Ratio {
    /// The largest.
    pub const MAX_PER_MILLE: u16 = 10_000;

    /// `None` above [`Self::MAX_PER_MILLE`].
    pub const fn per_mille(value: u16) -> Option<Self> {
        if value <= Self::MAX_PER_MILLE { Some(Self(value)) } else { None }
    }

    /// The number, in per mille.
    pub const fn value(self) -> u16 {
        self.0
    }

    /// So much of `whole`, rounded down.
    pub fn of(self, whole: u64) -> u64 {
        let part = u128::from(whole) * u128::from(self.0) / 1000;
        u64::try_from(part).unwrap_or(u64::MAX)
    }

    /// As a factor.
    pub fn factor(self) -> f64 {
        f64::from(self.0) / 1000.0
    }
}

/// A text that is not to be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(std::sync::Arc<str>);

impl Secret {
    /// This text.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The text, for whoever needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A set of HTTP status codes between 100 and 599.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusSet {
    pub(super) ranges: Vec<(u16, u16)>,
}

impl StatusSet {
    /// The set of these inclusive ranges; `None` if one is reversed or leaves 100–599, or if there
    /// is none.
    pub fn from_ranges(ranges: &[(u16, u16)]) -> Option<Self> {
        let valid = |&(low, high): &(u16, u16)| low <= high && low >= 100 && high <= 599;
        (!ranges.is_empty() && ranges.iter().all(valid)).then(|| Self { ranges: ranges.to_vec() })
    }

    /// The inclusive ranges, as they were given.
    pub fn ranges(&self) -> &[(u16, u16)] {
        &self.ranges
    }

    /// Whether `status` is in the set.
    pub fn contains(&self, status: u16) -> bool {
        self.ranges.iter().any(|&(low, high)| (low..=high).contains(&status))
    }
}

impl std::fmt::Display for StatusSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (position, (low, high)) in self.ranges.iter().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            if low == high {
                write!(f, "{comma}{low}")?;
            } else {
                write!(f, "{comma}{low}-{high}")?;
            }
        }
        Ok(())
    }
}
