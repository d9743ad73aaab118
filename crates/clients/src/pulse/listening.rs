//! A connection with a queue that is listened to.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::ReadyChunks;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Channel, Connection, ConnectionProperties, Consumer};

use super::bounded::bounded;
use super::error::{PulseError, is_denied, is_refusal, words};
use super::settings::{Binding, PulseSettings, QueueKind, QueueName};
use crate::allowance::Allowance;

/// One message, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The exchange that it was sent to.
    pub exchange: String,
    /// Its routing key.
    pub routing_key: String,
    /// Its body.
    pub body: Vec<u8>,
}

/// Messages that came together.
#[derive(Debug)]
pub struct Batch {
    /// The messages, in the order of the queue.
    pub deliveries: Vec<Delivery>,
    /// The last one's tag.
    last: u64,
}

/// Messages that are handed over at once, at the most.
const AT_ONCE: usize = 1_000;

/// Bytes that the broker may send before somebody takes what came: two thousand messages of thirty
/// kilobytes.
const MOST_UNTAKEN: u64 = 64 << 20;

/// The largest frame of the protocol, in bytes: RabbitMQ's own default.
const LARGEST_FRAME: u32 = 128 << 10;

/// How long a durable queue is kept that nobody listens to: a day, in milliseconds.
const UNUSED: i32 = 24 * 3600 * 1000;

/// A queue that is listened to. The connection ends with it.
pub struct Listening {
    connection: Connection,
    channel: Channel,
    consumer: Pin<Box<ReadyChunks<Consumer>>>,
    queue: QueueName,
    settings: PulseSettings,
    /// What the broker may send before messages are taken.
    allowance: Allowance,
    /// Why it ended, where that came along with the last messages.
    ended: Option<String>,
}

impl std::fmt::Debug for Listening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listening").field("queue", &self.queue).finish_non_exhaustive()
    }
}

impl Listening {
    /// Connects, declares the queue, binds it and begins to listen. What is sent from here on comes.
    ///
    /// # Errors
    /// [`PulseError`].
    pub async fn open(
        settings: &PulseSettings,
        queue: QueueName,
        kind: QueueKind,
        bindings: &[Binding],
    ) -> Result<Self, PulseError> {
        let allowance = Allowance::new(MOST_UNTAKEN);
        let connection = connect(settings, allowance.clone()).await?;
        let unreachable =
            |message: String| PulseError::Unreachable { broker: settings.place(), message };
        let channel = within(settings.timeout, connection.create_channel()).await;
        let channel = channel.map_err(unreachable)?.map_err(|error| unreachable(words(&error)))?;
        declare(settings, &channel, &queue, kind).await?;
        for binding in bindings {
            bind(settings, &channel, &queue, binding).await?;
        }
        let options = BasicQosOptions::default();
        let done = within(settings.timeout, channel.basic_qos(settings.prefetch, options)).await;
        done.map_err(unreachable)?.map_err(|error| unreachable(words(&error)))?;
        let options = BasicConsumeOptions { exclusive: true, ..BasicConsumeOptions::default() };
        let name = queue.as_str().into();
        let consumer = channel.basic_consume(name, "".into(), options, FieldTable::default());
        let consumer = match within(settings.timeout, consumer).await.map_err(unreachable)? {
            Ok(consumer) => consumer,
            Err(error) if is_denied(&error) && words(&error).contains("in exclusive use") => {
                let queue = queue.to_string();
                return Err(PulseError::InUse { broker: settings.place(), queue });
            }
            Err(error) => return Err(unreachable(words(&error))),
        };
        let consumer = Box::pin(consumer.ready_chunks(AT_ONCE));
        let (settings, ended) = (settings.clone(), None);
        Ok(Self { connection, channel, consumer, queue, settings, allowance, ended })
    }

    /// The queue's name.
    pub fn queue(&self) -> &QueueName {
        &self.queue
    }

    /// Binds the queue to more.
    ///
    /// # Errors
    /// [`PulseError`]; a refusal ends the channel, and with it the listening.
    pub async fn bind(&self, bindings: &[Binding]) -> Result<(), PulseError> {
        for binding in bindings {
            bind(&self.settings, &self.channel, &self.queue, binding).await?;
        }
        Ok(())
    }

    /// Waits for messages: at least one, and those that came with it. They come again, on this
    /// connection or another, unless [`done`](Self::done) is called with them. May be dropped while
    /// it waits without losing anything.
    ///
    /// # Errors
    /// [`PulseError::Lost`] when the connection is gone, or the queue.
    pub async fn next(&mut self) -> Result<Batch, PulseError> {
        let lost = |message: String| PulseError::Lost { broker: self.settings.place(), message };
        if let Some(message) = self.ended.take() {
            return Err(lost(message));
        }
        let Some(chunk) = self.consumer.next().await else {
            return Err(lost(format!("the queue {} was deleted", self.queue)));
        };
        self.allowance.renew();
        let mut batch = Batch { deliveries: Vec::with_capacity(chunk.len()), last: 0 };
        for delivery in chunk {
            match delivery {
                Ok(delivery) => {
                    batch.last = delivery.delivery_tag;
                    batch.deliveries.push(Delivery {
                        exchange: delivery.exchange.to_string(),
                        routing_key: delivery.routing_key.to_string(),
                        body: delivery.data,
                    });
                }
                Err(error) if batch.deliveries.is_empty() => return Err(lost(words(&error))),
                // What came before it is handed over first.
                Err(error) => self.ended = Some(words(&error)),
            }
        }
        Ok(batch)
    }

