//! `cargo xtask fuzz frames`
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| akidb_fuzz::frames(input));
