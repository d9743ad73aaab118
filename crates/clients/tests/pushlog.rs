//! The pushlog's traps.

use mozci_clients::hg::{HgError, PushPage, Pushlog};
use mozci_core::time::At;

use crate::serving::{Answer, Server, http, names, recorded, serve};

async fn pushlog(answer: Answer) -> (Server, Pushlog) {
    let server = serve(vec![answer]).await;
    let pushlog = Pushlog::new(http(0), server.url.join("integration/autoland").unwrap());
    (server, pushlog)
}

async fn page(name: &str) -> PushPage {
    let (_server, pushlog) = pushlog(recorded("hg", name)).await;
    pushlog.between(0, 99).await.unwrap()
}

#[tokio::test]
async fn every_recorded_page_of_version_2_is_read() {
    let mut read = 0;
    for name in names("hg") {
        let answer = recorded("hg", &name);
        let of_version_2 = (name.starts_with("json-pushes") || name.starts_with("nopushlog"))
            && answer.status == 200
            && String::from_utf8_lossy(&answer.body).contains("lastpushid");
        if of_version_2 {
            let (_server, pushlog) = pushlog(answer).await;
            let page = pushlog.between(0, 99).await;
            // A tip-only page of an amended push has no changesets, and its head all the same.
            assert!(page.is_ok(), "{name}: {page:?}");
            read += 1;
        }
    }
    assert!(read >= 30, "{read}");
}

#[tokio::test]
async fn ids_are_numbers_though_they_are_sorted_as_text() {
    let ids: Vec<u64> =
        page("json-pushes-all").await.pushes.iter().map(|push| push.id.number()).collect();
    assert_eq!(ids, (1..=12).collect::<Vec<_>>());
}

#[tokio::test]
async fn git_names_may_be_null() {
    let page = page("json-pushes-v2-fromchange-tochange").await;
    let push = &page.pushes[0];
    assert_eq!(push.id.number(), 5);
    assert_eq!(push.git.as_ref().unwrap().hash(), "4".repeat(40));
    assert!(page.pushes.iter().any(|push| push.git.is_none()));
}

#[tokio::test]
async fn the_head_of_an_amended_push_stands_among_the_obsolete() {
    let page = page("json-pushes-try-v2-obsolete").await;
    assert_eq!(page.pushes[1].revision.hash(), "fd338e6103d79bef36633afd34a94643ee9b3c6d");
    assert_eq!(page.pushes[2].revision.short(), "54f91fe71807");
}

#[tokio::test]
async fn an_unknown_revision_is_told_from_an_unknown_repository() {
    let (_server, log) = pushlog(recorded("hg", "json-pushes-unknown-changeset")).await;
    let error = log.push_of("deadbeefdeadbeef").await.unwrap_err();
    assert!(matches!(error, HgError::UnknownRevision { .. }), "{error}");
    let (_server, log) = pushlog(recorded("hg", "json-pushes-unknown-repo")).await;
    let error = log.push_of("deadbeefdeadbeef").await.unwrap_err();
    assert!(matches!(error, HgError::NoRepository(_)), "{error}");
}

#[tokio::test]
async fn a_changeset_without_a_push_is_unknown_though_the_answer_is_200() {
    let (_server, log) = pushlog(recorded("hg", "nopushlog-changeset-not-in-pushlog")).await;
    let error = log.push_of("b482f9075e91").await.unwrap_err();
    assert!(matches!(error, HgError::UnknownRevision { .. }), "{error}");
}

#[tokio::test]
async fn an_answer_that_does_not_begin_with_what_was_asked_is_refused() {
    // Mercurial takes `0` for the first local revision and answers with its push.
    let (_server, log) = pushlog(recorded("hg", "json-pushes-v2-changeset-short")).await;
    let (_, push) = log.push_of("c7ba39300d7a").await.unwrap();
    assert_eq!(push.id.number(), 3);
    let error = log.push_of("0001").await.unwrap_err();
    assert!(matches!(error, HgError::UnknownRevision { .. }), "{error}");
}

#[tokio::test]
async fn a_lower_bound_always_goes_along_and_dates_have_the_form_that_filters() {
    let (server, log) = pushlog(recorded("hg", "json-pushes-v2-startid-endid")).await;
    log.between(1, 3).await.unwrap();
    log.since(At(1_700_003_800)).await.unwrap();
    let asked = server.asked.lock().unwrap();
    assert_eq!(asked[0], "/integration/autoland/json-pushes?version=2&startID=1&endID=3");
    assert!(asked[1].ends_with("startdate=2023-11-14+23%3A16%3A39+UTC"), "{}", asked[1]);
}

#[tokio::test]
async fn commits_say_who_wrote_them_and_what_backed_them_out() {
    let head = |hash: &str| mozci_core::ids::Revision::new(mozci_core::ids::Vcs::Hg, hash).unwrap();
    let push = head("402a107ebc79c35b604f3215e7ef451e3543ddf6");
    let (_server, log) = pushlog(recorded("hg", "json-automationrelevance-backouts")).await;
    let commits = log.commits(&push).await.unwrap();
    let told: Vec<(&str, bool)> =
        commits.iter().map(|c| (c.summary.as_str(), c.backed_out_by.is_some())).collect();
    assert_eq!(
        told,
        [
            ("Bug 1900002 - Part 1: refactor. r=rev1,rev2", false),
            ("Bug 1900002 - Part 2: feature. r=rev1", true),
            ("Bug 1900002 - Part 3: tests. r=rev2", true),
        ]
    );
    assert_eq!(commits[0].files, ["dom/bar.cpp"]);
    assert!(commits[0].git.is_some() && !commits[0].is_merge());
    // A revision that is not there is answered with 200.
    let (_server, log) = pushlog(recorded("hg", "json-automationrelevance-nonode")).await;
    let error = log.commits(&push).await.unwrap_err();
    assert!(matches!(error, HgError::UnknownRevision { .. }), "{error:?}");
    let (_server, log) = pushlog(recorded("hg", "json-automationrelevance-unknown")).await;
    let error = log.commits(&push).await.unwrap_err();
    assert!(matches!(error, HgError::UnknownRevision { .. }), "{error:?}");
}

#[tokio::test]
async fn merges_are_told_by_their_heads_parents() {
    let (_server, log) = pushlog(recorded("hg", "json-pushes-mc-merge-full")).await;
    let merges = log.merges(0, 99).await.unwrap();
    let told: Vec<(u64, &str, &str)> =
        merges.iter().map(|m| (m.id, &m.head.hash()[..8], &m.merged.hash()[..8])).collect();
    assert_eq!(told, [(3, "4d7aab05", "9434c8ca")]);
    let (_server, log) = pushlog(recorded("hg", "json-pushes-mc-v2-full")).await;
    let all = log.merges(0, 99).await.unwrap();
    assert!(all.iter().all(|merge| merge.head != merge.merged), "{all:?}");
}

#[tokio::test]
async fn full_pushes_have_their_commits_with_files() {
    let (_server, log) = pushlog(recorded("hg", "json-pushes-mc-v2-full")).await;
    let all = log.full(0, 99).await.unwrap();
    assert!(!all.is_empty());
    let commits: Vec<_> = all.values().flatten().collect();
    assert!(commits.iter().any(|commit| !commit.files.is_empty()), "{commits:?}");
    assert!(commits.iter().all(|commit| !commit.author.is_empty()), "{commits:?}");
}
