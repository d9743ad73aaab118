//! What Lando says of commits' names.

use mozci_clients::http::HttpError;
use mozci_clients::lando::Lando;
use mozci_core::ids::{Revision, Vcs};

use crate::serving::{Answer, http, serve};

const HG: &str = "de9b0e960ced72f6416b8526b9c99d4feaf363ce";
const GIT: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f001122334";

fn revision(vcs: Vcs, hash: &str) -> Revision {
    Revision::new(vcs, hash).unwrap()
}

async fn asked(answer: Answer, of: &Revision) -> Result<Option<Revision>, HttpError> {
    let server = serve(vec![answer]).await;
    let lando = Lando::new(http(0), server.url.join("api/").unwrap(), "firefox");
    let named = lando.other_name(of).await;
    let path = match of.vcs() {
        Vcs::Git => "/api/git2hg/firefox/",
        Vcs::Hg => "/api/hg2git/firefox/",
        Vcs::Svn => unreachable!("no test asks of Subversion"),
    };
    assert_eq!(server.asked.lock().unwrap()[0], format!("{path}{}", of.hash()));
    named
}

#[tokio::test]
async fn a_commit_has_another_name_or_none() {
    let both = Answer::json(200, &format!(r#"{{"git_hash": "{GIT}", "hg_hash": "{HG}"}}"#));
    let (git, hg) = (revision(Vcs::Git, GIT), revision(Vcs::Hg, HG));
    assert_eq!(asked(both.clone(), &git).await.unwrap(), Some(hg.clone()));
    assert_eq!(asked(both, &hg).await.unwrap(), Some(git.clone()));
    // That it has none (yet) is normal.
    let none = Answer::json(404, r#"{"error": "no mapping"}"#);
    assert_eq!(asked(none, &git).await.unwrap(), None);
}

#[tokio::test]
async fn an_answer_about_another_commit_is_refused() {
    let git = revision(Vcs::Git, GIT);
    let other = Answer::json(200, &format!(r#"{{"git_hash": "{HG}", "hg_hash": "{HG}"}}"#));
    let error = asked(other, &git).await.unwrap_err();
    assert!(error.to_string().contains("which was not requested"), "{error}");
    let short = Answer::json(200, &format!(r#"{{"git_hash": "{GIT}", "hg_hash": "de9b0e96"}}"#));
    assert!(asked(short, &git).await.is_err());
    assert!(asked(Answer::json(502, ""), &git).await.is_err());
}
