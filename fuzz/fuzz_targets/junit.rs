#![no_main]

use mozci_evidence::Format;
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mozci_fuzz::hold(Some(Format::Junit), bytes));
