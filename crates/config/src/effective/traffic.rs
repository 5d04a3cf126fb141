//! What a pool does with its requests, under the keys of [`crate::schema::Pool`].

use serde::Serialize;
use switchback_core::plan::{
    Balance, EjectionPlan, HashKey, HashPlan, RetryBudget as BudgetPlan, SameSite, Secure,
    SlowStart as SlowStartPlan, StickyPlan,
};

use super::{statuses, value};
use crate::value::{duration, percent};

#[derive(Debug, Serialize)]
pub(super) struct Hash {
    key: String,
    bounded_load: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Sticky {
    cookie: String,
    secret: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<String>,
    secure: &'static str,
    same_site: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum SlowStart {
    Off { enabled: bool },
    On { enabled: bool, duration: String, from: String },
}

#[derive(Debug, Serialize)]
pub(super) struct Ejection {
    enabled: bool,
    consecutive: u32,
    statuses: Vec<String>,
    window: String,
    min_requests: u32,
    tolerance: String,
    time: String,
    max_time: String,
    max_ejected: String,
    probation: u32,
}

#[derive(Debug, Serialize)]
pub(super) struct RetryBudget {
    ratio: String,
    floor: u32,
}

pub(super) fn balance(balance: Balance) -> &'static str {
    match balance {
        Balance::PeakEwma => "peak_ewma",
        Balance::LeastRequests => "least_requests",
        Balance::RoundRobin => "round_robin",
        Balance::Random => "random",
        Balance::RingHash => "ring_hash",
        Balance::Maglev => "maglev",
    }
}

pub(super) fn hash(plan: &HashPlan) -> Hash {
    let key = match &plan.key {
        HashKey::Client => "client".to_owned(),
        HashKey::Path => "path".to_owned(),
        HashKey::Query => "query".to_owned(),
        HashKey::Header(name) => format!("header:{name}"),
        HashKey::Cookie(name) => format!("cookie:{name}"),
    };
    let bounded_load = plan.bounded_load.map_or("off".to_owned(), percent::display);
    Hash { key: value(&key), bounded_load }
}

/// With its secret: without it, the file would not load.
pub(super) fn sticky(plan: &StickyPlan) -> Sticky {
    Sticky {
        cookie: value(&plan.cookie),
        secret: value(&plan.secret),
        max_age: plan.max_age.map(duration::display),
        secure: match plan.secure {
            Secure::Auto => "auto",
            Secure::Always => "always",
            Secure::Never => "never",
        },
        same_site: match plan.same_site {
            SameSite::Lax => "lax",
            SameSite::Strict => "strict",
            SameSite::None => "none",
        },
    }
}

pub(super) fn slow_start(plan: SlowStartPlan) -> SlowStart {
    if plan.duration.is_zero() {
        return SlowStart::Off { enabled: false };
    }
    SlowStart::On {
        enabled: true,
        duration: duration::display(plan.duration),
        from: percent::display(plan.from),
    }
}

pub(super) fn ejection(plan: &EjectionPlan) -> Ejection {
    Ejection {
        enabled: plan.enabled,
        consecutive: plan.consecutive.get(),
        statuses: statuses(&plan.statuses),
        window: duration::display(plan.window),
        min_requests: plan.min_requests.get(),
        tolerance: percent::display(plan.tolerance),
        time: duration::display(plan.time),
        max_time: duration::display(plan.max_time),
        max_ejected: percent::display(plan.max_ejected),
        probation: plan.probation.get(),
    }
}

pub(super) fn budget(plan: BudgetPlan) -> RetryBudget {
    RetryBudget { ratio: percent::display(plan.ratio), floor: plan.floor }
}
