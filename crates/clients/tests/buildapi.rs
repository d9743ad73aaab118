//! The Buildbot-era sources: recorded shapes, real samples, and what is cut off.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use flate2::{Compression, write::GzEncoder};
use mozci_clients::act::ActError;
use mozci_clients::buildapi::{Day, DumpError, Dumps, SelfServe, parse_things, read_dump};
use mozci_core::era::{Build, DumpRow, EraFarm, Outcome, standing};
use mozci_core::ids::{BuildRequestId, SelfServeId};
use mozci_core::run::State;
use serde_json::{Value, json};

use crate::serving::{Answer, Server, http, serve};

/// A file of the real data, where it is there.
fn data(name: &str) -> Option<Vec<u8>> {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/buildbot-era");
    let read = std::fs::read(folder.join(name)).ok();
    if read.is_none() {
        eprintln!("skipped: {} is not there", folder.join(name).display());
    }
    read
}

fn builds(farm: &EraFarm) -> BTreeMap<&str, Build<'_>> {
    farm.builders().keys().map(|name| (name.as_str(), farm.build_of(name))).collect()
}

#[test]
fn the_real_samples_tell_which_build_triggers_which_test() {
    let Some(sample) = data("allthethings_sample.json") else { return };
    let farm = parse_things(&sample).unwrap();
    let found = builds(&farm);
    let by = |test: &str| &found[test];
    assert_eq!(*by("Platform1 try opt test mochitest-1"), Build::Builder("Platform1 try build"));
    assert_eq!(
        *by("Platform1 try debug test mochitest-1"),
        Build::Builder("Platform1 try leak test build")
    );
    assert_eq!(*by("Platform1 try talos tp5o"), Build::Builder("Platform1 try build"));
    // On a branch that releases are made of the usual build is the one with profiles.
    assert_eq!(
        *by("Platform1 mozilla-beta pgo talos tp5o"),
        Build::Builder("Platform1 mozilla-beta build")
    );
    assert_eq!(
        *by("Platform2 mozilla-beta talos tp5o"),
        Build::Builder("Platform2 mozilla-beta build")
    );
    // Nothing starts it: nothing is guessed.
    assert_eq!(*by("Platform1 try pgo test mochitest-1"), Build::NoScheduler);
    assert_eq!(*by("Platform1 try build"), Build::Itself);
    // Its build is not among the builders.
    let snow = "Rev4 MacOSX Snow Leopard 10.6 fx-team debug test cppunit";
    assert_eq!(farm.build_of(snow), Build::NoBuilder("fx-team-macosx64-debug-unittest"));
    assert_eq!(farm.every(snow), Some(7));
    assert_eq!(farm.every("Platform1 try opt test mochitest-1"), None);
    let Some(talos) = data("allthethings_talos_sample.json") else { return };
    let talos = parse_things(&talos).unwrap();
    assert_eq!(talos.builders().len(), 4);
    assert!(
        builds(&talos).values().all(|build| matches!(build, Build::Itself | Build::NoScheduler))
    );
}

