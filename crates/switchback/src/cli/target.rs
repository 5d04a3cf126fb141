//! `POOL/ENDPOINT`: one endpoint of a running gateway.
//!
//! By its whole address. A prefix that is unique today is another's tomorrow, and what is done to an
//! endpoint by mistake is an outage; so a slip is answered with what was probably meant, and nothing is
//! done.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use super::admin::{Gateway, No, plain, segment};
use super::shapes::{Endpoint, Pool, Pools};
use crate::text::number;

/// An endpoint as it was named.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(super) pool: String,
    endpoint: String,
}

impl FromStr for Target {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((pool, endpoint)) if !pool.is_empty() && !endpoint.is_empty() => {
                Ok(Self { pool: pool.to_owned(), endpoint: endpoint.to_owned() })
            }
            _ => Err("write the pool and the endpoint's address, such as web/10.0.1.11:8080"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", plain(&self.pool), plain(&self.endpoint))
    }
}

impl Target {
    /// How it stands.
    pub(super) fn find(&self, gateway: &Gateway) -> Result<Endpoint, String> {
        let pool: Pool = parsed(gateway, pool(gateway, &self.pool)?)?;
        let address = self.endpoint.parse::<SocketAddr>().ok();
        let mut endpoints = pool.endpoints.iter();
        endpoints.find(|endpoint| Some(endpoint.address) == address).cloned().ok_or_else(|| {
            let known: Vec<_> = pool.endpoints.iter().map(|it| it.address.to_string()).collect();
            let what = format!("pool {} has no endpoint", plain(&self.pool));
            format!("{}: {}", gateway.address(), unknown(&what, &self.endpoint, &known))
        })
    }

    /// Where its override is.
    pub(super) fn path(&self, address: SocketAddr) -> String {
        let (pool, address) = (segment(&self.pool), segment(&address.to_string()));
        format!("/api/v1/pools/{pool}/endpoints/{address}/override")
    }
}

/// A pool, with its endpoints.
pub(super) fn pool(gateway: &Gateway, name: &str) -> Result<serde_json::Value, String> {
    let no = match gateway.json(&format!("/api/v1/pools/{}", segment(name))) {
        Ok(pool) => return Ok(pool),
        Err(no) => no,
    };
    let No::Missing(_) = no else { return Err(no.into()) };
    let Pools { pools } = gateway.json("/api/v1/pools?endpoints=false")?;
    let known: Vec<_> = pools.into_iter().map(|pool| pool.name).collect();
    Err(format!("{}: {}", gateway.address(), unknown("there is no pool", name, &known)))
}

/// What the gateway has answered, in a form of ours.
pub(super) fn parsed<T: serde::de::DeserializeOwned>(
    gateway: &Gateway,
    value: serde_json::Value,
) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| {
        format!("{}: this gateway is of another version: {error}", gateway.address())
    })
}

/// So many are listed.
const FEW: usize = 10;

/// There is none of this name; perhaps another was meant.
fn unknown(what: &str, name: &str, known: &[String]) -> String {
    let mut text = format!("{what} `{}`", plain(name));
    if let Some(near) = nearest(name, known) {
        text.push_str(&format!("; did you mean `{}`?", plain(near)));
    }
    if known.len() <= FEW {
        let list: Vec<_> = known.iter().map(|name| plain(name)).collect();
        text.push_str(&match list.as_slice() {
            [] => "; there is none at all".to_owned(),
            list => format!("\nknown: {}", list.join(", ")),
        });
    } else {
        let count = number(known.len() as u64);
        text.push_str(&format!("\nthere are {count}; `switchback status --all` lists them"));
    }
    text
}

/// The one of which this is probably a slip: a third of it may be wrong. Of two that are as near, neither.
fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    // A longer name is no slip of the pen, and measuring it would take its length squared.
    const LONGEST: usize = 64;
    let allowed = (name.chars().count() / 3).max(1);
    let near = known.iter().filter(|known| known.len().max(name.len()) <= LONGEST);
    let near = near.map(|known| (strsim::damerau_levenshtein(name, known), known.as_str()));
    let mut near: Vec<_> = near.filter(|(distance, _)| *distance <= allowed).collect();
    near.sort_unstable();
    match near.as_slice() {
        [(first, _), (second, _), ..] if first == second => None,
        [(_, known), ..] => Some(known),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_named_by_its_pool_and_address() {
        let target: Target = "web/[::1]:8080".parse().unwrap();
        assert_eq!(
            target.path("[::1]:8080".parse().unwrap()),
            "/api/v1/pools/web/endpoints/%5B::1%5D:8080/override"
        );
        for wrong in ["web", "/10.0.0.1:80", "web/", "10.0.0.1:80"] {
            assert!(wrong.parse::<Target>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_slip_is_told_what_was_probably_meant_and_what_there_is() {
        let known = ["10.0.1.11:8080", "10.0.1.12:8080"].map(str::to_owned);
        assert_eq!(
            unknown("pool web has no endpoint", "10.0.1.11:808", &known),
            "pool web has no endpoint `10.0.1.11:808`; did you mean `10.0.1.11:8080`?\n\
             known: 10.0.1.11:8080, 10.0.1.12:8080"
        );
        let said = unknown("pool web has no endpoint", "10.0.1.19:8080", &known);
        assert!(!said.contains("did you mean"), "of two that are as near, neither: {said}");
        assert_eq!(
            unknown("there is no pool", "shop", &["a\u{1b}b".to_owned()]),
            "there is no pool `shop`\nknown: a\\u{1b}b"
        );
        let many: Vec<_> = (0..1500).map(|number| format!("pool{number}")).collect();
        assert!(
            unknown("there is no pool", "x", &many)
                .ends_with("there are 1,500; `switchback status --all` lists them")
        );
        assert_eq!(
            unknown("there is no pool", "x", &[]),
            "there is no pool `x`; there is none at all"
        );
    }
}
