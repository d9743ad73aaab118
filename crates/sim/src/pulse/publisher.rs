//! The connection to the broker.

use std::sync::Arc;
use std::time::Duration;

use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldArray, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};

use super::outbox::{Outbox, PulseFaults};
use super::upcoming::Upcoming;
use crate::wire::Message;
use crate::world::World;

/// The broker that a world publishes to.
#[derive(Debug, Clone)]
pub struct PulseConfig {
    /// Its URL, with the publisher's user and password.
    pub url: String,
    /// What goes wrong on the way.
    pub faults: Option<PulseFaults>,
}

/// How often the world is looked at.
const TICK: Duration = Duration::from_millis(3);

/// The pause before a broker that is away is tried again.
const AGAIN: Duration = Duration::from_millis(200);

/// Publishes what happens in a world, for ever; a broker that is away is waited for.
pub(crate) async fn publish(world: Arc<World>, config: PulseConfig) {
    let mut upcoming = Upcoming::from(world.clock.now());
    let mut outbox = Outbox::new(config.faults);
    let mut channel: Option<(Connection, Channel)> = None;
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for message in upcoming.until_now(&world) {
            outbox.add(message);
        }
        while let Some((key, message)) = outbox.due() {
            let Some((_, open)) = &channel else { break };
            let key = *key;
            match send(open, message).await {
                Ok(()) => outbox.sent(key),
                Err(_) => channel = None,
            }
        }
        if channel.is_none() {
            channel = connect(&config.url).await.ok();
            if channel.is_none() {
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

async fn connect(url: &str) -> lapin::Result<(Connection, Channel)> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    Ok((connection, channel))
}

async fn send(channel: &Channel, message: &Message) -> lapin::Result<()> {
    let routes = message.cc.iter().map(|route| AMQPValue::LongString(route.as_str().into()));
    let mut headers = FieldTable::default();
    headers
        .insert("CC".into(), AMQPValue::FieldArray(FieldArray::from(routes.collect::<Vec<_>>())));
    let properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_content_encoding("utf-8".into())
        .with_delivery_mode(2)
        .with_headers(headers);
    channel
        .basic_publish(
            message.exchange.as_str().into(),
            message.routing_key.as_str().into(),
            BasicPublishOptions::default(),
            message.body.to_string().as_bytes(),
            properties,
        )
        .await
        .map(drop)
}
