use proptest::prelude::*;

use super::*;
use crate::filter::JobFilter;

fn graph(jobs: &[NewJob<'_>]) -> JobGraph {
    let mut builder = JobGraphBuilder::default();
    jobs.iter().for_each(|job| builder.add(job));
    builder.finish()
}

fn build(label: &str) -> NewJob<'_> {
    NewJob {
        label,
        kind: Some("build"),
        build_platform: Some("linux64"),
        build_type: Some("opt"),
        ..NewJob::default()
    }
}

fn test<'a>(label: &'a str, platform: &'a str, manifests: &[&'a str]) -> NewJob<'a> {
    NewJob {
        label,
        kind: Some("test"),
        platform: Some(platform),
        build_platform: Some("linux64"),
        build_type: Some("opt"),
        suite: Some("plain"),
        dependencies: vec!["image", "build-linux64/opt"],
        manifests: Some(manifests.to_vec()),
        ..NewJob::default()
    }
}

fn small() -> JobGraph {
    graph(&[
        test("test-l/opt-plain-2", "l/opt", &["b/mochitest.toml"]),
        build("build-linux64/opt"),
        test("test-l/opt-plain-1", "l/opt", &["a/mochitest.toml", "b/mochitest.toml"]),
        NewJob { label: "image", kind: Some("docker-image"), ..NewJob::default() },
    ])
}

#[test]
fn a_graph_is_ordered_as_a_try_chooser_shows_it() {
    let graph = small();
    let tree = Tree::new(graph.jobs());
    let platform = &tree.types["opt"]["linux64"];
    let builds: Vec<(&str, Vec<&str>)> = platform.builds.clone().into_iter().collect();
    let tests = vec!["test-l/opt-plain-1", "test-l/opt-plain-2"];
    assert_eq!(builds, [("build-linux64/opt", tests)]);
    assert_eq!(platform.suites.iter().copied().collect::<Vec<_>>(), ["plain-1", "plain-2"]);
    assert_eq!(tree.others.into_iter().collect::<Vec<_>>(), [("docker-image", 1)]);
    let job = graph.get("test-l/opt-plain-1").unwrap();
    assert_eq!((job.build(), job.role()), (Some("build-linux64/opt"), Role::Test));
    assert_eq!(graph.get("test-l/opt-plain-3").map(|job| job.label()), None);
    assert!(graph.problems().is_empty());
}

#[test]
fn jobs_are_selected_by_filters_and_by_the_manifests_that_they_run() {
    let graph = small();
    let labels = |filter: &JobFilter, manifests: Option<&[&str]>| {
        graph.select(filter, manifests).map(|job| job.label().to_owned()).collect::<Vec<_>>()
    };
    let all = JobFilter::default();
    assert_eq!(labels(&all, None).len(), 3);
    assert_eq!(labels(&all, Some(&["a/mochitest.toml"])), ["test-l/opt-plain-1"]);
    assert_eq!(labels(&all, Some(&["b/mochitest.toml"])).len(), 2);
    let one = JobFilter { include: vec!["plain-2".parse().unwrap()], ..JobFilter::default() };
    assert_eq!(labels(&one, Some(&["b/mochitest.toml"])), ["test-l/opt-plain-2"]);
    assert_eq!(graph.manifests().into_iter().collect::<Vec<_>>().len(), 2);
}

#[test]
fn what_is_wrong_with_a_graph_is_said_and_the_rest_stays() {
    let waits = |label, on| NewJob { dependencies: vec![on], ..build(label) };
    let graph = graph(&[
        waits("a", "b"),
        waits("b", "c"),
        waits("c", "b"),
        waits("d", "nowhere"),
        waits("e", "a"),
        waits("x", "y"),
        waits("y", "x"),
    ]);
    let told: Vec<String> = graph.problems().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "d waits for nowhere, which the graph does not have",
            "these wait for one another: b → c",
            "these wait for one another: x → y",
        ]
    );
    assert_eq!(graph.len(), 7);
}

