//! Handles by their labels, for as long as somebody holds them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Weak references to handles, in the order of their labels.
#[derive(Debug)]
pub(super) struct Table<K, H>(Mutex<BTreeMap<K, Weak<H>>>);

impl<K, H> Default for Table<K, H> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Ord + Clone, H> Table<K, H> {
    /// The living handle of `key`, or a new one.
    pub(super) fn resolve(&self, key: K, make: impl FnOnce() -> H) -> Arc<H> {
        let mut handles = self.lock();
        if let Some(living) = handles.get(&key).and_then(Weak::upgrade) {
            return living;
        }
        let made = Arc::new(make());
        handles.insert(key, Arc::downgrade(&made));
        made
    }

    /// Lists a handle no longer, whoever holds it.
    pub(super) fn forget(&self, key: &K) {
        self.lock().remove(key);
    }

    /// The living handles; forgets the others. The lock is not held while they are used.
    pub(super) fn living(&self) -> Vec<(K, Arc<H>)> {
        let mut handles = self.lock();
        let mut living = Vec::with_capacity(handles.len());
        handles.retain(|key, handle| match handle.upgrade() {
            Some(handle) => {
                living.push((key.clone(), handle));
                true
            }
            None => false,
        });
        living
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<K, Weak<H>>> {
        // A map of weak references is in order after a panic, too.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_labels_give_the_same_handle_while_it_is_held() {
        let table = Table::default();
        let first = table.resolve("a", || 1);
        let second = table.resolve("a", || 2);
        assert!(Arc::ptr_eq(&first, &second));
        drop((first, second));
        assert_eq!(*table.resolve("a", || 3), 3);
    }

    #[test]
    fn a_handle_that_nobody_holds_is_forgotten() {
        let table = Table::default();
        let kept = table.resolve("b", || 1);
        drop(table.resolve("a", || 2));
        assert_eq!(table.living(), [("b", Arc::clone(&kept))]);
        assert_eq!(table.lock().len(), 1);
    }
}
