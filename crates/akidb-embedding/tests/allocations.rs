//! What encoding a batch takes from the allocator, once batches of its size have been encoded:
//! nothing, over all threads. A test binary of its own, since it replaces the allocator.
#![expect(unsafe_code, reason = "an allocator that counts is unsafe to write")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use akidb_embedding::{Embedder, EncoderInput, ModelDirectory, NativeEmbedder, Pooling, Precision};

/// The system's allocator, which counts.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: everything is left to the system's allocator; counting neither allocates nor panics.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps to the same contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps to the same contract.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps to the same contract.
        unsafe { System.realloc(memory, layout, size) }
    }
}

/// Batches that are counted together.
const BATCHES: usize = 200;
/// So often they are counted again until all threads have worked, which is for the system to say: a
/// thread that gets no processor meanwhile takes its first share, and memory for it, later.
const ROUNDS_MAX: usize = 50;
/// What the queue through which batches get to the threads may take: a block of it holds 31 or more.
const BLOCKS_MAX: usize = BATCHES / 16;

// One test: others at the same time would be counted too.
#[test]
fn encoding_takes_nothing_from_the_allocator_in_steady_state() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny");
    let tokens: Vec<u32> = (5..35).collect();
    let lengths = [30, 7, 30, 2, 19, 1, 30, 30, 12, 30];
    let text = |length: &usize| EncoderInput {
        token_ids: &tokens[..*length],
        pooling: Pooling::Mean,
        normalize: true,
        document_start: None,
    };
    let batch: Vec<EncoderInput<'_>> = lengths.iter().map(text).collect();
    for name in ["roberta", "qwen3"] {
        for precision in [Precision::F32, Precision::Bf16, Precision::Int8] {
            let directory = ModelDirectory::open(&folder.join(name)).unwrap();
            let mut embedder = NativeEmbedder::load(&directory, precision, 2).unwrap();
            let mut vectors = Vec::new();
            let mut round = || {
                let before = ALLOCATIONS.load(Ordering::Relaxed);
                for batch in (0..BATCHES).map(|at| &batch[at % batch.len()..]) {
                    embedder.embed_batch(batch, &mut vectors).unwrap();
                }
                ALLOCATIONS.load(Ordering::Relaxed) - before
            };
            let first = round();
            let is_steady = (0..ROUNDS_MAX).any(|_| round() <= BLOCKS_MAX);
            assert!(is_steady, "{name} {precision}: {first} in the first {BATCHES} batches");
        }
    }
}
