//! Endpoints that traffic wants probed sooner than they are due, on their way from requests to the
//! schedule of the probes.
//!
//! A set and not a channel: what a storm of refused requests has to say is said by the first, and a
//! pool that nobody probes must not pile up what nobody reads. So there is never more in it than the
//! pool has endpoints, and telling costs a lock that is held for one look-up. How often a probe
//! follows is the schedule's affair.

use std::collections::BTreeSet;

use parking_lot::Mutex;
use switchback_core::EndpointIndex;
use tokio::sync::Notify;

/// Which endpoints should be probed soon.
#[derive(Debug, Default)]
pub struct ProbeRequests {
    wanted: Mutex<BTreeSet<EndpointIndex>>,
    told: Notify,
}

impl ProbeRequests {
    /// Asks for a probe of `endpoint`. Never waits; asking again before it was heard changes nothing.
    pub fn want(&self, endpoint: EndpointIndex) {
        if self.wanted.lock().insert(endpoint) {
            self.told.notify_one();
        }
    }

    /// Waits until there are any and takes them all, in the order of the plan; not empty. For one
    /// listener; one that is dropped while it waits has taken nothing.
    pub async fn wanted(&self) -> BTreeSet<EndpointIndex> {
        loop {
            let wanted = std::mem::take(&mut *self.wanted.lock());
            if !wanted.is_empty() {
                return wanted;
            }
            self.told.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn a_storm_is_heard_once_and_nobody_is_forgotten() {
        let requests = ProbeRequests::default();
        for n in 0..10_000 {
            requests.want(EndpointIndex(n % 3));
        }
        assert_eq!(requests.wanted().await, BTreeSet::from([0, 1, 2].map(EndpointIndex)));
        timeout(SOON, requests.wanted()).await.unwrap_err();
        requests.want(EndpointIndex(1));
        assert_eq!(requests.wanted().await, BTreeSet::from([EndpointIndex(1)]));
    }

    #[tokio::test]
    async fn who_waits_is_woken_and_who_gave_up_has_taken_nothing() {
        let requests = Arc::new(ProbeRequests::default());
        timeout(SOON, requests.wanted()).await.unwrap_err();
        let waiting = tokio::spawn({
            let requests = requests.clone();
            async move { requests.wanted().await }
        });
        tokio::time::sleep(SOON).await;
        requests.want(EndpointIndex(7));
        assert_eq!(waiting.await.unwrap(), BTreeSet::from([EndpointIndex(7)]));
    }
}
