//! The same failure, wherever it occurred.

use std::collections::HashMap;

use crate::failure::Failure;

/// A failure and everywhere it occurred.
#[derive(Debug, Clone)]
pub struct Same<'a, K> {
    /// As it was first met.
    pub failure: &'a Failure,
    /// Where it occurred, each place once, in the order in which they were met.
    pub places: Vec<K>,
    /// How often in all: more often than in places where one has it several times.
    pub times: usize,
    /// Whether any source lets it pass as known.
    pub is_known: bool,
}

/// Puts failures together by their signatures: what occurred in most places first, then what was
/// met first.
pub fn together<'a, K: PartialEq>(
    failures: impl IntoIterator<Item = (K, &'a Failure)>,
) -> Vec<Same<'a, K>> {
    let mut all: Vec<Same<'a, K>> = Vec::new();
    let mut place_of: HashMap<&str, usize> = HashMap::new();
    for (place, failure) in failures {
        let number = *place_of.entry(failure.signature.text()).or_insert_with(|| {
            all.push(Same { failure, places: Vec::new(), times: 0, is_known: false });
            all.len() - 1
        });
        let same = &mut all[number];
        same.times += 1;
        same.is_known |= failure.known_intermittent;
        if same.places.last() != Some(&place) {
            same.places.push(place);
        }
    }
    all.sort_by_key(|same| std::cmp::Reverse(same.places.len()));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Kind, Where};

    #[test]
    fn the_same_is_put_together() {
        let failure = |message: &str| {
            let at = Where { line: 1, byte: 0 };
            let message = Some(message.to_owned());
            Failure { message, test: Some("a".into()), ..Failure::new(Kind::Unexpected, at) }.sign()
        };
        let all = [failure("other"), failure("took 5 s"), failure("took 7 s"), failure("took 1 s")];
        let same = together([(1, &all[0]), (1, &all[1]), (1, &all[2]), (2, &all[3])]);
        let told: Vec<(usize, Vec<i32>)> =
            same.iter().map(|same| (same.times, same.places.clone())).collect();
        assert_eq!(told, [(3, vec![1, 2]), (1, vec![1])]);
    }
}
