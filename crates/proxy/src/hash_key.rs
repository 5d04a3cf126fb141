//! What a request is hashed by.

use std::net::IpAddr;

use pingora::http::RequestHeader;
use switchback_core::balance::hash as hash_of;
use switchback_core::plan::{HashKey, PoolPlan};

use crate::cookie;

/// The hash of the request's key; `None` if the pool does not hash, or the request has no such key.
pub(crate) fn hash(plan: &PoolPlan, header: &RequestHeader, client: IpAddr) -> Option<u64> {
    if !plan.balance.hashes() {
        return None;
    }
    match &plan.hash.key {
        HashKey::Client => match client.to_canonical() {
            IpAddr::V4(address) => Some(hash_of(&address.octets())),
            IpAddr::V6(address) => Some(hash_of(&address.octets())),
        },
        HashKey::Path => Some(hash_of(header.uri.path().as_bytes())),
        HashKey::Query => header.uri.query().map(|query| hash_of(query.as_bytes())),
        HashKey::Header(name) => header.headers.get(name).map(|value| hash_of(value.as_bytes())),
        HashKey::Cookie(name) => cookie::value(header, name).map(|value| hash_of(value.as_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use switchback_core::plan::Balance;

    use super::*;

    fn hashed(key: HashKey, balance: Balance) -> Option<u64> {
        let mut header = RequestHeader::build("GET", b"/a?b=c", None).unwrap();
        header.append_header("X-User", "eve").unwrap();
        header.append_header("Cookie", "a=b; user=eve").unwrap();
        let mut plan = PoolPlan::of("web", Vec::new());
        (plan.balance, plan.hash.key) = (balance, key);
        hash(&plan, &header, IpAddr::from([192, 0, 2, 1]))
    }

    #[test]
    fn each_key_is_hashed_by_its_value() {
        let eve = Some(hash_of(b"eve"));
        let ring = |key| hashed(key, Balance::RingHash);
        assert_eq!(ring(HashKey::Header("x-user".parse().unwrap())), eve);
        assert_eq!(ring(HashKey::Cookie("user".into())), eve);
        assert_eq!(ring(HashKey::Path), Some(hash_of(b"/a")));
        assert_eq!(ring(HashKey::Query), Some(hash_of(b"b=c")));
        assert_eq!(ring(HashKey::Client), Some(hash_of(&[192, 0, 2, 1])));
    }

    #[test]
    fn without_a_key_or_an_algorithm_that_hashes_there_is_no_hash() {
        assert_eq!(hashed(HashKey::Cookie("session".into()), Balance::Maglev), None);
        assert_eq!(hashed(HashKey::Path, Balance::RoundRobin), None);
    }
}
