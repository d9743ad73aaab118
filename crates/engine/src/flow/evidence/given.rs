//! What tasks were given to run.

use std::collections::BTreeSet;

use mozci_core::chunks::manifests_of;
use mozci_evidence::{About, Subject};

/// What a task was given to run, as far as it tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// What its push's tasks have in common.
    pub group: Option<String>,
    /// The manifests; none where it names none.
    pub manifests: Option<Vec<String>>,
}

impl Given {
    /// Whether it runs one of these manifests; none where it does not tell, or where nobody knows which manifests
    /// are meant.
    pub(crate) fn has(&self, manifests: &BTreeSet<String>) -> Option<bool> {
        let named = self.manifests.as_ref()?;
        (!manifests.is_empty()).then(|| named.iter().any(|name| manifests.contains(name)))
    }
}

/// Which manifests hold what is asked about, of all that tasks name. None where nobody can tell.
pub(crate) fn manifests_for<'a>(
    about: &About,
    given: impl IntoIterator<Item = &'a Given>,
) -> BTreeSet<String> {
    match (&about.manifest, &about.subject) {
        (Some(name), _) | (None, Some(Subject::Group(name))) => BTreeSet::from([name.clone()]),
        (None, None) => BTreeSet::new(),
        (None, Some(Subject::Test(name))) => {
            let named = given.into_iter().filter_map(|given| given.manifests.as_ref()).flatten();
            let found = manifests_of(name, named.map(String::as_str));
            found.into_iter().map(str::to_owned).collect()
        }
    }
}
