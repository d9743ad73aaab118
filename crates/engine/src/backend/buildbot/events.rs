//! Listening to a Buildbot master.

use std::sync::Weak;

use mozci_clients::buildbot::{Channel, Events, Master};
use mozci_core::event::{Event, Gap};

use crate::events::hub::{Hub, Pauses};
use crate::events::subscription::EventOrigin;

impl From<Channel> for EventOrigin {
    fn from(channel: Channel) -> Self {
        match channel {
            Channel::WebSocket => Self::WebSocket,
            Channel::ServerSent => Self::ServerSent,
        }
    }
}

/// Listens, and connects anew whenever the connection has ended. It must not hold the line, or
/// neither would ever end.
pub(crate) async fn listen(master: Master, mut events: Option<Events>, hub: Weak<Hub>) {
    let mut pauses = Pauses::new();
    loop {
        if let Some(mut open) = events.take() {
            pauses = Pauses::new();
            while let Some(event) = open.next().await {
                let Some(hub) = hub.upgrade() else { return };
                if event.matters {
                    hub.publish(Event::Changed(event.request.into()));
                }
            }
        }
        {
            let Some(hub) = hub.upgrade() else { return };
            hub.is(None);
            hub.publish(Event::Silence);
        }
        tokio::time::sleep(pauses.next()).await;
        events = master.events().await.ok();
        let Some(hub) = hub.upgrade() else { return };
        if let Some(open) = &events {
            hub.connected(open.channel.into());
            hub.publish(Event::Gap(Gap::Reconnected));
        }
    }
}
