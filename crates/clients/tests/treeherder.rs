//! Treeherder's traps.

use mozci_clients::http::Problem;
use mozci_clients::treeherder::{JobFilter, Treeherder};
use mozci_core::ids::{JobName, TreeherderPushId};
use mozci_core::run::State;
use mozci_core::time::{At, Minutes};

use crate::serving::{Answer, Server, http, recorded, serve};

async fn treeherder(answers: Vec<Answer>) -> (Server, Treeherder) {
    let server = serve(answers).await;
    let client = Treeherder::new(http(0), server.url.clone(), "autoland");
    (server, client)
}

const ONE: [TreeherderPushId; 1] = [TreeherderPushId(6)];

#[tokio::test]
async fn rows_are_runs_with_treeherders_words_for_results() {
    let (_server, client) = treeherder(vec![recorded("treeherder", "jobs-default")]).await;
    let rows = client.jobs(&ONE, &JobFilter::All).await.unwrap();
    let states: Vec<(&str, State)> =
        rows.rows.iter().map(|row| (row.job.as_str(), row.run.state.clone())).collect();
    assert_eq!(states[0], ("Gecko Decision Task", State::Passed));
    assert_eq!(states[2], ("test-linux2404-64/debug-mochitest-browser-chrome-1", State::Failed));
    assert_eq!(states[5].1, State::Retried);
    assert_eq!(states[6].1, State::Cancelled);
    let first = &rows.rows[0];
    assert_eq!(first.run.key.request.to_string(), "MT5LWGVySgeKFRYXGBkaGw");
    assert_eq!(first.run.duration, Some(Minutes(18)));
    assert_eq!((first.symbol.as_str(), first.platform.as_str()), ("D", "gecko-decision/opt"));
    assert!(rows.revisions[&TreeherderPushId(6)].starts_with("402a107ebc79"));
}

#[tokio::test]
async fn the_trailing_slash_and_the_version_are_always_there() {
    let (server, client) = treeherder(vec![recorded("treeherder", "jobs-in")]).await;
    client.jobs(&ONE, &JobFilter::Job(JobName::new("a b"))).await.unwrap();
    let asked = server.asked.lock().unwrap();
    assert_eq!(asked[0], "/api/jobs/?push_id__in=6&count=2000&job_type_name=a+b");
}

