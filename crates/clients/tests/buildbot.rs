//! The Buildbot client against a real 4.3.0 master's recorded answers.

use std::collections::HashSet;

use mozci_clients::act::ActError;
use mozci_clients::buildbot::{
    BuildsOf, Channel, ForceError, ForceScheduler, Master, Parameters, Stamp,
};
use mozci_clients::http::Problem;
use mozci_core::farm::{Results, absorbers, runs_of};
use mozci_core::ids::{BuildId, BuildRequestId, SchedulerName};
use mozci_core::run::State;
use mozci_core::time::At;
use serde_json::json;

use crate::serving::{Answer, Server, http, recorded, serve};

/// An answer of the master's: its errors to reading come as plain text.
fn answer(name: &str, status: u16) -> Answer {
    let kind = "application/json; charset=utf-8";
    Answer { status, ..recorded("buildbot", name) }.typed(kind)
}

async fn master(answers: Vec<Answer>) -> (Server, Master) {
    let server = serve(answers).await;
    let master = Master::new(http(0), server.url.clone());
    (server, master)
}

fn asked(server: &Server) -> String {
    server.asked.lock().unwrap().last().unwrap().clone()
}

#[tokio::test]
async fn changes_come_the_other_way_round_and_are_sorted() {
    let (server, master) = master(vec![answer("changes", 200)]).await;
    let changes = master.newest_changes("main", Some(99), 50).await.unwrap();
    assert!(changes.len() > 5 && changes.windows(2).all(|pair| pair[0].id > pair[1].id));
    assert_eq!(changes[0].stamp.revision.len(), 40);
    assert_eq!(changes[0].stamp.repository, "file:///srv/git/widgets.git");
    let question = asked(&server);
    let whole = "/api/v2/changes?branch=main&order=-changeid&limit=50&changeid__lt=99";
    assert_eq!(question, whole);
}

