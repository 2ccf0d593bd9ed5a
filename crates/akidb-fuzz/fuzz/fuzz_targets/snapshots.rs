//! `cargo xtask fuzz snapshots`
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| akidb_fuzz::snapshots(input));
