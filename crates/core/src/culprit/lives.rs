//! Until when each push was in: backed out it explains nothing any more.

use crate::commit::Commit;

/// For each of some pushes, oldest first, the place of the push by which all of its commits were backed
/// out; none where that never happened, or only in part. What lands again is a push of its own.
pub fn backed_out_at(pushes: &[&[Commit]]) -> Vec<Option<usize>> {
    let mut gone: Vec<Option<usize>> = vec![None; pushes.len()];
    for (place, commits) in pushes.iter().enumerate() {
        // A backout that is backed out itself is the same as landing again.
        let mine = |commit: &Commit| {
            let later = pushes.iter().enumerate().skip(place + 1);
            later
                .flat_map(|(at, others)| others.iter().map(move |other| (at, other)))
                .find(|(_, other)| {
                    let named = other.backs_out_of.iter();
                    named.clone().any(|hash| commit.revision.hash().starts_with(hash.as_str()))
                        || commit.git.as_ref().is_some_and(|git| {
                            named.clone().any(|hash| git.hash().starts_with(hash.as_str()))
                        })
                })
                .map(|(at, _)| at)
        };
        let each: Option<Vec<usize>> = commits.iter().map(mine).collect();
        gone[place] = each.and_then(|each| each.into_iter().max());
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Revision, Vcs};

    fn commit(digit: char, backs_out_of: &[char]) -> Commit {
        let hash = |digit: &char| digit.to_string().repeat(12);
        Commit {
            revision: Revision::new(Vcs::Hg, &digit.to_string().repeat(40)).unwrap(),
            git: None,
            author: String::new(),
            summary: String::new(),
            files: Vec::new(),
            parents: Vec::new(),
            backed_out_by: None,
            backs_out: !backs_out_of.is_empty(),
            backs_out_of: backs_out_of.iter().map(hash).collect(),
        }
    }

    #[test]
    fn a_push_is_gone_once_all_of_it_is_backed_out() {
        let pushes = [
            vec![commit('a', &[])],
            vec![commit('b', &[]), commit('c', &[])],
            vec![commit('d', &['b'])],
            vec![commit('e', &['a'])],
            // Landed again, under another hash; and the rest of the second push.
            vec![commit('f', &[])],
            vec![commit('1', &['c'])],
            vec![],
        ];
        let pushes: Vec<&[Commit]> = pushes.iter().map(Vec::as_slice).collect();
        let expected = [Some(3), Some(5), None, None, None, None, None];
        assert_eq!(backed_out_at(&pushes), expected);
    }
}
