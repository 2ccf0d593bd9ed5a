//! `cargo xtask fuzz filters`
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| akidb_fuzz::filters(input));
