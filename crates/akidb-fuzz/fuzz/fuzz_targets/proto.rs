//! `cargo xtask fuzz proto`
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| akidb_fuzz::proto(input));
