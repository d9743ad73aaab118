#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mozci_fuzz::hold_report(bytes));
