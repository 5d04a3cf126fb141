//! Routes: which requests, and to which pools.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use switchback_core::PoolIndex;
use switchback_core::plan::{Action, ErrorPages, Redirect, RoutePlan, Target, Weight};
use switchback_core::route::{HostPattern, PathPattern};

use super::gateway::Context;
use super::{Resolved, endpoint, error_pages, limits, policy, redirect, shadow};
use crate::decode::{Field, Given, OrTable};
use crate::diagnostic::{Problem, quote};
use crate::schema;
use crate::source::Span;
use crate::value::{duration, name};

/// What the `status` of a redirect can be.
pub(crate) const REDIRECTS: &[u16] = &[301, 302, 303, 307, 308];

/// Resolves the routes of a file.
pub(super) struct Routes<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) pools: &'a [Resolved],
    /// Those of the gateway.
    pub(super) error_pages: &'a ErrorPages,
    /// What has come of each expression: the hosts of a large file repeat theirs, and to compile one
    /// takes up to a third of a millisecond and fifty kilobytes.
    pub(super) expressions: RefCell<HashMap<String, Result<PathPattern, Problem>>>,
}

impl Routes<'_> {
    /// Every route, and no two alike; what is wrong is reported.
    pub(super) fn all(&self, list: &Given<Vec<Field<schema::Route>>>) -> Vec<RoutePlan> {
        let mut first = HashMap::new();
        let mut plans = Vec::new();
        for route in list.value.iter().filter_map(Field::given) {
            let host =
                route.value.host.parse(self.context.reporter, |text| name::host_pattern(text));
            let path = self.path(&route.value.path);
            let max_body = limits::max_body(&route.value.max_body, self.context.reporter);
            let (pages, outside) = (&route.value.error_pages, self.context.outside);
            let own = error_pages::error_pages(pages, outside, self.context.reporter);
            let error_pages = error_pages::before_gateways(own, self.error_pages);
            let action = self.action(route);
            let (Some(host), Some(path)) = (host_or_any(host), path) else {
                continue;
            };
            let name: Arc<str> = format!("{host}{path}").into();
            if let Some(first) = first.get(&name) {
                let message = format!("two routes for {}", quote(&name));
                let problem = Problem::new(message, "this one would never be taken")
                    .related(*first, "the same host and path are here")
                    .help("remove one, or make host or path differ; for two pools, use `split`");
                self.context.reporter.error(route.span, problem);
                continue;
            }
            first.insert(name.clone(), route.span);
            if let Some(action) = action {
                let plan = RoutePlan { name, host, path, max_body, error_pages, action };
                plans.push((plan, route.span));
            }
        }
        shadow::warn(&plans, self.context.reporter);
        redirect::warn(&plans, self.context.reporter);
        plans.into_iter().map(|(plan, _)| plan).collect()
    }

    fn path(&self, field: &Field<OrTable<schema::PathMatch>>) -> Option<PathPattern> {
        let pattern = match field {
            Field::Missing => return PathPattern::prefix("/").ok(),
            Field::Bad => return None,
            Field::Given(given) => given,
        };
        let table = match &pattern.value {
            OrTable::Text(text) => {
                let parsed = field.parse(self.context.reporter, |_| {
                    name::path_pattern(text, PathPattern::prefix)
                });
                return parsed.given().map(|given| given.value.clone());
            }
            OrTable::Table(table) => table,
        };
        let exact = table
            .exact
            .parse(self.context.reporter, |text| name::path_pattern(text, PathPattern::exact));
        let regex = table.regex.parse(self.context.reporter, |text| self.expression(text));
        match (exact, regex) {
            (Field::Missing, Field::Missing) => {
                let problem = Problem::new(
                    "`path` says neither `exact` nor `regex`",
                    "one of the two is needed",
                );
                self.context.reporter.error(
                    pattern.span,
                    problem.help("for a prefix, write the path itself: `path: /api/`"),
                );
                None
            }
            (Field::Missing, only) | (only, Field::Missing) => {
                only.given().map(|given| given.value.clone())
            }
            (Field::Given(_), Field::Given(_)) => {
                let problem =
                    Problem::new("`exact` and `regex` exclude each other", "both are given");
                self.context.reporter.error(pattern.span, problem.help("make two routes of it"));
                None
            }
            _ => None,
        }
    }

    fn expression(&self, text: &str) -> Result<PathPattern, Problem> {
        if let Some(known) = self.expressions.borrow().get(text) {
            return known.clone();
        }
        let made = name::path_pattern(text, PathPattern::regex);
        self.expressions.borrow_mut().insert(text.to_owned(), made.clone());
        made
    }

    fn action(&self, route: &Given<schema::Route>) -> Option<Action> {
        let Given { value: schema, span } = route;
        let overrides = policy::overrides(&schema.retry, self.context.reporter);
        let request = match schema.timeouts.value() {
            Some(timeouts) => timeouts
                .request
                .parse(self.context.reporter, |text| duration::parse("request", text)),
            None => Field::Missing,
        };
        if !self.one_action(schema, *span) {
            return None;
        }
        if !schema.redirect.is_missing() {
            for (what, at) in
                [("timeouts", place(&schema.timeouts)), ("retry", place(&schema.retry))]
            {
                if let Some(at) = at {
                    let label = "the gateway answers with the redirect itself";
                    let problem = Problem::new(format!("`{what}` has no effect here"), label);
                    self.context.reporter.warn(at, problem.help("remove it"));
                }
            }
            return self.redirect(&schema.redirect);
        }
        let shares = match &schema.split {
            Field::Missing => vec![(self.pool(&schema.pool)?, Weight::ONE)],
            split => self.split(split.given()?)?,
        };
        let targets = shares.into_iter().map(|(index, weight)| {
            let pool = self.pools.get(index.at())?;
            let retry = overrides.over(&pool.retry);
            let request_timeout = request.clone().or(pool.plan.timeouts.request);
            overrides.warn(&retry, request_timeout, self.context.reporter);
            Some(Target { pool: index, weight, request_timeout, retry })
        });
        targets.collect::<Option<Vec<_>>>().map(Action::Forward)
    }

    /// Whether just one of the three is there. With a bad one among them, enough has been said.
    fn one_action(&self, schema: &schema::Route, span: Span) -> bool {
        let keys = [
            ("pool", schema.pool.is_missing(), place(&schema.pool)),
            ("split", schema.split.is_missing(), place(&schema.split)),
            ("redirect", schema.redirect.is_missing(), place(&schema.redirect)),
        ];
        let present = keys.iter().filter(|(_, is_missing, _)| !is_missing).count();
        let good: Vec<_> = keys.iter().filter_map(|(key, _, at)| at.map(|at| (*key, at))).collect();
        match good.as_slice() {
            [(first, first_at), .., (last, last_at)] => {
                let message = format!("`{first}` and `{last}` exclude each other");
                let problem = Problem::new(message, "a route does one thing")
                    .related(*first_at, "the other one")
                    .help("keep one; to share requests among pools, use `split` alone");
                self.context.reporter.error(*last_at, problem);
            }
            [] if present == 0 => {
                let label = "`pool`, `split` or `redirect` is missing";
                let problem = Problem::new("the route leads nowhere", label);
                self.context.reporter.error(span, problem.help("add `pool: NAME` to this route"));
            }
            _ => {}
        }
        good.len() == 1 && present == 1
    }

    fn pool(&self, field: &Field<String>) -> Option<PoolIndex> {
        let Given { value: name, span } = field.given()?;
        match self.context.catalog.position(name) {
            Some(index) => Some(index),
            None => {
                if self.context.catalog.complete {
                    let label =
                        self.context.catalog.missing(name, !self.context.reporter.is_full());
                    self.context
                        .reporter
                        .error(*span, Problem::new(format!("unknown pool {}", quote(name)), label));
                }
                None
            }
        }
    }

    fn split(&self, list: &Given<Vec<Field<schema::Share>>>) -> Option<Vec<(PoolIndex, Weight)>> {
        if list.value.is_empty() {
            let problem = Problem::new("`split` is empty", "no pool is listed");
            self.context
                .reporter
                .error(list.span, problem.help("write `split: [ { pool: web, weight: 95 }, … ]`"));
        }
        let nothing = "what should receive nothing is left out of the list";
        let mut first = HashMap::new();
        let mut shares = Vec::new();
        for entry in list.value.iter().filter_map(Field::given) {
            let Given { value: share, span } = entry;
            let help = "write `{ pool: web, weight: 95 }`";
            for (key, is_missing) in
                [("pool", share.pool.is_missing()), ("weight", share.weight.is_missing())]
            {
                if is_missing {
                    let message = format!("a share of `split` has no `{key}`");
                    self.context.reporter.error(
                        *span,
                        Problem::new(message, "the key is missing in this entry").help(help),
                    );
                }
            }
            let weight = share
                .weight
                .parse(self.context.reporter, |value| endpoint::weight("weight", *value, nothing))
                .or(Weight::ONE);
            let Some(index) = self.pool(&share.pool) else {
                continue;
            };
            if let Some(first) = first.insert(index, *span) {
                let name = share.pool.value().map(|name| quote(name)).unwrap_or_default();
                let problem = Problem::new(
                    format!("pool {name} is listed twice in one `split`"),
                    "again here",
                )
                .related(first, "first here");
                self.context
                    .reporter
                    .error(*span, problem.help("keep one, with the sum of the weights"));
            }
            shares.push((index, weight));
        }
        (shares.len() == list.value.len()).then_some(shares)
    }

    fn redirect(&self, field: &Field<schema::Redirect>) -> Option<Action> {
        let Given { value: redirect, span } = field.given()?;
        if redirect.to.is_missing() {
            let problem = Problem::new("the redirect has no `to`", "the key is missing here");
            self.context.reporter.error(*span, problem.help("write `redirect: { to: /new/ }`"));
        }
        let status = redirect.status.parse(self.context.reporter, |value| {
            REDIRECTS.iter().copied().find(|status| i64::from(*status) == *value).ok_or_else(|| {
                Problem::new(format!("{value} is no status of a redirect"), "not one of the choices")
                    .help("308 and 301 are permanent, 307 and 302 temporary; 303 turns every method into GET")
            })
        });
        let to = redirect.to.parse(self.context.reporter, |text| name::redirect_target(text));
        let to = to.given()?.value.clone();
        Some(Action::Redirect(Redirect { to, status: status.or(308) }))
    }
}

/// `None`: bad.
fn host_or_any(field: Field<HostPattern>) -> Option<HostPattern> {
    match field {
        Field::Missing => Some(HostPattern::Any),
        Field::Bad => None,
        Field::Given(given) => Some(given.value),
    }
}

fn place<T>(field: &Field<T>) -> Option<Span> {
    field.given().map(|given| given.span)
}
