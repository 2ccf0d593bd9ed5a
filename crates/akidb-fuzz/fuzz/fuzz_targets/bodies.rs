//! `cargo xtask fuzz bodies`
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| akidb_fuzz::bodies(input));
