//! The shared HTTP: what is retried, followed, bounded, and how failures are told apart.

use mozci_clients::http::{CachedAnswer, EtagCache, Http, HttpSettings, Problem};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;

use crate::serving::{Answer, http, serve};

/// A server that writes these bytes to whoever connects and hangs up.
async fn raw(bytes: &'static [u8]) -> Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0u8; 4096];
            let _ = socket.read(&mut request).await;
            let _ = socket.write_all(bytes).await;
        }
    });
    url
}

#[tokio::test]
async fn a_passing_failure_is_tried_again_and_counted() {
    let bad = Answer::json(502, "<html>bad gateway</html>").typed("text/html");
    let server = serve(vec![bad, Answer::json(200, "{\"a\": 1}")]).await;
    let http = http(2);
    assert_eq!(http.get::<Value>(server.url.clone()).await.unwrap(), json!({"a": 1}));
    let usage = http.meter().usage();
    assert_eq!((usage.requests, usage.retries, usage.longest_chain), (2, 1, 2));
}

#[tokio::test]
async fn what_will_not_pass_is_not_tried_again() {
    for status in [400, 401, 403, 404, 409] {
        let server = serve(vec![Answer::json(status, "{\"message\": \"no\"}")]).await;
        let error = http(2).get::<Value>(server.url.clone()).await.unwrap_err();
        assert!(!error.is_passing(), "{status}");
        assert_eq!(server.asked.lock().unwrap().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn retry_after_is_obeyed_and_the_failure_told_when_it_stays() {
    let busy = Answer::json(429, "{\"detail\": \"slow down\"}").header("retry-after", "0");
    let server = serve(vec![busy]).await;
    let error = http(1).get::<Value>(server.url.clone()).await.unwrap_err();
    assert!(error.to_string().contains("429: slow down"), "{error}");
    assert_eq!(server.asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_page_in_html_is_not_taken_for_an_answer() {
    let page = Answer::json(200, "<!doctype html><title>Treeherder</title>").typed("text/html");
    let server = serve(vec![page]).await;
    let error = http(0).get::<Value>(server.url.clone()).await.unwrap_err();
    assert!(
        matches!(&error.problem, Problem::NotJson { start, .. } if start.contains("Treeherder"))
    );
}

#[tokio::test]
async fn a_404_in_html_is_no_proof_of_absence() {
    let page = Answer::json(404, "<html>nginx</html>").typed("text/html");
    let server = serve(vec![page]).await;
    let error = http(0).get::<Value>(server.url.clone()).await.unwrap_err();
    assert!(!error.is_not_found());
}

#[tokio::test]
async fn half_a_body_nothing_and_no_server_are_told_apart() {
    let half = raw(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"a\":",
    )
    .await;
    let error = http(0).get::<Value>(half).await.unwrap_err();
    assert!(matches!(error.problem, Problem::Broken(_)), "{error}");
    let nothing = raw(b"").await;
    let error = http(0).get::<Value>(nothing).await.unwrap_err();
    assert!(matches!(error.problem, Problem::Broken(_)), "{error}");
    let closed = Url::parse("http://127.0.0.1:1/").unwrap();
    let error = http(0).get::<Value>(closed).await.unwrap_err();
    assert!(matches!(error.problem, Problem::Connect(_)), "{error}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let mut settings = HttpSettings::new("mozci-tests");
    settings.timeout = Duration::from_millis(200);
    settings.retries = 0;
    let error = Http::new(settings).unwrap().get::<Value>(url).await.unwrap_err();
    assert_eq!(error.problem, Problem::Timeout);
}

#[tokio::test]
async fn json_that_is_cut_off_and_json_of_another_shape_are_told_apart() {
    let server = serve(vec![Answer::json(200, "{\"a\": [1, 2")]).await;
    let error = http(0).get::<Value>(server.url.clone()).await.unwrap_err();
    assert!(matches!(error.problem, Problem::Broken(_)), "{error}");
    let server = serve(vec![Answer::json(200, "{\"a\": 1}")]).await;
    let error = http(0).get::<Vec<u8>>(server.url.clone()).await.unwrap_err();
    assert!(matches!(error.problem, Problem::Shape(_)), "{error}");
}

#[tokio::test]
async fn a_body_beyond_belief_is_refused() {
    let large = format!("\"{}\"", "x".repeat(5 << 20));
    let server = serve(vec![Answer::json(200, &large)]).await;
    let error = http(0).get::<Value>(server.url.clone()).await.unwrap_err();
    assert!(matches!(error.problem, Problem::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn a_large_answer_is_parsed_while_it_comes() {
    #[derive(serde::Deserialize)]
    struct Wanted {
        wanted: u32,
    }
    // Larger than what is held at most, which does not matter here.
    let large = format!("{{\"left out\": \"{}\", \"wanted\": 7}}", "x".repeat(6 << 20));
    let away = Answer::json(303, "{}").header("location", "/there");
    let server = serve(vec![away, Answer::json(200, &large)]).await;
    let client = http(0);
    let found: Wanted = client.get_streamed(server.url.clone(), 16 << 20).await.unwrap();
    assert_eq!(found.wanted, 7);
    let usage = client.meter().usage();
    assert_eq!((usage.requests, usage.bytes), (2, large.len() as u64));
    let server = serve(vec![Answer::json(200, &large)]).await;
    let error = http(0).get_streamed::<Value>(server.url.clone(), 1 << 20).await.unwrap_err();
    assert!(matches!(error.problem, Problem::TooLarge { .. }), "{error}");
    let server = serve(vec![Answer::json(404, "{\"message\": \"gone\"}")]).await;
    let error = http(0).get_streamed::<Value>(server.url.clone(), 1 << 20).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

#[tokio::test]
async fn redirects_are_followed_and_counted_but_not_for_ever() {
    let away = Answer::json(303, "{}").header("location", "/there");
    let server = serve(vec![away.clone(), Answer::json(200, "1")]).await;
    let client = http(0);
    assert_eq!(client.get::<u8>(server.url.clone()).await.unwrap(), 1);
    assert_eq!(client.meter().usage().requests, 2);
    assert_eq!(server.asked.lock().unwrap()[1], "/there");
    let server = serve(vec![away]).await;
    let error = http(0).get::<Value>(server.url.clone()).await.unwrap_err();
    assert!(error.to_string().contains("redirects"), "{error}");
}

#[tokio::test]
async fn a_password_in_a_url_reaches_no_error() {
    let url = Url::parse("http://me:s3cret@127.0.0.1:1/x").unwrap();
    let error = http(0).get::<Value>(url).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}

#[tokio::test]
async fn a_wish_to_be_left_alone_for_long_is_told_and_not_overrun() {
    let busy = Answer::json(429, "{\"detail\": \"slow down\"}").header("retry-after", "3600");
    let server = serve(vec![busy]).await;
    let error = http(2).get::<Value>(server.url.clone()).await.unwrap_err();
    assert!(error.to_string().contains("wants a pause of 3600 s"), "{error}");
    assert_eq!(server.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_question_asked_twice_at_the_same_moment_is_sent_once() {
    let server = serve(vec![Answer::json(200, "1"), Answer::json(200, "2")]).await;
    let client = http(0);
    let ask = || client.get::<u8>(server.url.clone());
    let (first, second) = tokio::join!(ask(), ask());
    assert_eq!((first.unwrap(), second.unwrap()), (1, 1));
    assert_eq!(client.meter().usage().requests, 1);
    // Later it is a new question.
    assert_eq!(ask().await.unwrap(), 2);
}

/// Answers that are kept in memory.
#[derive(Debug, Default)]
struct InMemory(std::sync::Mutex<std::collections::HashMap<String, CachedAnswer>>);

impl EtagCache for InMemory {
    fn get(&self, url: &str) -> Option<CachedAnswer> {
        self.0.lock().unwrap().get(url).cloned()
    }

    fn put(&self, url: &str, answer: &CachedAnswer) {
        self.0.lock().unwrap().insert(url.to_owned(), answer.clone());
    }

    fn remove(&self, url: &str) {
        self.0.lock().unwrap().remove(url);
    }

    fn clear(&self) {
        self.0.lock().unwrap().clear();
    }
}

#[tokio::test]
async fn what_a_server_confirms_is_not_sent_again() {
    let first = Answer::json(200, "{\"a\": 1}").header("etag", "\"x\"");
    let server = serve(vec![first, Answer::json(304, "").typed("")]).await;
    let mut settings = HttpSettings::new("mozci-tests");
    settings.kept = Some(std::sync::Arc::new(InMemory::default()));
    let client = Http::new(settings).unwrap();
    for _ in 0..2 {
        assert_eq!(client.get::<Value>(server.url.clone()).await.unwrap(), json!({"a": 1}));
    }
    let usage = client.meter().usage();
    assert_eq!((usage.requests, usage.confirmed, usage.bytes), (2, 1, 8));
    let headers = server.headers.lock().unwrap();
    assert!(headers[0].get("if-none-match").is_none());
    assert_eq!(headers[1]["if-none-match"], "\"x\"");
}

#[tokio::test]
async fn json_that_ends_in_the_middle_is_asked_for_again() {
    let server =
        serve(vec![Answer::json(200, "{\"a\": [1"), Answer::json(200, "{\"a\": 1}")]).await;
    assert_eq!(http(1).get::<Value>(server.url.clone()).await.unwrap(), json!({"a": 1}));
}

#[tokio::test]
async fn what_could_not_be_used_is_not_confirmed_later() {
    let odd = Answer::json(200, "{\"a\": 1}").header("etag", "\"x\"");
    let server = serve(vec![odd]).await;
    let mut settings = HttpSettings::new("mozci-tests");
    settings.kept = Some(std::sync::Arc::new(InMemory::default()));
    let client = Http::new(settings).unwrap();
    for _ in 0..2 {
        assert!(client.get::<Vec<u8>>(server.url.clone()).await.is_err());
    }
    let headers = server.headers.lock().unwrap();
    assert!(headers.iter().all(|headers| headers.get("if-none-match").is_none()));
}

#[tokio::test]
async fn a_large_answer_is_asked_for_again_where_it_did_not_begin() {
    let bad = Answer::json(502, "<html>bad gateway</html>").typed("text/html");
    let server = serve(vec![bad, Answer::json(200, "{\"a\": 1}")]).await;
    let found = http(1).get_streamed::<Value>(server.url.clone(), 1 << 20).await;
    assert_eq!(found.unwrap(), json!({"a": 1}));
}

#[tokio::test]
async fn a_large_answer_that_stalls_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0u8; 4096];
            let _ = socket.read(&mut request).await;
            let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
            let _ = socket.write_all(head).await;
            open.push(socket);
        }
    });
    let mut settings = HttpSettings::new("mozci-tests");
    settings.timeout = Duration::from_millis(200);
    let client = Http::new(settings).unwrap();
    assert!(client.get_streamed::<Value>(url, 1 << 20).await.is_err());
}
