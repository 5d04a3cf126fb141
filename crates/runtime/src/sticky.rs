//! Sessions that stay with their endpoint: what stands in their cookie.
//!
//! The value is an HMAC-SHA-256 of pool and address under the operator's secret, cut to 128 bits. So it
//! names an endpoint to whoever has the secret, tells nobody else an address, and nobody can make one for
//! an endpoint of his choice. It is compared by looking it up among those of the pool: what is forged is
//! as unknown as what has been removed. Every gateway with the same secret makes the same values.

use std::collections::HashMap;
use std::fmt::Write;
use std::net::SocketAddr;

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
    values: HashMap<SocketAddr, Box<str>>,
    endpoints: HashMap<Box<str>, EndpointIndex>,
}

impl Sticky {
    /// The cookies of a pool's endpoints, which are given with their places; `None` if its sessions do
    /// not stay.
    pub(crate) fn new(
        pool: &PoolPlan,
        endpoints: impl Iterator<Item = (EndpointIndex, SocketAddr)>,
    ) -> Option<Self> {
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
        let (mut values, mut places) = (HashMap::new(), HashMap::new());
        for (place, address) in endpoints {
            let value = value(&address);
            values.insert(address, value.clone());
            places.insert(value, place);
        }
        Some(Self { plan, values, endpoints: places })
    }

    /// The endpoint that a cookie's value names.
    pub fn endpoint(&self, value: &str) -> Option<EndpointIndex> {
        self.endpoints.get(value).copied()
    }

    /// The value that names the endpoint at an address; `None`: this configuration has none there.
    pub fn value(&self, address: SocketAddr) -> Option<&str> {
        self.values.get(&address).map(|value| &**value)
    }
}

#[cfg(test)]
mod tests {
    use switchback_core::plan::EndpointPlan;

    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], port))
    }

    fn sticky(name: &str, secret: &str) -> Sticky {
        let endpoints = [1, 2].map(address);
        let mut pool = PoolPlan::of(name, endpoints.map(EndpointPlan::at).to_vec());
        pool.sticky = Some(StickyPlan {
            cookie: "sb".into(),
            secret: secret.into(),
            max_age: None,
            secure: Default::default(),
            same_site: Default::default(),
        });
        Sticky::new(&pool, [0, 1].map(EndpointIndex).into_iter().zip(endpoints)).unwrap()
    }

    #[test]
    fn a_cookie_names_its_endpoint_to_every_gateway_with_the_secret() {
        let (one, other) = (sticky("web", "a secret of ours"), sticky("web", "a secret of ours"));
        for (place, port) in [0, 1].map(EndpointIndex).into_iter().zip([1, 2]) {
            assert_eq!(other.endpoint(one.value(address(port)).unwrap()), Some(place));
        }
        assert_eq!(one.value(address(3)), None);
    }

    #[test]
    fn nobody_else_can_make_one() {
        let ours = sticky("web", "a secret of ours");
        for other in [sticky("web", "another secret!!"), sticky("api", "a secret of ours")] {
            assert_eq!(ours.endpoint(other.value(address(1)).unwrap()), None);
        }
        assert_eq!(ours.endpoint(""), None);
        assert!(!format!("{ours:?}").contains("a secret"));
    }
}