#[tokio::test]
async fn a_prefix_that_the_master_would_ignore_is_held_against_what_comes() {
    let (_server, master) = master(vec![answer("changes", 200)]).await;
    let found = master.changes_of("main", "06410bcf30ed").await.unwrap();
    assert!(found.iter().all(|change| change.stamp.revision.starts_with("06410bcf30ed")));
    assert!(master.changes_of("main", "ffffffffffff").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_burst_shows_what_was_coalesced_and_into_what() {
    let answers = ["burst_buildrequests", "burst_builds", "burst_buildsets"];
    let (_server, master) = master(answers.map(|name| answer(name, 200)).to_vec()).await;
    let requests = master.requests_since(At(0), BuildsOf::All).await.unwrap().rows;
    let builds = master.builds_since(At(0), BuildsOf::All).await.unwrap().rows;
    let sets = master.sets_since(At(0)).await.unwrap().rows;
    let built: HashSet<BuildRequestId> = builds.iter().map(|build| build.request).collect();
    let into = absorbers(&requests, &built);
    let coalesced: Vec<u64> = requests
        .iter()
        .filter(|request| {
            let own: Vec<_> = builds.iter().filter(|b| b.request == request.id).collect();
            runs_of(request, &own, None)[0].state == State::Coalesced
        })
        .map(|request| request.id.0)
        .collect();
    let mut sorted = coalesced.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [72, 73, 74, 75, 76, 77, 78, 79, 80]);
    // Every one ends in what was built for the last commit of the burst.
    for id in coalesced {
        let expected = if [72, 73, 75, 77, 79].contains(&id) { 81 } else { 82 };
        assert_eq!(into.get(&BuildRequestId(id)), Some(&BuildRequestId(expected)), "{id}");
    }
    // The master calls the buildset of a coalesced request a success.
    let skipped = sets.iter().find(|set| set.id == 79).unwrap();
    assert_eq!(skipped.results, Some(Results::Success));
}

#[tokio::test]
async fn a_filter_that_is_ignored_is_found_out() {
    let (server, master) = master(vec![answer("burst_builds", 200)]).await;
    let listed = master.builds_since(At(4_000_000_000), BuildsOf::Builders(&[1, 3])).await.unwrap();
    assert!(listed.ignored && listed.rows.is_empty());
    let question = asked(&server);
    assert!(question.contains("started_at__ge=4000000000"), "{question}");
    // Repeated equality would bring every build.
    assert!(question.contains("builderid__in=1&builderid__in=3"), "{question}");
}

#[tokio::test]
async fn a_retried_request_has_two_runs_and_the_last_one_counts() {
    let answers = vec![answer("br_retried", 200), answer("builds_of_retried_br", 200)];
    let (_server, master) = master(answers).await;
    let request = master.requests_since(At(0), BuildsOf::All).await.unwrap().rows.remove(0);
    let builds = master.builds_of(&[request.id]).await.unwrap();
    let runs = runs_of(&request, &builds.iter().collect::<Vec<_>>(), None);
    let states: Vec<&str> = runs.iter().map(|run| run.state.word()).collect();
    assert_eq!((states[0], states.len()), ("retried", 2), "{states:?}");
    assert!(runs[1].state.is_final() && runs[1].state != State::Retried);
}

#[tokio::test]
async fn errors_are_the_masters_own_words_or_somebody_elses_page() {
    let text = r#"{"error": "not found while getting from endpoint for /buildsets/n:bsid with arguments ResultSpec(**{'filters': []}) and {'bsid': 9999}"}"#;
    let missing = Answer::json(404, text).typed("text/plain; charset=utf-8");
    let (_server, of_master) = master(vec![missing]).await;
    let error = of_master.set(9999).await.unwrap_err();
    assert!(error.is_not_found() && !error.to_string().contains("ResultSpec"), "{error}");
    let page = Answer::json(200, "<html>Welcome to nginx!</html>").typed("text/html");
    let (server, of_page) = master(vec![page]).await;
    let error = of_page.builders().await.unwrap_err();
    let Problem::NotJson { start, .. } = &error.problem else { panic!("{error}") };
    assert!(start.contains(&format!("no Buildbot master seems to be at {}", server.url)));
    let page = Answer::json(404, "<html>Not Found</html>").typed("text/html");
    let (_server, of_page) = master(vec![page]).await;
    let error = of_page.builders().await.unwrap_err().to_string();
    assert!(error.contains("no Buildbot master answers at"), "{error}");
    let whole = recorded("buildbot", "builders").body;
    let half = Answer::json(200, std::str::from_utf8(&whole[..whole.len() / 2]).unwrap());
    let (_server, of_half) = master(vec![half]).await;
    let error = of_half.builders().await.unwrap_err();
    assert!(matches!(error.problem, Problem::Broken(_)), "{error}");
}

#[tokio::test]
async fn a_master_below_a_path_is_asked_there() {
    let server = serve(vec![answer("builders", 200)]).await;
    for base in ["sub/path", "sub/path/", "sub/path/#/builders"] {
        let master = Master::new(http(0), server.url.join(base).unwrap());
        assert_eq!(master.builders().await.unwrap().len(), 3);
        assert_eq!(asked(&server), "/sub/path/api/v2/builders");
        let link = master.request_link(BuildRequestId(5));
        assert!(link.ends_with("/sub/path/#/buildrequests/5"), "{link}");
    }
}

fn stamp() -> Stamp {
    let revision = "06410bcf30edfd1ed4d4d479835e393cbbd06b05".to_owned();
    let repository = "file:///srv/git/widgets.git".to_owned();
    Stamp { revision, branch: Some("main".into()), repository, ..Stamp::default() }
}

#[tokio::test]
async fn a_scheduler_is_told_what_it_can_be_told_and_what_it_wants_is_named() {
    let mut wants = recorded("buildbot", "forceschedulers");
    let text = String::from_utf8(wants.body.clone()).unwrap();
    // As the master has it, but that a field has to be given.
    let field = r#""fullName":"trigger_id","hide":false,"label":"id of the trigger","maxsize":null,"multiple":false,"name":"trigger_id","regex":null,"required":"#;
    assert!(text.contains(&format!("{field}false")));
    wants.body = text.replace(&format!("{field}false"), &format!("{field}true")).into_bytes();
    let (_server, master) = master(vec![answer("forceschedulers", 200), wants]).await;
    let schedulers = master.force_schedulers().await.unwrap();
    let test = schedulers.iter().find(|scheduler| scheduler.covers("test")).unwrap();
    assert!(!test.covers("build"));
    let none = Parameters::new();
    let body = test.parameters(3, &stamp(), &[], &none).unwrap();
    let revision = stamp().revision;
    let expected = json!({
        "builderid": 3, "branch": "main", "revision": revision,
    });
    // Repository and project are fixed there.
    assert_eq!(serde_json::Value::Object(body), expected);
    let given = Parameters::from([("suite".to_owned(), "xpcshell".to_owned())]);
    let body = test.parameters(3, &stamp(), &[], &given).unwrap();
    assert_eq!(body["suite"], "xpcshell");
    let odd = Parameters::from([("colour".to_owned(), "red".to_owned())]);
    let error = test.parameters(3, &stamp(), &[], &odd).unwrap_err();
    assert!(matches!(&error, ForceError::NoField { field, .. } if field == "colour"), "{error}");
    let other = Stamp { codebase: "lib".into(), ..stamp() };
    let error = test.parameters(3, &other, &[], &none).unwrap_err();
    assert!(matches!(error, ForceError::NoRevision { .. }), "{error}");
    let schedulers = master.force_schedulers().await.unwrap();
    let test = schedulers.iter().find(|scheduler| scheduler.covers("test")).unwrap();
    let error = test.parameters(3, &stamp(), &[], &none).unwrap_err();
    let ForceError::Needs { fields, .. } = &error else { panic!("{error}") };
    assert_eq!(fields, &["trigger_id"]);
}

/// One scheduler whose form has these fields, as masters word them.
async fn scheduler(fields: serde_json::Value) -> ForceScheduler {
    let body = json!({"forceschedulers": [{
        "name": "force", "enabled": true, "builder_names": ["test"], "all_fields": fields,
    }]});
    let (_server, master) = master(vec![Answer {
        status: 200,
        body: body.to_string().into_bytes(),
        ..answer("forceschedulers", 200)
    }])
    .await;
    master.force_schedulers().await.unwrap().remove(0)
}

#[tokio::test]
async fn forms_of_public_farms_take_what_they_can() {
    let text = |name: &str| json!({"fullName": name, "type": "text", "default": ""});
    let fixed =
        |name: &str, default: &str| json!({"fullName": name, "type": "fixed", "default": default});
    let reasons = json!({"fullName": "reason", "type": "list", "default": "", "choices": ["a revision", "a clean build"]});
    let none = Parameters::new();
    // A reason of a few: the first, as the form shows it.
    let listed = scheduler(json!([reasons, text("revision"), text("branch")])).await;
    assert_eq!(listed.reason_room(), None);
    let sent = listed.parameters(3, &stamp(), &[], &none).unwrap();
    assert_eq!(sent["reason"], "a revision");
    // Any other choice decides what is built.
    let kind =
        json!({"fullName": "kind", "type": "list", "default": "", "choices": ["full", "fast"]});
    let asks = scheduler(json!([text("revision"), kind])).await;
    assert_eq!(asks.reason_room(), Some(usize::MAX));
    let error = asks.parameters(3, &stamp(), &[], &none).unwrap_err();
    assert!(matches!(&error, ForceError::Needs { fields, .. } if fields == &["kind"]), "{error}");
    // A revision that is fixed, or that does not fit.
    for revision in [
        fixed("revision", ""),
        json!({"fullName": "revision", "type": "text", "regex": "^r[0-9]+$"}),
        json!({"fullName": "revision", "type": "text", "maxsize": 12}),
    ] {
        let unable = scheduler(json!([revision])).await;
        let error = unable.parameters(3, &stamp(), &[], &none).unwrap_err();
        assert!(matches!(error, ForceError::NoRevision { .. }), "{error}");
    }
    // A branch that is fixed has to be ours.
    let elsewhere = scheduler(json!([text("revision"), fixed("branch", "3.12")])).await;
    let error = elsewhere.parameters(3, &stamp(), &[], &none).unwrap_err();
    assert!(matches!(error, ForceError::OtherBranch { .. }), "{error}");
    let here =
        scheduler(json!([text("revision"), fixed("branch", "main"), fixed("reason", "")])).await;
    assert!(!here.parameters(3, &stamp(), &[], &none).unwrap().contains_key("branch"));
    assert_eq!(here.reason_room(), None);
    // A codebase's part under a name of its own, and the codebases besides.
    let named = scheduler(json!([text("src_revision"), text("src_branch")])).await;
    assert!(named.parameters(3, &stamp(), &[], &none).unwrap().contains_key("src_revision"));
    let two =
        scheduler(json!([text("app_revision"), text("lib_revision"), text("lib_branch")])).await;
    let app = Stamp { codebase: "app".into(), ..stamp() };
    assert_eq!(two.other_codebases("app"), ["lib"]);
    let lib = Stamp {
        codebase: "lib".into(),
        revision: "abc".into(),
        branch: Some("dev".into()),
        ..Stamp::default()
    };
    let sent = two.parameters(3, &app, std::slice::from_ref(&lib), &none).unwrap();
    let told = |name: &str| sent[name].as_str().unwrap().to_owned();
    assert_eq!(told("app_revision"), stamp().revision);
    assert_eq!([told("lib_revision"), told("lib_branch")], ["abc", "dev"]);
    // Another codebase's branch never stands in our field, though that is the only one for a branch.
    let fields = [text("app_revision"), text("app_branch"), text("lib_revision")];
    let sent = scheduler(json!(fields)).await.parameters(3, &app, &[lib], &none).unwrap();
    assert_eq!((&sent["app_branch"], &sent["lib_revision"]), (&json!("main"), &json!("abc")));
    // A plain field for the revision is no part of another codebase.
    let plain = scheduler(json!([text("revision"), text("base_revision")])).await;
    let sent = plain.parameters(3, &stamp(), &[], &none).unwrap();
    assert!(sent.contains_key("revision") && !sent.contains_key("base_revision"), "{sent:?}");
}

#[tokio::test]
async fn what_was_done_and_what_may_have_been_are_told_apart() {
    let scheduler = SchedulerName::new("force-test");
    let body = serde_json::Map::new();
    let force = async |name: &str, status: u16| {
        let (_server, master) = master(vec![answer(name, status)]).await;
        master.force(&scheduler, &body).await
    };
    let made = force("force_min", 200).await.unwrap();
    assert_eq!((made.set, made.request), (35, BuildRequestId(35)));
    let refused = force("force_badrev", 400).await.unwrap_err();
    let ActError::Refused(text) = &refused else { panic!("{refused}") };
    let fields = ["revision: 'NOTAHASH' does not match", "suite: 'nope' does not belong"];
    assert!(fields.iter().all(|field| text.contains(field)), "{text}");
    // Its own insides broke: only its buildsets tell how far it got.
    for (name, status) in [("force_unknown_sched", 500), ("rpc_br_badmethod", 500)] {
        let error = force(name, status).await.unwrap_err();
        assert!(matches!(error, ActError::Uncertain(_)), "{name}: {error}");
    }
    for (name, status) in [("rpc_badjson", 400), ("rpc_no_params", 400), ("rpc_collection", 501)] {
        let error = force(name, status).await.unwrap_err();
        assert!(matches!(error, ActError::Refused(_)), "{name}: {error}");
    }
    // An answer without a build request where one should be.
    let error = force("force_bad_method", 200).await.unwrap_err();
    assert!(matches!(error, ActError::Uncertain(_)), "{error}");
    let (server, of_build) = master(vec![answer("rebuild", 200), answer("stop_build", 200)]).await;
    assert_eq!(of_build.rebuild(BuildId(22)).await.unwrap().request, BuildRequestId(38));
    assert_eq!(asked(&server), "/api/v2/builds/22");
    of_build.stop(BuildId(22), "why").await.unwrap();
    of_build.cancel(BuildRequestId(9), "why").await.unwrap();
    assert_eq!(asked(&server), "/api/v2/buildrequests/9");
    let (_server, gone) = master(vec![answer("rpc_build_404", 500)]).await;
    assert!(matches!(gone.rebuild(BuildId(1)).await, Err(ActError::Uncertain(_))));
    let nobody = Master::new(http(0), "http://127.0.0.1:1/".parse().unwrap());
    assert!(matches!(nobody.rebuild(BuildId(1)).await, Err(ActError::NotSent(_))));
}

#[tokio::test]
async fn the_last_cookie_of_a_name_counts_and_goes_nowhere_else() {
    let session = |value: &str| format!("TWISTED_SESSION={value}; Path=/");
    let signed = Answer::json(302, "")
        .header("set-cookie", &session("anonymous"))
        .header("set-cookie", &session("sheriff"))
        .header("location", "/");
    let elsewhere = serve(vec![answer("builders", 200)]).await;
    let away = Answer::json(302, "").header("location", elsewhere.url.as_str());
    let (server, master) = master(vec![signed, answer("builders", 200), away]).await;
    master.sign_in("sheriff", "s3cret").await.unwrap();
    master.builders().await.unwrap();
    let cookie = |server: &Server| {
        let headers = server.headers.lock().unwrap();
        headers.last().unwrap().get("cookie").map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(cookie(&server).as_deref(), Some("TWISTED_SESSION=sheriff"));
    assert!(server.headers.lock().unwrap()[0].get("authorization").is_some());
    master.builders().await.unwrap();
    assert_eq!(cookie(&elsewhere), None);
    let wrong = Master::new(http(0), serve(vec![Answer::json(401, "")]).await.url.clone());
    let error = wrong.sign_in("sheriff", "s3cret").await.unwrap_err();
    assert!(!error.to_string().contains("s3cret"), "{error}");
}

#[tokio::test]
async fn events_come_as_server_sent_ones_where_there_is_no_web_socket() {
    let text = String::from_utf8(recorded_text("sse_builds.txt")).unwrap();
    let stream = || Answer::json(200, &text).typed("text/event-stream");
    let no_socket = Answer::json(404, "{}");
    let (server, master) = master(vec![no_socket, stream(), stream()]).await;
    let mut events = master.events().await.unwrap();
    assert_eq!(events.channel, Channel::ServerSent);
    let (mut seen, mut mattered) = (0, 0);
    while let Some(event) = events.next().await {
        seen += 1;
        mattered += usize::from(event.matters);
    }
    // The stream ends where the recording does, and says so.
    assert!(mattered > 0 && mattered < seen, "{mattered} of {seen}");
    let asked = server.asked.lock().unwrap().clone();
    assert_eq!(asked[1..], ["/sse/listen/builds/*/*", "/sse/listen/buildrequests/*/*"]);
}

fn recorded_text(name: &str) -> Vec<u8> {
    std::fs::read(crate::serving::folder().join("buildbot").join(name)).unwrap()
}
