//! A configuration of any size, as text: many pools, many endpoints, many routes.
//!
//! What an operator's generator would write, with some of everything: five routes to a host (all of it,
//! a prefix, an exact path, an expression, a wildcard), endpoints in both notations, every tenth pool by
//! `ring_hash` and every tenth by `maglev`. The same numbers always give the same text.

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};

/// So many of each.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Pools, a file each.
    pub pools: usize,
    /// Endpoints of a pool.
    pub endpoints: usize,
    /// Routes.
    pub routes: usize,
}

impl Scale {
    /// What the gateway promises to bear.
    pub const FULL: Self = Self { pools: 1_000, endpoints: 100, routes: 10_000 };

    /// The name of a pool.
    #[must_use]
    pub fn pool_name(&self, pool: usize) -> String {
        format!("pool-{pool:04}")
    }

    /// The endpoints of a pool, as YAML. Nobody listens there: loopback, port 9.
    #[must_use]
    pub fn endpoints_of(&self, pool: usize) -> Vec<String> {
        let first = u32::from(Ipv4Addr::new(127, 1, 0, 0)) + number(pool * self.endpoints);
        let address = |n: usize| SocketAddr::from((Ipv4Addr::from(first + number(n)), 9));
        let endpoint = |n: usize| match n % 10 {
            0 => format!("{{ address: {}, weight: {} }}", address(n), 1 + n / 10 % 5),
            _ => address(n).to_string(),
        };
        (0..self.endpoints).map(endpoint).collect()
    }

    /// How a pool balances.
    #[must_use]
    pub fn balance_of(&self, pool: usize) -> &'static str {
        match pool % 10 {
            8 => "ring_hash",
            9 => "maglev",
            _ => "peak_ewma",
        }
    }

    /// The file of a pool, without probes.
    #[must_use]
    pub fn pool_text(&self, pool: usize) -> String {
        let mut text =
            format!("balance: {}\nhealth: {{ enabled: false }}\n", self.balance_of(pool));
        text += "endpoints:\n";
        for endpoint in self.endpoints_of(pool) {
            writeln!(text, "  - {endpoint}").expect("a string takes it");
        }
        text
    }

    /// A route, as YAML, to the pool of the same number, modulo their number.
    #[must_use]
    pub fn route(&self, route: usize) -> String {
        let (host, pool) = (format!("h{}.example.com", route / 5), route % self.pools.max(1));
        let pool = self.pool_name(pool);
        match route % 5 {
            0 => format!("{{ host: {host}, pool: {pool} }}"),
            1 => format!("{{ host: {host}, path: /api/, pool: {pool} }}"),
            2 => format!("{{ host: {host}, path: {{ exact: /login }}, pool: {pool} }}"),
            3 => {
                let regex = "'^/v[0-9]+/items/[a-z]+'";
                format!("{{ host: {host}, path: {{ regex: {regex} }}, pool: {pool} }}")
            }
            _ => format!("{{ host: \"*.{host}\", path: /w/, pool: {pool} }}"),
        }
    }

    /// Host and path of a request that takes a route.
    #[must_use]
    pub fn request(&self, route: usize) -> (String, &'static str) {
        let host = format!("h{}.example.com", route / 5);
        match route % 5 {
            0 => (host, "/cart/items/7"),
            1 => (host, "/api/users/7"),
            2 => (host, "/login"),
            3 => (host, "/v2/items/shoes"),
            _ => (format!("a.{host}"), "/w/x"),
        }
    }

    /// The main file.
    #[must_use]
    pub fn main_text(&self) -> String {
        let mut text = "listeners: [ 127.0.0.1:8080 ]\npools: pools/*.yaml\nroutes:\n".to_owned();
        for route in 0..self.routes {
            writeln!(text, "  - {}", self.route(route)).expect("a string takes it");
        }
        text
    }
}

fn number(n: usize) -> u32 {
    u32::try_from(n).expect("fewer than four thousand million endpoints")
}
