//! Servers that mean harm: what never ends, what drips, what leads elsewhere, and what repeats secrets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mozci_clients::buildbot::Master;
use mozci_clients::http::{Http, HttpSettings, Problem};
use mozci_clients::notify::{Email, Letter};
use mozci_clients::pulse::{Listening, PulseSettings, QueueKind, QueueName, Secret};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use crate::serving::{Answer, http, serve};

/// Bytes that a server could send before the client had enough, at the most: the client's own bound
/// and what stands in the buffers of two sockets.
const SENT: usize = 16 << 20;

/// Whoever connects is handed over; gives the address and the bytes that were sent.
async fn server<F>(
    scheme: &str,
    speak: impl Fn(TcpStream, Arc<AtomicUsize>) -> F + Send + 'static,
) -> (Url, Arc<AtomicUsize>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(speak(socket, Arc::clone(&counter)));
        }
    });
    (Url::parse(&format!("{scheme}://{address}/")).unwrap(), sent)
}

/// Sends the same bytes until nobody reads them any more.
async fn endless(mut socket: TcpStream, bytes: &[u8], sent: &AtomicUsize) {
    while let Ok(()) = socket.write_all(bytes).await {
        sent.fetch_add(bytes.len(), Ordering::SeqCst);
    }
}

async fn mail(url: Url) -> String {
    let email = Email {
        url,
        user: None,
        from: "mozci@example.org".into(),
        to: vec!["sheriff@example.org".into()],
        timeout: Duration::from_secs(30),
    };
    let letter = Letter { id: "1", subject: "s", text: "t" };
    email.send(&letter).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_mail_server_that_never_ends_a_line_or_an_answer_is_left() {
    for scheme in ["smtp", "smtps"] {
        for bytes in [&[b'2'; 65_536][..], &b"220-hello\r\n".repeat(6000), &[0u8; 65_536]] {
            let bytes = bytes.to_vec();
            let speak = move |socket, sent: Arc<AtomicUsize>| {
                let bytes = bytes.clone();
                async move { endless(socket, &bytes, &sent).await }
            };
            let (url, sent) = server(scheme, speak).await;
            let error = mail(url).await;
            assert!(error.contains("does not take it"), "{error}");
            assert!(error.len() < 600, "{error}");
            assert!(sent.load(Ordering::SeqCst) < SENT, "{} bytes", sent.load(Ordering::SeqCst));
        }
    }
}

#[tokio::test]
async fn a_broker_that_only_talks_is_left() {
    // A frame's header that promises four gigabytes, and bytes without an end.
    for beginning in [&b""[..], &[1, 0, 0, 0xff, 0xff, 0xff, 0xff][..]] {
        let speak = move |mut socket: TcpStream, sent: Arc<AtomicUsize>| async move {
            let _ = socket.write_all(beginning).await;
            endless(socket, &[0x41; 65_536], &sent).await;
        };
        let (url, sent) = server("amqp", speak).await;
        let mut settings = PulseSettings::new(url, "me", Secret::new("s3cret"));
        settings.timeout = Duration::from_secs(10);
        let queue = QueueName::new("me", "test");
        let opened = Listening::open(&settings, queue, QueueKind::Temporary, &[]).await;
        let error = opened.unwrap_err().to_string();
        assert!(!error.contains("s3cret"), "{error}");
        let most = (64 << 20) + SENT;
        assert!(sent.load(Ordering::SeqCst) < most, "{} bytes", sent.load(Ordering::SeqCst));
    }
}

#[tokio::test]
async fn a_master_whose_messages_are_too_long_or_never_confirm_is_left() {
    // A WebSocket that tells much and confirms nothing, then one that sends a message of 100 MB, as
    // it is sent: in one frame of that length.
    for long in [false, true] {
        let speak = move |socket: TcpStream, sent: Arc<AtomicUsize>| async move {
            let socket = socket.into_std().unwrap();
            socket.set_nonblocking(false).unwrap();
            tokio::task::spawn_blocking(move || {
                let Ok(mut socket) = tungstenite::accept(socket) else { return };
                let text = r#"{"k": "builds/1/new", "m": {"buildrequestid": 1}}"#;
                let text = if long { "x".repeat(100 << 20) } else { text.to_owned() };
                while socket.send(tungstenite::Message::text(text.clone())).is_ok() {
                    sent.fetch_add(text.len(), Ordering::SeqCst);
                }
            })
            .await
            .unwrap();
        };
        let (url, sent) = server("http", speak).await;
        let master = Master::new(http(0), url);
        assert!(master.events().await.is_err(), "{long}");
        assert!(sent.load(Ordering::SeqCst) < SENT, "{} bytes", sent.load(Ordering::SeqCst));
    }
}

/// HTTP for which an answer has to come fast.
fn hasty() -> Http {
    let mut settings = HttpSettings::new("mozci-tests");
    settings.retries = 2;
    settings.timeout = Duration::from_secs(1);
    Http::new(settings).unwrap()
}

#[tokio::test]
async fn what_drips_is_given_up_and_not_asked_for_again() {
    let speak = |mut socket: TcpStream, sent: Arc<AtomicUsize>| async move {
        sent.fetch_add(1, Ordering::SeqCst);
        let _ = socket.read(&mut [0; 4096]).await;
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n[";
        let _ = socket.write_all(head.as_bytes()).await;
        while socket.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let (url, connections) = server("http", speak).await;
    let reading = |mut source: Box<dyn std::io::Read + Send>| {
        let mut text = Vec::new();
        let _ = source.read_to_end(&mut text);
        text.len()
    };
    let streamed = hasty().get_read(url.clone(), Duration::from_secs(60), reading).await.unwrap();
    assert!(streamed.was_slow && streamed.value > 1, "{streamed:?}");
    assert!(streamed.broke.unwrap().contains("too slowly"));
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    let error = hasty().get::<Value>(url).await.unwrap_err();
    let slow = matches!(error.problem, Problem::TooSlow { .. } | Problem::Timeout);
    assert!(slow, "{error}");
}

#[tokio::test]
async fn signed_urls_and_what_servers_repeat_of_them_are_in_no_error() {
    const SECRET: &str = "deadbeefdeadbeef";
    let signed = format!("?X-Amz-Signature={SECRET}&X-Amz-Credential={SECRET}");
    let repeated = format!(
        "<Error><Code>Bad</Code><StringToSign>{SECRET}</StringToSign><SignatureProvided>{SECRET}</SignatureProvided></Error> see https://s3.example/x{signed} Authorization: Hawk id=\"me\", mac=\"{SECRET}\""
    );
    let json = serde_json::json!({"message": repeated}).to_string();
    let answers = [
        Answer::json(403, &repeated).typed("application/xml"),
        Answer::json(400, &json),
        Answer::json(401, &json),
        Answer::json(404, &json),
        Answer::json(500, &repeated).typed("text/html"),
        Answer::json(200, &repeated).typed("text/html"),
        Answer::json(200, "[1, 2"),
        Answer::json(200, "{\"a\": 1}"),
        Answer::json(200, &serde_json::json!(format!("https://s3.example/x{signed}")).to_string()),
        Answer::json(303, "").header("location", &format!("gopher://x/{signed}")),
        Answer::json(303, "").header("location", &format!("http://127.0.0.1:1/{signed}")),
        Answer::json(303, "").header("location", &format!("/again{signed}")),
    ];
    for answer in answers {
        let name = format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body));
        let server = serve(vec![answer]).await;
        let url = server.url.join(&format!("artifact{signed}#{SECRET}")).unwrap();
        let mut errors = Vec::new();
        errors.push(http(0).get::<Vec<u64>>(url.clone()).await.unwrap_err());
        let streamed = http(0).get_streamed::<Vec<u64>>(url.clone(), 1 << 20).await;
        errors.extend(streamed.err());
        errors.extend(http(0).act(&url, &Value::Null).await.err());
        for error in errors {
            let text = format!("{error} / {}", error.problem);
            assert!(!text.contains(SECRET), "{name}: {text}");
            assert!(!text.contains("X-Amz"), "{name}: {text}");
        }
    }
}
