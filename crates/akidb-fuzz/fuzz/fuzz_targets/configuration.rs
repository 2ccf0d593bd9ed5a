//! `cargo xtask fuzz configuration`
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| akidb_fuzz::configuration(input));
