//! How often a job fails for other reasons, as `mozci bisect` finds out before it requests anything.

use mozci_sim::{HuntConfig, WorldConfig};
use serde_json::Value;

use crate::world::{JOB, Served};

/// How often the hunted test fails for other reasons.
const RATE: f64 = 0.04;

fn served(pushes: u32) -> Served {
    let hunt = HuntConfig {
        suspects: 12,
        culprit: Some(5),
        rate: 0.5,
        background: RATE,
        ..HuntConfig::default()
    };
    Served::of(WorldConfig {
        seed: 3,
        pushes,
        newest_minutes_ago: 600,
        hunt: Some(hunt),
        ..WorldConfig::default()
    })
}

fn background(served: &Served, more: &[&str]) -> (Value, String) {
    let question = ["bisect", JOB, "--bad", "tip", "--dry-run", "--json"];
    let said = served.run(&[&question[..], more].concat());
    assert_eq!(said.status, 0, "{}", said.whole());
    (said.json()["background"].clone(), said.whole())
}

#[test]
fn runs_further_back_tell_the_background_for_a_few_requests() {
    let served = served(500);
    let (near, whole) = background(&served, &["--background", "0"]);
    assert_eq!(near["requests"], 0, "{whole}");
    let (all, whole) = background(&served, &[]);
    let number = |value: &Value, name: &str| value[name].as_u64().unwrap();
    let (runs, failures) = (number(&all, "runs"), number(&all, "failures"));
    assert!(runs >= number(&near, "runs") + 200, "{whole}");
    assert_eq!(runs - number(&near, "runs"), number(&all["further_back"], "runs"), "{whole}");
    // What fails for other reasons is known to be 4 % here: what was counted is near that.
    let rate = failures as f64 / runs as f64;
    assert!((RATE / 2.0..RATE * 2.0).contains(&rate), "{failures} of {runs}: {whole}");
    // A red run costs a few, a green one none.
    let most = 12 + 4 * failures;
    assert!(number(&all, "requests") <= most, "{} requests: {whole}", all["requests"]);
    // No more than is requested.
    let (some, whole) = background(&served, &["--background", "150"]);
    assert!((100..=151).contains(&number(&some, "runs")), "{whole}");
}

#[test]
fn that_a_job_never_fails_on_other_platforms_is_no_evidence() {
    let served = served(70);
    let (told, whole) = background(&served, &[]);
    assert!(told["runs"].as_u64().unwrap() < 200, "{whole}");
    // They are looked at, and were green all along: one platform alone may be where it comes and goes.
    assert!(told["requests"].as_u64().unwrap() > 1, "{whole}");
    assert_eq!(told["pool"], Value::Null, "{whole}");
    assert_eq!(told["other_configurations"], Value::Array(vec![]), "{whole}");
}
