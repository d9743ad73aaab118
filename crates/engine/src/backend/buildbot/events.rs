//! Listening to a Buildbot master.

use std::sync::Weak;

use mozci_clients::buildbot::{Channel, Events, Master};
use mozci_core::event::{Event, Gap};

use crate::events::ear::Teller;
use crate::events::line::{Line, Pauses};

impl From<Channel> for Teller {
    fn from(channel: Channel) -> Self {
        match channel {
            Channel::WebSocket => Self::WebSocket,
            Channel::ServerSent => Self::ServerSent,
        }
    }
}

/// Listens, and connects anew whenever the connection has ended. It must not hold the line, or
/// neither would ever end.
pub(crate) async fn listen(master: Master, mut events: Option<Events>, line: Weak<Line>) {
    let mut pauses = Pauses::new();
    loop {
        if let Some(mut open) = events.take() {
            pauses = Pauses::new();
            while let Some(event) = open.next().await {
                let Some(line) = line.upgrade() else { return };
                if event.matters {
                    line.tell(Event::Changed(event.request.into()));
                }
            }
        }
        {
            let Some(line) = line.upgrade() else { return };
            line.is(None);
            line.tell(Event::Silence);
        }
        tokio::time::sleep(pauses.next()).await;
        events = master.events().await.ok();
        let Some(line) = line.upgrade() else { return };
        if let Some(open) = &events {
            line.connected(open.channel.into());
            line.tell(Event::Gap(Gap::Reconnected));
        }
    }
}
