//! Who holds the places of the admin listener.
//!
//! No address holds more than half of them; whoever comes from there waits for one of its own. So who opens
//! connections and says nothing does not keep a health check out that comes from somewhere else.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places by the address that they are held from; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// For each address.
    most: usize,
    by_address: Arc<Mutex<HashMap<IpAddr, Arc<Semaphore>>>>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    of: IpAddr,
    places: Places,
    permit: Option<OwnedSemaphorePermit>,
}

impl Places {
    /// At most so many for each address.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, by_address: Arc::default() }
    }

    /// A place for somebody at this address, as soon as one is free.
    pub(crate) async fn take(&self, address: IpAddr) -> Place {
        let of = address.to_canonical();
        let own = {
            let mut all = self.lock();
            all.entry(of).or_insert_with(|| Arc::new(Semaphore::new(self.most))).clone()
        };
        // In place before the wait: whoever gives up forgets its address, too.
        let mut place = Place { of, places: self.clone(), permit: None };
        // The semaphore is never closed.
        place.permit = own.acquire_owned().await.ok();
        place
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Arc<Semaphore>>> {
        // Semaphores are in order after a panic, too.
        self.by_address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.permit = None;
        let mut all = self.places.lock();
        // Whoever holds or awaits a place has it, too.
        if all.get(&self.of).is_some_and(|own| Arc::strong_count(own) == 1) {
            all.remove(&self.of);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn an_address_waits_for_its_own_and_nobody_elses() {
        let places = Places::new(2);
        let [one, same, other] =
            ["10.0.0.1", "::ffff:10.0.0.1", "10.0.0.2"].map(|it| it.parse::<IpAddr>().unwrap());
        let at_once =
            async |address| timeout(Duration::from_millis(20), places.take(address)).await;
        let held = [at_once(one).await.unwrap(), at_once(same).await.unwrap()];
        assert!(at_once(one).await.is_err());
        assert!(at_once(other).await.is_ok());
        drop(held);
        assert!(places.lock().is_empty());
        assert!(at_once(same).await.is_ok());
    }
}
