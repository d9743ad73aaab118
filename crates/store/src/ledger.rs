//! The store as one command uses it.

use std::ops::Deref;

use crate::booking::{Booking, Day, LedgerCursor, Writer};
use crate::error::StoreError;
use crate::investigation::Lease;
use crate::request::TriggerRequest;
use crate::traits::{SharedStore, Store};

/// The ledger: a store, and who writes into it.
#[derive(Debug, Clone)]
pub struct Ledger {
    store: SharedStore,
    writer: Writer,
}

impl Ledger {
    /// The ledger in a store, for one command.
    pub fn of(store: SharedStore) -> Self {
        Self { store, writer: Writer::default() }
    }

    /// From here on what is written down belongs to an investigation; to none for `None`.
    pub fn under(&mut self, lease: Option<Lease>) {
        self.writer.lease = lease;
    }

    /// Says which command requests from here on.
    pub fn asks_for(&mut self, command: &'static str) {
        self.writer.command = command;
    }

    /// Writes requests down before they are sent, as [`book`](crate::Requests::book) does.
    ///
    /// # Errors
    /// [`StoreError`]; then none is written.
    pub async fn record(
        &self,
        requests: &[TriggerRequest],
        read: LedgerCursor,
        day: Day,
    ) -> Result<Booking, StoreError> {
        let booking = self.store.book(requests, read, day, &self.writer).await;
        tracing::debug!(requests = requests.len(), ?booking, "requests are written down");
        booking
    }
}

impl Deref for Ledger {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.store
    }
}
