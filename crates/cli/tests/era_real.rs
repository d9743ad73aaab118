//! Real names, a real graph and a real log of the Buildbot farm of 2011 to 2017.

use std::collections::BTreeSet;
use std::io::{Read, Write};

use mozci_clients::buildapi::parse_things;
use mozci_core::chooser::Tree;
use mozci_core::era::{Build, suite};
use mozci_sim::all_the_things;
use serde_json::{Value, json};

use crate::era::{farm, ok};

fn data(name: &str) -> Option<Value> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = folder.join("../../../shared/data/buildbot-era").join(name);
    let Ok(bytes) = std::fs::read(&path) else {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    };
    Some(serde_json::from_slice(&bytes).unwrap())
}

/// An allthethings.json of the real size, of the real names: each of the 5,876 tests leads to the build
/// that triggered it.
#[test]
fn every_real_test_leads_to_its_build() {
    let Some(pairs) = data("test_to_build.json") else { return };
    let pairs: Vec<(&str, &str)> = pairs
        .as_object()
        .unwrap()
        .iter()
        .map(|(test, build)| (test.as_str(), build.as_str().unwrap()))
        .collect();
    assert_eq!(pairs.len(), 5876);
    let things = all_the_things(pairs.iter().copied(), []).to_string();
    let farm = parse_things(things.as_bytes()).unwrap();
    let builds: BTreeSet<&str> = pairs.iter().map(|(_, build)| *build).collect();
    assert_eq!(farm.builders().len(), pairs.len() + builds.len());
    let wrong: Vec<_> = pairs
        .iter()
        .filter(|(test, build)| farm.build_of(test) != Build::Builder(build))
        .take(5)
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    // The names alone say which is which.
    assert!(pairs.iter().all(|(test, _)| suite(test).is_some()));
    assert!(builds.iter().all(|build| farm.build_of(build) == Build::Itself));
    let graph = farm.graph(None);
    assert!(graph.problems().is_empty(), "{:?}", graph.problems());
    assert_eq!(Tree::new(graph.jobs()).without_build, Vec::<&str>::new());
}

/// The graph that was made of the full file of 2016 comes out of its names.
#[test]
fn the_real_graph_comes_out_of_its_names() {
    let Some(real) = data("graph_result.json") else { return };
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut bare: Vec<String> = Vec::new();
    for platforms in real.as_object().unwrap().values() {
        for platform in platforms.as_object().unwrap().values() {
            for (build, tests) in platform.as_object().unwrap() {
                if build == "tests" {
                    continue;
                }
                bare.push(build.clone());
                let tests = tests.as_array().unwrap().iter();
                pairs.extend(tests.map(|test| (test.as_str().unwrap().to_owned(), build.clone())));
            }
        }
    }
    let tests = pairs.iter().map(|(test, build)| (test.as_str(), build.as_str()));
    let things = all_the_things(tests, bare.iter().map(String::as_str)).to_string();
    let graph = parse_things(things.as_bytes()).unwrap().graph(None);
    let found = serde_json::to_value(Tree::new(graph.jobs())).unwrap();
    assert_eq!(found, real);
}

/// A real log of 2013, packed as the server had it, where a dump says that it is.
#[test]
fn a_real_log_of_that_time_is_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/logs");
    let log = folder.join("mozilla-central-macosx64-debug-bm65-build1-build15.txt.gz");
    let Ok(log) = std::fs::read(&log) else {
        eprintln!("skipped: {} is not there", log.display());
        return;
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/build15.txt.gz", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let _ = socket.read(&mut [0u8; 4096]);
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/x-gzip\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                log.len()
            );
            let _ = socket.write_all(head.as_bytes()).and_then(|()| socket.write_all(&log));
        }
    });
    let served = farm();
    let archive = tempfile::tempdir().unwrap();
    let revision = "0123456789abcdef0123456789abcdef01234567";
    let name = "OS X 10.7 64-bit mozilla-central leak test build";
    let dump = json!({"builds": [{
        "request_ids": [5], "starttime": 1_370_000_000, "endtime": 1_370_003_600, "result": 2,
        "properties": {"buildername": name, "revision": revision, "log_url": url},
    }]});
    std::fs::write(archive.path().join("builds-2013-05-31.js"), dump.to_string()).unwrap();
    served.write_config(&format!(
        "[ci.era]\nkind = \"buildapi\"\nbuildjson_dir = {:?}\n\
         [ci.era.repos.mozilla-central]\npushlog = \"dumps\"\n",
        archive.path()
    ));
    let arguments =
        ["--ci", "era", "--repo", "mozilla-central", "failures", "--rev", "tip", "--json"];
    let said = ok(served.run(&arguments)).json();
    let run = &said["runs"][0];
    assert_eq!((&run["job"], &run["revision"]), (&json!(name), &json!(revision)), "{said}");
    let evidence = &run["readings"][0]["evidence"];
    assert!(evidence["lines"].as_u64().unwrap() > 10_000, "{said}");
}
