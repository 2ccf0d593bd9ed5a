//! Frames of the worker that hosts Python.

use akidb_embedding::mlx::protocol::{BatchView, Frame, FrameKind, read_frame, read_vectors};

/// Reads frames until they end. Then takes the input as the body of a frame whose checksum is right,
/// as a batch and as an answer.
///
/// # Panics
/// When a batch that is taken is not as long as it says.
pub fn frames(input: &[u8]) {
    let mut pipe = input;
    while let Ok(Some(frame)) = read_frame(&mut pipe) {
        body(&frame);
    }
    body(&Frame { kind: FrameKind::Encode, request: 1, body: input.to_vec() });
}

fn body(frame: &Frame) {
    let mut vectors = [0.0; 16];
    // An answer that does not fit is refused; what was read before is then of no use.
    let _ = read_vectors(frame, &mut vectors);
    if let Ok(batch) = BatchView::parse(&frame.body) {
        assert_eq!(batch.lengths.len(), batch.head.texts as usize * 4);
    }
}