/// A page as Treeherder has them, with the columns in an order of their own. The columns that tell
/// what kind of a task it is stand behind the others in every row.
fn page(count: u64, rows: &[&str], names: &str) -> Answer {
    let more = |list: &str, cells: &str| {
        let separator = if list == "[]" { "" } else { "," };
        format!("{}{separator}{cells}]", list.strip_suffix(']').unwrap())
    };
    let rows: Vec<String> = rows.iter().map(|row| more(row, r#""M","1","linux""#)).collect();
    let names = more(names, r#""job_group_symbol","job_type_symbol","platform""#);
    let body = format!(
        "{{\"count\": {count}, \"next\": null, \"previous\": null, \"results\": [{}], \"job_property_names\": {names}}}",
        rows.join(",")
    );
    Answer::json(200, &body)
}

const NAMES: &str =
    r#"["retry_id","new_column","task_id","state","result","push_id","job_type_name","duration"]"#;

#[tokio::test]
async fn columns_are_found_by_name_and_new_ones_passed_over() {
    let row = r#"[1, {"x": [1]}, "MT5LWGVySgeKFRYXGBkaGw", "running", "unknown", 6, "a", 7]"#;
    let (_server, client) = treeherder(vec![page(1, &[row], NAMES)]).await;
    let rows = client.jobs(&ONE, &JobFilter::All).await.unwrap();
    let run = &rows.rows[0].run;
    assert_eq!((run.key.run, run.state.clone()), (1, State::Running));
    // Treeherder counts minutes for runs that have not ended, too.
    assert_eq!(run.duration, None);
}

#[tokio::test]
async fn a_word_that_nobody_knows_is_kept_and_a_row_without_a_task_counted() {
    let odd = r#"[0, 0, "MT5LWGVySgeKFRYXGBkaGw", "completed", "exploded", 6, "a", 7]"#;
    let bare = r#"[0, 0, null, "completed", "success", 6, "b", 7]"#;
    let (_server, client) = treeherder(vec![page(2, &[odd, bare], NAMES)]).await;
    let rows = client.jobs(&ONE, &JobFilter::All).await.unwrap();
    assert_eq!(rows.rows[0].run.state, State::Unknown("completed exploded".into()));
    assert_eq!((rows.rows.len(), rows.without_task), (1, 1));
}

#[tokio::test]
async fn a_column_that_is_missing_is_named() {
    let names = r#"["retry_id","task_id","state","push_id","job_type_name"]"#;
    let (_server, client) = treeherder(vec![page(0, &[], names)]).await;
    let error = client.jobs(&ONE, &JobFilter::All).await.unwrap_err();
    assert!(matches!(&error.problem, Problem::Shape(text) if text.contains("result")), "{error}");
}

#[tokio::test]
async fn rows_that_did_not_come_are_not_taken_for_absent() {
    let row = r#"[0, 0, "MT5LWGVySgeKFRYXGBkaGw", "completed", "success", 6, "a", 7]"#;
    let (_server, client) = treeherder(vec![page(2, &[row], NAMES)]).await;
    let error = client.jobs(&ONE, &JobFilter::All).await.unwrap_err();
    assert!(matches!(&error.problem, Problem::Broken(text) if text.contains("4 times")), "{error}");
}

#[tokio::test]
async fn pages_that_shift_are_read_anew_and_a_row_that_comes_twice_hides_none() {
    let row = |n: u32| {
        let task = mozci_core::ids::TaskId::from_bytes([
            n as u8,
            (n >> 8) as u8,
            1,
            1,
            1,
            1,
            1,
            1,
            1,
            1,
            1,
            1,
            1,
            1,
            1,
            1,
        ]);
        format!(r#"[0, 0, "{task}", "completed", "success", 6, "a", 7]"#)
    };
    let rows = |from: u32, until: u32| (from..until).map(row).collect::<Vec<_>>();
    let page =
        |rows: Vec<String>| page(2001, &rows.iter().map(String::as_str).collect::<Vec<_>>(), NAMES);
    // A row was added and another taken away while the pages were read: the last one comes twice,
    // and number 2000 never.
    let (server, client) = treeherder(vec![
        page(rows(0, 2000)),
        page(rows(1999, 2000)),
        page(rows(0, 2000)),
        page(rows(2000, 2001)),
    ])
    .await;
    let all = client.jobs(&ONE, &JobFilter::All).await.unwrap();
    assert_eq!(all.rows.len(), 2001);
    assert_eq!(server.asked.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn pushes_come_with_treeherders_own_numbers() {
    let (server, client) =
        treeherder(vec![recorded("treeherder", "push-fromchange-tochange")]).await;
    let pushes = client.pushes_between(At(1_700_003_000), At(1_700_006_000)).await.unwrap();
    assert_eq!(pushes.len(), 4);
    assert!(pushes.windows(2).all(|pair| pair[0].push.date <= pair[1].push.date));
    let asked = server.asked.lock().unwrap();
    assert_eq!(
        asked[0],
        "/api/project/autoland/push/?push_timestamp__gte=1700003000&push_timestamp__lte=1700006000&count=1000"
    );
}

#[tokio::test]
async fn a_commit_inside_a_push_is_looked_for_by_its_own_filter() {
    let (server, client) = treeherder(vec![recorded("treeherder", "push-commit-revision")]).await;
    let hash = "c7ba39300d7af01f388f915fb266faf01a9c7911";
    let found = client.push_of(hash).await.unwrap().unwrap();
    assert_eq!(found.id, TreeherderPushId(6));
    assert!(server.asked.lock().unwrap()[0].contains("commit_revision="));
    let (_server, client) = treeherder(vec![recorded("treeherder", "push-revision-nontip")]).await;
    assert!(client.push_of(hash).await.unwrap().is_none());
}

#[tokio::test]
async fn what_treeherder_does_not_know_may_be_a_500_in_html() {
    for name in ["push-fromchange-unknown", "no-trailing-slash"] {
        let (_server, client) = treeherder(vec![recorded("treeherder", name)]).await;
        let error = client.newest_pushes(1).await.unwrap_err();
        assert!(matches!(error.problem, Problem::Status { status: 500, .. }), "{error}");
        assert!(!error.is_not_found());
    }
}
