//! `cargo xtask fuzz models`
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| akidb_fuzz::models(input));
