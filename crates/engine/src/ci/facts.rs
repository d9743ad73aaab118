//! What is known of a CI from before.

use crate::ci::Ci;
use crate::error::Error;
use crate::store::FactKind;

impl Ci {
    /// A fact, where it is known.
    pub(crate) fn fact<T: serde::de::DeserializeOwned>(
        &self,
        kind: FactKind,
        key: &str,
    ) -> Option<T> {
        self.facts.as_ref()?.get(kind, key)
    }

    /// Keeps facts.
    pub(crate) fn keep<T: serde::Serialize>(
        &self,
        kind: FactKind,
        facts: impl IntoIterator<Item = (String, T)>,
    ) {
        if let Some(store) = &self.facts {
            store.put(kind, facts);
        }
    }

    /// A large fact, where it is known.
    pub(crate) fn large_fact<T: serde::de::DeserializeOwned>(
        &self,
        kind: FactKind,
        key: &str,
    ) -> Option<T> {
        self.facts.as_ref()?.get_large(kind, key)
    }

    /// Keeps a large fact.
    pub(crate) fn keep_large<T: serde::Serialize>(&self, kind: FactKind, key: &str, fact: &T) {
        if let Some(store) = &self.facts {
            store.put_large(kind, key, fact);
        }
    }

    /// Forgets every fact, since the servers were reset.
    pub(crate) fn forget(&self, why: &str) -> Result<(), Error> {
        if let Some(store) = &self.facts {
            store.forget()?;
            // What was answered from it so far does not hold either.
            store.take_hits();
        }
        if let Some(kept) = &self.http.settings().kept {
            kept.clear();
        }
        self.note(format!("{why}: what was known of {} from before is forgotten", self.repo));
        Ok(())
    }

    pub(crate) fn count_hits(&self) {
        if let Some(facts) = &self.facts {
            self.http.meter().cache_hits(facts.take_hits());
        }
    }
}