#[test]
fn more_problems_than_can_be_listed_are_counted() {
    let labels: Vec<String> = (0..150).map(|n| format!("j{n:03}")).collect();
    let jobs: Vec<NewJob<'_>> = labels
        .iter()
        .map(|label| NewJob { dependencies: vec!["nowhere"], ..build(label) })
        .collect();
    let graph = graph(&jobs);
    assert_eq!(graph.problems().len(), 101);
    assert_eq!(graph.problems()[100], Problem::More { count: 50 });
}

#[test]
fn of_two_jobs_with_one_label_the_last_counts() {
    let graph = graph(&[build("a"), NewJob { tier: Some(3), ..build("a") }]);
    assert_eq!((graph.len(), graph.get("a").unwrap().tier()), (1, Some(3)));
}

#[test]
fn what_is_chosen_by_default_is_known_where_somebody_tells() {
    let mut builder = JobGraphBuilder::default();
    builder.add(&build("a"));
    builder.add(&build("b"));
    let mut graph = builder.finish();
    graph.note_chosen(&["b".to_owned()]);
    let told: Vec<Option<bool>> = graph.jobs().map(|job| job.by_default()).collect();
    assert_eq!(told, [Some(false), Some(true)]);
    assert_eq!(small().get("image").unwrap().by_default(), None);
}

#[test]
fn two_pushes_are_compared() {
    let old = graph(&[
        build("build-linux64/opt"),
        test("test-l18/opt-plain-1", "l18/opt", &["a"]),
        test("test-l18/opt-plain-2", "l18/opt", &["b"]),
        test("test-w/opt-chrome", "w/opt", &["c"]),
        test("test-w/opt-old", "w/opt", &[]),
    ]);
    let new = graph(&[
        build("build-linux64/opt"),
        test("test-l24/opt-plain-1", "l24/opt", &["a"]),
        test("test-l24/opt-plain-2", "l24/opt", &["b"]),
        test("test-w/opt-browser-chrome", "w/opt", &["c"]),
        test("test-w/opt-new", "w/opt", &[]),
    ]);
    let found = compare(&old, &new);
    let renamed: Vec<(&str, &str)> = found.renamed.iter().map(|r| (r.from, r.to)).collect();
    assert_eq!(
        renamed,
        [
            ("test-l18/opt-plain-1", "test-l24/opt-plain-1"),
            ("test-l18/opt-plain-2", "test-l24/opt-plain-2"),
            ("test-w/opt-chrome", "test-w/opt-browser-chrome"),
        ]
    );
    assert_eq!((found.added, found.gone), (vec!["test-w/opt-new"], vec!["test-w/opt-old"]));
    // A chunk fewer on one platform and one more on another are no renaming.
    let chunks = |w: &[&'static str], l: &[&'static str]| {
        let w = w.iter().map(|label| test(label, "w/opt", &[]));
        let l = l.iter().map(|label| test(label, "l/opt", &[]));
        graph(&w.chain(l).collect::<Vec<_>>())
    };
    let one = chunks(&["test-w/opt-plain-1", "test-w/opt-plain-2"], &["test-l/opt-plain-1"]);
    let other = chunks(&["test-w/opt-plain-1"], &["test-l/opt-plain-1", "test-l/opt-plain-2"]);
    let moved = compare(&one, &other);
    assert!(moved.renamed.is_empty(), "{moved:?}");
    assert_eq!((moved.added.len(), moved.gone.len()), (1, 1));
    // Two that are alike are neither of them the one that is gone.
    let two = graph(&[
        test("test-a/opt-plain-1", "a/opt", &["a"]),
        test("test-b/opt-plain-1", "b/opt", &["a"]),
    ]);
    assert!(compare(&old, &two).renamed.is_empty());
}

proptest! {
    #[test]
    fn every_job_that_was_added_is_found_and_compares_as_itself(
        labels in prop::collection::btree_set("[a-c]{0,4}", 0..12)
    ) {
        let jobs: Vec<NewJob<'_>> = labels.iter().map(|label| build(label)).collect();
        let graph = graph(&jobs);
        prop_assert_eq!(graph.labels().map(str::to_owned).collect::<Vec<_>>(),
            labels.iter().cloned().collect::<Vec<_>>());
        for label in &labels {
            prop_assert_eq!(graph.get(label).map(|job| job.label()), Some(label.as_str()));
        }
        prop_assert_eq!(compare(&graph, &graph), Comparison::default());
    }
}
