//! The seeds of the fuzz target for `actions.json`, and what fuzzing has found: each holds.

use std::path::Path;

#[allow(unreachable_pub, reason = "of another crate")]
#[path = "../../../fuzz/src/actions.rs"]
mod fuzz;

#[test]
fn every_seed_is_used_as_it_should_be() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/actions");
    let mut read = 0;
    for seed in std::fs::read_dir(folder).unwrap() {
        fuzz::hold_actions(&std::fs::read(seed.unwrap().path()).unwrap());
        read += 1;
    }
    assert!(read >= 10, "{read} seeds");
}

#[test]
fn whatever_the_bytes_say_it_holds() {
    let mut state = 7u64;
    for _ in 0..3000 {
        let bytes: Vec<u8> = (0..300)
            .map(|_| {
                // A generator without a crate: xorshift.
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 24) as u8
            })
            .collect();
        fuzz::hold_actions(&bytes);
    }
}
