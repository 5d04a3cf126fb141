//! Sessions that stay with their endpoint: what stands in their cookie.
//!
//! The value is an HMAC-SHA-256 of pool and address under the operator's secret, cut to 128 bits. So it
//! names an endpoint to whoever has the secret, tells nobody else an address, and nobody can make one for
//! an endpoint of his choice. It is compared by looking it up among those of the pool: what is forged is
//! as unknown as what has been removed. Every gateway with the same secret makes the same values.

use std::collections::HashMap;
use std::fmt::Write;

use ring::hmac;
use switchback_core::EndpointIndex;
use switchback_core::plan::{PoolPlan, StickyPlan};

/// Of an HMAC, so many bytes are used.
const BYTES: usize = 16;

/// The cookies of a pool's endpoints.
#[derive(Debug)]
pub struct Sticky {
    /// What the configuration says.
    pub plan: StickyPlan,
    /// By endpoint.
    values: Vec<Box<str>>,
    endpoints: HashMap<Box<str>, EndpointIndex>,
}

impl Sticky {
    /// The cookies of a pool's endpoints; `None` if its sessions do not stay.
    pub(crate) fn new(pool: &PoolPlan) -> Option<Self> {
        let plan = pool.sticky.clone()?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, plan.secret.as_bytes());
        let value = |address: &dyn std::fmt::Display| -> Box<str> {
            let tag = hmac::sign(&key, format!("{}\n{address}", pool.name).as_bytes());
            let mut text = String::with_capacity(2 * BYTES);
            for byte in &tag.as_ref()[..BYTES] {
                // Writing to a string cannot fail.
                let _ = write!(text, "{byte:02x}");
            }
            text.into()
        };
        let values: Vec<_> =
            pool.endpoints.iter().map(|endpoint| value(&endpoint.address)).collect();
        let endpoints = values.iter().cloned().zip((0..).map(EndpointIndex)).collect();
        Some(Self { plan, values, endpoints })
    }

    /// The endpoint that a cookie's value names.
    pub fn endpoint(&self, value: &str) -> Option<EndpointIndex> {
        self.endpoints.get(value).copied()
    }

    /// The value that names an endpoint.
    pub fn value(&self, endpoint: EndpointIndex) -> &str {
        self.values.get(endpoint.at()).map_or("", |value| value)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use switchback_core::plan::EndpointPlan;

    use super::*;

    fn sticky(name: &str, secret: &str) -> Sticky {
        let endpoints = [1, 2].map(|port| SocketAddr::from(([10, 0, 0, 1], port)));
        let mut pool = PoolPlan::of(name, endpoints.map(EndpointPlan::at).to_vec());
        pool.sticky = Some(StickyPlan {
            cookie: "sb".into(),
            secret: secret.into(),
            max_age: None,
            secure: Default::default(),
            same_site: Default::default(),
        });
        Sticky::new(&pool).unwrap()
    }

    #[test]
    fn a_cookie_names_its_endpoint_to_every_gateway_with_the_secret() {
        let (one, other) = (sticky("web", "a secret of ours"), sticky("web", "a secret of ours"));
        for endpoint in [0, 1].map(EndpointIndex) {
            assert_eq!(other.endpoint(one.value(endpoint)), Some(endpoint));
        }
    }

    #[test]
    fn nobody_else_can_make_one() {
        let ours = sticky("web", "a secret of ours");
        for other in [sticky("web", "another secret!!"), sticky("api", "a secret of ours")] {
            assert_eq!(ours.endpoint(other.value(EndpointIndex(0))), None);
        }
        assert_eq!(ours.endpoint(""), None);
        assert!(!format!("{ours:?}").contains("a secret"));
    }
}
