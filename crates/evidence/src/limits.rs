//! Bounds on what is taken from a log. Whoever meets one says so, by a [`crate::Mark`].

/// How much is read and kept of one log or artifact.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes read after unpacking.
    pub bytes: u64,
    /// Bytes of a line of text; what is longer is read as several lines' worth and not looked into
    /// past this.
    pub line: usize,
    /// Bytes of a line of JSON, which cannot be used in part.
    pub record: usize,
    /// Failures kept with everything about them; the rest is counted.
    pub failures: usize,
    /// Bytes of text kept of all failures together.
    pub kept: usize,
    /// Bytes of one message, name or line around a failure.
    pub text: usize,
    /// Unpacked bytes to a packed one, past the first 64 MiB.
    pub ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 16 << 30,
            line: 1 << 20,
            record: 4 << 20,
            failures: 5_000,
            kept: 6 << 20,
            text: 2_000,
            ratio: 500,
        }
    }
}
