//! A real RabbitMQ, started by `scripts/rabbitmq` and stopped by the test.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use lapin::options::{BasicPublishOptions, QueueDeleteOptions};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use mozci_sim::{PulseConfig, PulseFaults, SimConfig};
use tempfile::TempDir;

use crate::world::Served;

/// A broker that runs.
pub(crate) struct Broker {
    /// Its URL, without a user.
    pub(crate) url: String,
    /// Its files, where it is the test's own.
    folder: Option<TempDir>,
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.folder.is_some() {
            self.order("kill");
        }
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/rabbitmq")
}

impl Broker {
    /// The one that all tests share; none where they were not started by `scripts/test`.
    pub(crate) fn shared() -> Option<Self> {
        match std::env::var("MOZCI_TEST_RABBITMQ") {
            Ok(url) => Some(Self { url, folder: None }),
            Err(_) => {
                eprintln!("skipped: MOZCI_TEST_RABBITMQ names no broker; scripts/test starts one");
                None
            }
        }
    }

    /// One of the test's own, which may be stopped.
    pub(crate) fn own() -> Option<Self> {
        Self::shared()?;
        let mut broker = Self { url: String::new(), folder: Some(TempDir::new().unwrap()) };
        broker.start();
        Some(broker)
    }

    /// One of the test's own that speaks TLS besides, and the certificate that it has.
    pub(crate) fn own_with_tls() -> Option<(Self, PathBuf)> {
        Self::shared()?;
        let folder = TempDir::new().unwrap();
        let tls = folder.path().join("tls");
        std::fs::create_dir(&tls).unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(tls.join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(tls.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let mut broker = Self { url: String::new(), folder: Some(folder) };
        broker.start();
        Some((broker, tls.join("cert.pem")))
    }

    /// Where it speaks TLS.
    pub(crate) fn tls_url(&self) -> Option<String> {
        let port = std::fs::read_to_string(self.folder.as_ref()?.path().join("tls/port")).ok()?;
        Some(format!("amqps://localhost:{}", port.trim()))
    }

    fn order(&self, what: &str) -> Output {
        let folder = self.folder.as_ref().unwrap().path();
        let mut command = Command::new("bash");
        command.arg(script()).arg(what).arg(folder).stdin(Stdio::null());
        command.output().unwrap()
    }

    /// Starts it, or starts it again where it was.
    pub(crate) fn start(&mut self) {
        let started = self.order("start");
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        self.url = String::from_utf8(started.stdout).unwrap().trim().to_owned();
    }

    /// Ends it at once.
    pub(crate) fn kill(&self) {
        assert!(self.order("kill").status.success());
    }

    /// Its URL with a user and the password that `scripts/rabbitmq` gives.
    pub(crate) fn url_of(&self, user: &str) -> String {
        self.url.replacen("://", &format!("://{user}:{user}-password@"), 1)
    }

    /// What a simulated CI publishes with.
    pub(crate) fn pulse(&self, faults: Option<PulseFaults>) -> Option<PulseConfig> {
        Some(PulseConfig { url: self.url_of("queue"), faults })
    }

    /// A connection of the publisher's.
    pub(crate) async fn publisher(&self) -> (Connection, Channel) {
        let url = self.url_of("queue");
        let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        (connection, channel)
    }

    /// A simulated CI that publishes here, and the program's config says so. Nobody looks by
    /// themselves within the time of a test.
    pub(crate) fn serve(&self, config: SimConfig) -> Served {
        let pulse = config.pulse.clone().or_else(|| self.pulse(None));
        let served = Served::start(SimConfig { pulse, ..config });
        served.write_config(&served.config().replacen(
            "poll_seconds = 0.05",
            &format!("poll_seconds = 600\npulse_url = \"{}\"", self.url),
            1,
        ));
        served
    }
}

/// Publishes a message and waits until the broker has it.
pub(crate) async fn publish(channel: &Channel, exchange: &str, key: &str, body: &[u8]) {
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    let sent = channel.basic_publish(exchange.into(), key.into(), options, body, properties);
    sent.await.unwrap().await.unwrap();
}

/// Removes a queue, as Pulse's guardian does with one that nobody reads.
pub(crate) async fn delete(channel: &Channel, queue: &str) {
    channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
}
