//! Randomness without a state: every draw is a hash of the seed and of what is drawn for.

/// A hash of a seed and some parts (the finaliser of splitmix64, folded over the parts).
pub(crate) fn hash(seed: u64, parts: &[u64]) -> u64 {
    let mut state = mix(seed ^ 0x9e37_79b9_7f4a_7c15);
    for part in parts {
        state = mix(state ^ part.wrapping_mul(0xbf58_476d_1ce4_e5b9).wrapping_add(0x632b_e59b));
    }
    state
}

fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A draw from `[0, 1)`.
pub(crate) fn unit(seed: u64, parts: &[u64]) -> f64 {
    (hash(seed, parts) >> 11) as f64 / (1u64 << 53) as f64
}

/// A draw from `low..=high`.
pub(crate) fn between(seed: u64, parts: &[u64], low: i64, high: i64) -> i64 {
    low + (hash(seed, parts) % (high - low + 1) as u64) as i64
}

/// Forty hexadecimal digits, as a revision has.
pub(crate) fn hex40(seed: u64, parts: &[u64]) -> String {
    let mut parts = parts.to_vec();
    parts.push(0);
    let last = parts.len() - 1;
    let mut text = String::with_capacity(48);
    for i in 0..3 {
        parts[last] = i;
        text.push_str(&format!("{:016x}", hash(seed, &parts)));
    }
    text.truncate(40);
    text
}

/// What a draw is for, so that two kinds of draw never share their numbers.
#[derive(Clone, Copy)]
#[repr(u64)]
pub(crate) enum For {
    Commit = 1,
    Git,
    Author,
    Spacing,
    Size,
    Scheduled,
    Duration,
    Infra,
    Dead,
    Flake,
    Cancelled,
    Coalesced,
    Decision,
    Plant,
    Chunk,
    Waits,
    Trouble,
    Classified,
}
