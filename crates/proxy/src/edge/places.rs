//! How many connections clients have: in all, and from each address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use switchback_wire::Refusal;

/// Everybody together has as many connections as there may be.
const TOO_MANY: Refusal =
    Refusal { status: 503, code: "connections", details: "too many connections" };

/// The client alone has as many as it may have.
const TOO_MANY_OF_ONE: Refusal = Refusal {
    status: 429,
    code: "connections_per_client",
    details: "too many connections from this address",
};

/// What an address is counted as: of IPv6 the network of 64 bits, all of whose addresses one client has.
pub(super) fn counted_as(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(network.into())
        }
        address => address,
    }
}

/// The connections that are open.
#[derive(Debug, Default)]
pub(super) struct Places {
    all: AtomicUsize,
    /// Only of those that are counted, which are those under a limit.
    by_client: Mutex<HashMap<IpAddr, u32>>,
}

/// A connection, for as long as it is held.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    client: Option<IpAddr>,
}

impl Places {
    /// Counts a connection in, if there are fewer than `most`.
    pub(super) fn take(self: &Arc<Self>, most: usize) -> Result<Place, Refusal> {
        let before = self.all.fetch_add(1, Ordering::Relaxed);
        // Made first, so that it is counted out again.
        let place = Place { places: self.clone(), client: None };
        if before >= most { Err(TOO_MANY) } else { Ok(place) }
    }
}

impl Place {
    /// Counts the connection as one of `client`'s, if that has fewer than `most`.
    pub(super) fn of(&mut self, client: IpAddr, most: u32) -> Result<(), Refusal> {
        let mut by_client = self.places.by_client.lock();
        let count = by_client.entry(client).or_default();
        if *count >= most {
            return Err(TOO_MANY_OF_ONE);
        }
        *count += 1;
        self.client = Some(client);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.all.fetch_sub(1, Ordering::Relaxed);
        let Some(client) = self.client else { return };
        if let Entry::Occupied(mut count) = self.places.by_client.lock().entry(client) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_makes_room() {
        let places = Arc::new(Places::default());
        let first = places.take(2).unwrap();
        let _second = places.take(2).unwrap();
        assert_eq!(places.take(2).unwrap_err(), TOO_MANY);
        drop(first);
        assert!(places.take(2).is_ok());
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let counted = |text: &str| counted_as(text.parse().unwrap()).to_string();
        assert_eq!(counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(counted("::ffff:10.0.0.1"), "10.0.0.1");
    }

    #[test]
    fn an_address_has_its_own_limit_and_is_forgotten_when_it_leaves() {
        let places = Arc::new(Places::default());
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(|it| it.parse::<IpAddr>().unwrap());
        let connect = |client, most| {
            let mut place = places.take(10)?;
            place.of(client, most).map(|()| place)
        };
        let first = connect(one, 1).unwrap();
        assert_eq!(connect(one, 1).unwrap_err(), TOO_MANY_OF_ONE);
        assert!(connect(other, 1).is_ok());
        drop(first);
        assert!(connect(one, 1).is_ok());
        assert!(places.by_client.lock().is_empty());
        assert_eq!(places.all.load(Ordering::Relaxed), 0);
    }
}
