//! Prints the rules of text logs as one pattern: `cargo run -p mozci-evidence --example rules`.
#![allow(clippy::print_stdout, reason = "it is what this program is for")]

fn main() {
    println!("{}", mozci_evidence::rules_as_one_pattern());
}