#[test]
fn what_is_no_list_of_everything_says_why() {
    assert!(parse_things(b"[1").is_err());
    let error = parse_things(br#"{"builders": {"a": {"properties": 3}}}"#).unwrap_err();
    assert!(error.contains("line 1"), "{error}");
    assert!(parse_things(b"{}").unwrap().builders().is_empty());
}

fn row(request: u64, revision: &str) -> Value {
    json!({
        "request_ids": [request], "starttime": 1_425_000_000, "endtime": 1_425_000_600.5, "result": 0,
        "buildnumber": 3, "master_id": 7, "reason": "scheduler",
        "properties": {
            "buildername": "Linux try build", "revision": revision, "request_ids": [request],
            "packageUrl": "http://ftp.example.org/firefox.tar.bz2", "slavename": "x",
            "testsUrl": "http://ftp.example.org/firefox.tests.zip",
            "blobber_files": "{\"raw.log\": \"http://blobs.example.org/1\"}",
            "commit_titles": ["\u{2192}"], "uploadFiles": "NaN",
        },
    })
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(text).unwrap();
    packer.finish().unwrap()
}

fn all(_: &DumpRow) -> bool {
    true
}

#[test]
fn a_dump_is_read_row_by_row_and_one_that_is_cut_off_gives_what_it_has() {
    let rows: Vec<Value> = (0..200).map(|n| row(n, "aaaaaaaaaaaabbbb")).collect();
    let text = json!({"x": [{}], "builds": rows, "y": 1}).to_string();
    let whole = read_dump(&*packed(text.as_bytes()), &all);
    assert_eq!((whole.seen, whole.rows.len(), whole.broke.clone()), (200, 200, None));
    let first = &whole.rows[0];
    assert_eq!(first.files.len(), 2);
    assert_eq!(first.uploaded, [("raw.log".to_owned(), "http://blobs.example.org/1".to_owned())]);
    assert_eq!(first.ended.unwrap().0, 1_425_000_600);
    // Not packed it is the same, and only what is wanted is held.
    let some = read_dump(text.as_bytes(), &|row| row.requests == [BuildRequestId(7)]);
    assert_eq!((some.seen, some.rows.len()), (200, 1));
    for cut in [text.len() / 2, text.len() - 3] {
        let cut = read_dump(&text.as_bytes()[..cut], &all);
        assert!(cut.broke.is_some() && cut.seen > 50 && cut.rows.len() == cut.seen, "{}", cut.seen);
    }
    let whole = packed(text.as_bytes());
    let cut = read_dump(&whole[..whole.len() / 2], &all);
    assert!(cut.broke.is_some(), "{cut:?}");
    assert!(read_dump(&b"{\"other\": 1}"[..], &all).broke.unwrap().contains("no `builds`"));
    assert!(read_dump(&b"<html>"[..], &all).broke.is_some());
    assert!(read_dump(&b""[..], &all).broke.is_some());
    // A row that is larger than any can be ends the reading, whatever it packs to.
    let bomb = json!({"builds": [row(1, "a"), {"reason": "x".repeat(40 << 20)}, row(2, "a")]});
    let bomb = read_dump(&*packed(bomb.to_string().as_bytes()), &all);
    assert!(bomb.broke.unwrap().contains("a row of more than"), "{}", bomb.seen);
    // Half the files are none.
    let mut half = row(3, "a");
    half["properties"].as_object_mut().unwrap().remove("packageUrl");
    let half = read_dump(json!({"builds": [half]}).to_string().as_bytes(), &all);
    assert!(half.rows[0].files.is_empty());
}

#[tokio::test]
async fn dumps_are_served_or_archived_and_a_day_without_one_is_said() {
    let day = Day::Of(chrono::NaiveDate::from_ymd_opt(2015, 3, 1).unwrap());
    let body = packed(json!({"builds": [row(1, "a")]}).to_string().as_bytes());
    let mut served = Answer::json(200, "");
    served.body = body.clone();
    let server = serve(vec![
        served.typed("application/x-gzip"),
        Answer::json(404, "<html>").typed("text/html"),
    ])
    .await;
    let dumps = Dumps::new(http(0), Some(server.url.clone()), None);
    let read = dumps.read(day, Box::new(all)).await.unwrap();
    assert_eq!((read.rows.len(), dumps.is_archive()), (1, false));
    let missing = dumps.read(Day::Newest, Box::new(all)).await.unwrap_err();
    assert!(matches!(missing, DumpError::Missing { .. }), "{missing}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("builds-2015-03-01.js.gz"), &body).unwrap();
    std::fs::write(folder.path().join("builds-2015-03-03.js"), "{\"builds\": []}").unwrap();
    std::fs::write(folder.path().join("notes.txt"), "").unwrap();
    let archive = Dumps::new(http(0), None, Some(folder.path().to_owned()));
    assert!(archive.is_archive());
    let days: Vec<String> = archive.archived().iter().map(ToString::to_string).collect();
    assert_eq!(days, ["2015-03-03", "2015-03-01"]);
    assert_eq!(archive.read(day, Box::new(all)).await.unwrap().rows.len(), 1);
    let missing = archive.read(Day::Newest, Box::new(all)).await.unwrap_err();
    assert!(missing.to_string().contains("no dump of the last four hours"), "{missing}");
}

async fn self_serve(answers: Vec<Answer>) -> (Server, SelfServe) {
    let server = serve(answers).await;
    let base = server.url.join("buildapi/self-serve").unwrap();
    let client = SelfServe::new(http(0), base, "try");
    (server, client)
}

#[tokio::test]
async fn a_list_tells_pending_running_ended_and_coalesced_apart() {
    let revision = "aaaaaaaaaaaabbbbbbbbbbbbccccccccccccdddd";
    let ended = |id: u64| json!({"request_id": id, "complete_at": 5, "revision": revision});
    let body = json!([
        {"buildername": "b", "request_id": 1},
        {"buildername": "b", "status": null, "requests": [{"request_id": 2, "revision": revision}]},
        {"buildername": "b", "status": null, "endtime": 5, "requests": [ended(3)]},
        {"buildername": "b", "status": 0, "endtime": 5, "requests": [ended(4)], "build_id": 9},
        {"buildername": "b", "status": 0, "endtime": 5, "requests": [ended(5)], "build_id": 8},
    ]);
    let (_server, client) = self_serve(vec![Answer::json(200, &body.to_string())]).await;
    let listed = client.requests_of(revision).await.unwrap();
    let other = DumpRow { revision: "cccccccccccc".into(), ..DumpRow::default() };
    let own = DumpRow { revision: revision[..12].into(), ..DumpRow::default() };
    let rows = [None, None, None, Some(&own), Some(&other)];
    let states: Vec<State> =
        listed.iter().zip(rows).map(|(one, row)| standing(one, row, true)).collect();
    assert_eq!(states[0], State::Pending);
    assert_eq!(states[1], State::Running);
    assert!(matches!(states[2], State::Unknown(_)));
    assert_eq!((&states[3], &states[4]), (&State::Passed, &State::Coalesced));
    assert_eq!(listed[3].status, Some(Outcome::Ended(0)));
    // Nothing was ever requested there; another branch is another matter.
    let none = r#"{"msg": "Revision aaaa not found on branch try"}"#;
    let (_server, client) = self_serve(vec![Answer::json(404, none)]).await;
    assert_eq!(client.requests_of(revision).await.unwrap(), []);
    let branch = r#"{"msg": "Branch tyr not found"}"#;
    let (_server, client) = self_serve(vec![Answer::json(404, branch)]).await;
    assert!(client.requests_of(revision).await.unwrap_err().is_not_found());
    let odd = json!([{"buildername": "b", "status": 0}]).to_string();
    let (_server, client) = self_serve(vec![Answer::json(200, &odd)]).await;
    let error = client.requests_of(revision).await.unwrap_err();
    assert!(error.to_string().contains("names no request"), "{error}");
}

#[tokio::test]
async fn acts_are_told_apart_by_what_may_have_happened() {
    let accepted = r#"{"request_id": 17}"#;
    let (_server, client) = self_serve(vec![
        Answer::json(202, accepted),
        Answer::json(202, accepted),
        Answer::json(401, r#"{"msg": "who are you?"}"#),
        Answer::json(404, "{}"),
        Answer::json(500, "{}"),
        Answer::json(202, "{}"),
    ])
    .await;
    let files = ["http://a/firefox.tar.bz2".to_owned(), "http://a/tests.zip".to_owned()];
    let revision = "a".repeat(40);
    assert_eq!(client.trigger("t", &revision, &files).await.unwrap().id, SelfServeId(17));
    assert_eq!(client.again(BuildRequestId(3), 1).await.unwrap().id, SelfServeId(17));
    let forbidden = client.cancel(BuildRequestId(3)).await.unwrap_err();
    assert!(matches!(&forbidden, ActError::Forbidden(why) if why.contains("who are you")));
    let refused = client.cancel(BuildRequestId(3)).await.unwrap_err();
    assert!(matches!(refused, ActError::Refused(_)), "{refused}");
    let uncertain = client.again(BuildRequestId(3), 1).await.unwrap_err();
    assert!(matches!(uncertain, ActError::Uncertain(_)), "{uncertain}");
    let uncertain = client.again(BuildRequestId(3), 1).await.unwrap_err();
    assert!(matches!(uncertain, ActError::Uncertain(_)), "{uncertain}");
}
