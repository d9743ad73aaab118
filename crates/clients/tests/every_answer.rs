//! Every recorded answer of every service is told apart as what it is.

use mozci_clients::http::Problem;
use serde_json::Value;

use crate::serving::{http, names, recorded, serve};

/// What an answer has to be taken for, by its status and kind alone.
fn expected(status: u16, is_json: bool) -> &'static str {
    match (status, is_json) {
        (200..=299, true) => "json",
        (200..=299, false) => "not json",
        (404, true) => "not found",
        (401 | 403, _) => "forbidden",
        (300..=399, _) => "redirect",
        _ => "status",
    }
}

#[tokio::test]
async fn each_is_json_or_the_error_that_it_is() {
    let folders = [
        "hg",
        "treeherder",
        "taskcluster/decision",
        "taskcluster/errors",
        "taskcluster/hooks",
        "taskcluster/index",
        "taskcluster/queue",
    ];
    let mut seen = 0;
    for folder in folders {
        for name in names(folder) {
            let answer = recorded(folder, &name);
            let is_json = answer.content_type.starts_with("application/json");
            let expected = expected(answer.status, is_json);
            if expected == "redirect" {
                continue;
            }
            let server = serve(vec![answer.clone()]).await;
            let found = match http(0).get::<Value>(server.url.clone()).await {
                Ok(_) => "json",
                Err(error) => match error.problem {
                    Problem::NotJson { .. } => "not json",
                    Problem::NotFound(text) => {
                        assert!(!text.is_empty(), "{}: {text}", answer.name);
                        "not found"
                    }
                    Problem::Forbidden { .. } => "forbidden",
                    Problem::Status { .. } => "status",
                    _ => "something else",
                },
            };
            assert_eq!(found, expected, "{} ({})", answer.name, answer.status);
            seen += 1;
        }
    }
    assert!(seen > 150, "only {seen} recordings were found");
}