    /// Acknowledges messages: they do not come again.
    ///
    /// # Errors
    /// [`PulseError::Lost`]; then they come again.
    pub async fn done(&self, batch: &Batch) -> Result<(), PulseError> {
        let lost = |message: String| PulseError::Lost { broker: self.settings.place(), message };
        let options = BasicAckOptions { multiple: true };
        let done = self.channel.basic_ack(batch.last, options);
        let done = within(self.settings.timeout, done).await.map_err(lost)?;
        done.map(drop).map_err(|error| lost(words(&error)))
    }

    /// Ends listening; with `remove` the queue goes, too.
    pub async fn end(self, remove: bool) {
        let timeout = self.settings.timeout.min(Duration::from_secs(5));
        if remove {
            let name = self.queue.as_str().into();
            let gone = self.channel.queue_delete(name, QueueDeleteOptions::default());
            let _ = within(timeout, gone).await;
        }
        let _ = within(timeout, self.connection.close(200, "bye".into())).await;
    }
}

/// Waits no longer than this.
async fn within<T>(time: Duration, doing: impl Future<Output = T>) -> Result<T, String> {
    let done = tokio::time::timeout(time, doing).await;
    done.map_err(|_| format!("no answer within {} s", time.as_secs_f32()))
}

async fn connect(settings: &PulseSettings, allowance: Allowance) -> Result<Connection, PulseError> {
    let unreachable =
        |message: String| PulseError::Unreachable { broker: settings.place(), message };
    let secure = match settings.url.scheme() {
        "amqps" => true,
        "amqp" => false,
        other => return Err(unreachable(format!("{other:?} is neither amqps nor amqp"))),
    };
    let path = settings.url.path().trim_start_matches('/');
    let uri = AMQPUri {
        scheme: if secure { AMQPScheme::AMQPS } else { AMQPScheme::AMQP },
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo {
                username: settings.user.clone(),
                password: settings.password.reveal().to_owned(),
            },
            host: settings.url.host_str().unwrap_or_default().to_owned(),
            port: settings.url.port().unwrap_or(if secure { 5671 } else { 5672 }),
        },
        vhost: match path {
            "" => "/".to_owned(),
            path => path.replace("%2F", "/").replace("%2f", "/"),
        },
        query: AMQPQueryString {
            heartbeat: Some(settings.heartbeat),
            frame_max: Some(LARGEST_FRAME),
            connection_timeout: u64::try_from(settings.timeout.as_millis()).ok(),
            ..AMQPQueryString::default()
        },
    };
    let properties = ConnectionProperties::default().with_connection_name("mozci".into());
    let connecting = Connection::connect_uri_with_runtime(uri, properties, bounded(allowance));
    let connection = within(settings.timeout, connecting).await;
    connection.map_err(unreachable)?.map_err(|error| match is_denied(&error) {
        true => PulseError::Credentials { broker: settings.place(), user: settings.user.clone() },
        false => unreachable(words(&error)),
    })
}

async fn declare(
    settings: &PulseSettings,
    channel: &Channel,
    queue: &QueueName,
    kind: QueueKind,
) -> Result<(), PulseError> {
    let temporary = kind == QueueKind::Temporary;
    let options = QueueDeclareOptions {
        durable: !temporary,
        exclusive: temporary,
        auto_delete: temporary,
        ..QueueDeclareOptions::default()
    };
    let mut arguments = FieldTable::default();
    if !temporary {
        arguments.insert("x-expires".into(), AMQPValue::LongInt(UNUSED));
    }
    let refused = |message: String| PulseError::Queue {
        broker: settings.place(),
        user: settings.user.clone(),
        queue: queue.to_string(),
        message,
    };
    let done = channel.queue_declare(queue.as_str().into(), options, arguments);
    let unreachable =
        |message: String| PulseError::Unreachable { broker: settings.place(), message };
    match within(settings.timeout, done).await.map_err(unreachable)? {
        Ok(_) => Ok(()),
        Err(error) if is_refusal(&error) => Err(refused(words(&error))),
        Err(error) => Err(unreachable(words(&error))),
    }
}

async fn bind(
    settings: &PulseSettings,
    channel: &Channel,
    queue: &QueueName,
    binding: &Binding,
) -> Result<(), PulseError> {
    let done = channel.queue_bind(
        queue.as_str().into(),
        binding.exchange.as_str().into(),
        binding.routing_key.as_str().into(),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    let unreachable =
        |message: String| PulseError::Unreachable { broker: settings.place(), message };
    match within(settings.timeout, done).await.map_err(unreachable)? {
        Ok(()) => Ok(()),
        Err(error) if is_refusal(&error) => Err(PulseError::Binding {
            broker: settings.place(),
            exchange: binding.exchange.clone(),
            message: words(&error),
        }),
        Err(error) => Err(unreachable(words(&error))),
    }
}
