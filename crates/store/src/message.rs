//! Messages on their way to people and programs.

/// A message to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id, which stays the same however often it is sent.
    pub id: String,
    /// The channel: `webhook` or `email`.
    pub channel: String,
    /// The body, as JSON.
    pub body: String,
    /// How often delivery was tried.
    pub tries: u32,
}

/// A message to be put into the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// Its id.
    pub id: String,
    /// The investigation that it is about.
    pub investigation: String,
    /// What it answers; one message an investigation, question and channel.
    pub question: String,
    /// The channel: `webhook` or `email`.
    pub channel: String,
    /// The body, as JSON.
    pub body: String,
}

/// How long a message that is being delivered is left to whoever delivers it, in seconds.
pub(crate) const IN_HAND: i64 = 120;

/// The first pause between two tries, in seconds; each is twice the one before, up to the longest.
const PAUSE: (i64, i64) = (1, 6 * 3600);

/// The most tries of a message: some four weeks of them.
pub(crate) const TRIES: u32 = 120;

/// How long to pause after a failed try, in seconds.
pub(crate) fn pause(tries: u32) -> i64 {
    PAUSE.0.saturating_mul(1 << tries.min(20)).min(PAUSE.1)
}
