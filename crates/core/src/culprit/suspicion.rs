//! How likely a push is to have done it, before anything is run: by what it touches.

use crate::commit::Commit;

/// How much likelier a push is that touches something next to the test than one that does not.
const NEAR: f64 = 4.0;

/// The same of one that touches something in the test's part of the tree.
const SAME_PART: f64 = 2.0;

/// How much less likely a push is that only takes others back.
const BACKOUT: f64 = 0.5;

/// The most that a merge of many commits counts.
const MERGE: f64 = 4.0;

/// How suspect a push with these commits is, next to a push of which nothing is known, where a test
/// or manifest fails. Mild on purpose: what breaks a test is often far from it.
pub fn suspicion(commits: &[Commit], chased: Option<&str>) -> f64 {
    if commits.is_empty() {
        return 1.0;
    }
    let near = chased.map_or(1.0, |path| {
        let files = commits.iter().flat_map(|commit| &commit.files);
        files.map(|file| nearness(file, path)).fold(1.0, f64::max)
    });
    let size = match commits.iter().any(Commit::is_merge) {
        true => (commits.len() as f64).sqrt().min(MERGE),
        false => 1.0,
    };
    let takes_back = commits.iter().all(|commit| commit.backs_out);
    near * size * if takes_back { BACKOUT } else { 1.0 }
}

fn nearness(file: &str, path: &str) -> f64 {
    let folders = |path: &str| -> Vec<String> {
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let folders = &parts[..parts.len().saturating_sub(1)];
        // Tests stand in a folder of their own, below what they test.
        let own = folders.iter().filter(|part| !matches!(**part, "test" | "tests" | "unit"));
        own.map(|part| (*part).to_owned()).collect()
    };
    let (file, path) = (folders(file), folders(path));
    let shared = file.iter().zip(&path).take_while(|(a, b)| a == b).count();
    match shared {
        0 => 1.0,
        all if all == path.len() || all >= 3 => NEAR,
        _ => SAME_PART,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Revision, Vcs};

    fn commit(files: &[&str], parents: usize, backs_out: bool) -> Commit {
        let revision = || Revision::new(Vcs::Hg, &"a".repeat(40)).unwrap();
        Commit {
            revision: revision(),
            git: None,
            author: String::new(),
            summary: String::new(),
            files: files.iter().map(|file| (*file).to_owned()).collect(),
            parents: (0..parents).map(|_| revision()).collect(),
            backed_out_by: None,
            backs_out,
            backs_out_of: Vec::new(),
        }
    }

    #[test]
    fn what_touches_the_tests_part_of_the_tree_is_likelier() {
        let test = Some("dom/base/test/test_a.html");
        let of = |files: &[&str]| suspicion(&[commit(files, 1, false)], test);
        assert_eq!(of(&["dom/base/Node.cpp", "README"]), NEAR);
        assert_eq!(of(&["dom/media/x.cpp"]), SAME_PART);
        assert_eq!(of(&["layout/base/x.cpp"]), 1.0);
        assert_eq!(suspicion(&[], test), 1.0);
        assert_eq!(suspicion(&[commit(&["dom/base/Node.cpp"], 1, false)], None), 1.0);
        assert_eq!(suspicion(&[commit(&["layout/x"], 1, true)], test), BACKOUT);
        let merge: Vec<Commit> = (0..9).map(|_| commit(&["layout/x"], 2, false)).collect();
        assert_eq!(suspicion(&merge, test), 3.0);
    }
}
