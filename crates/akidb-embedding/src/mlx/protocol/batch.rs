//! Texts as tokens to the worker, and their vectors back, as plain arrays of numbers.
//!
//! A batch of `n` texts is: how long its answer is of use in milliseconds and `n` (4 bytes each);
//! the lengths (`int32`, `n` of them); the poolings (`int32`, `n`); whether each is normalized
//! (`uint8`, `n`); then the tokens of all texts, one after the other (`int32`). An answer is: the
//! nanoseconds that Python's lock was waited for, those spent in the module (8 bytes each), and the
//! vectors (`float32`), row by row.

use std::io;

use super::{Frame, FrameKind, ProtocolError};
use crate::{embedder::EncoderInput, identity::Pooling};

/// The bytes before the arrays of a batch.
const BATCH_HEAD_BYTES: usize = 8;
/// The bytes before the vectors.
const VECTORS_HEAD_BYTES: usize = 16;
/// The bytes of a text besides its tokens.
const BYTES_A_TEXT: usize = 9;

/// How a batch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHead {
    /// How long the answer is of use.
    pub deadline_ms: u32,
    /// The texts.
    pub texts: u32,
}

/// The arrays of a batch, as the bytes that they came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchView<'a> {
    /// How it begins.
    pub head: BatchHead,
    /// `int32`, a length for each text.
    pub lengths: &'a [u8],
    /// `int32`, 0 mean, 1 first token, 2 maximum, 3 last token.
    pub poolings: &'a [u8],
    /// `uint8`, 1 where the vector is scaled to length 1.
    pub normalize: &'a [u8],
    /// `int32`, the tokens of all texts.
    pub token_ids: &'a [u8],
}

/// How an answer begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VectorsHead {
    /// How long the worker waited for Python's lock.
    pub gil_wait_ns: u64,
    /// How long the batch took in the Python module.
    pub module_ns: u64,
}

/// The number that the Python module knows a pooling by.
#[must_use]
pub const fn pooling_number(pooling: Pooling) -> i32 {
    match pooling {
        Pooling::Mean => 0,
        Pooling::Cls => 1,
        Pooling::Max => 2,
        Pooling::LastToken => 3,
    }
}

impl BatchHead {
    /// Appends a batch of these texts.
    pub fn write(deadline_ms: u32, texts: &[EncoderInput<'_>], bytes: &mut Vec<u8>) {
        let tokens: usize = texts.iter().map(|text| text.token_ids.len()).sum();
        bytes.reserve(BATCH_HEAD_BYTES + texts.len() * BYTES_A_TEXT + tokens * 4);
        bytes.extend(deadline_ms.to_le_bytes());
        bytes.extend((texts.len() as u32).to_le_bytes());
        for text in texts {
            bytes.extend((text.token_ids.len() as u32).to_le_bytes());
        }
        for text in texts {
            bytes.extend(pooling_number(text.pooling).to_le_bytes());
        }
        bytes.extend(texts.iter().map(|text| u8::from(text.normalize)));
        for text in texts {
            bytes.extend(text.token_ids.iter().flat_map(|token| token.to_le_bytes()));
        }
    }
}

impl<'a> BatchView<'a> {
    /// Looks at the arrays of a batch.
    ///
    /// # Errors
    ///
    /// When the body is shorter or longer than its texts.
    pub fn parse(body: &'a [u8]) -> Result<Self, ProtocolError> {
        let wrong = |reason: &str| ProtocolError::Message {
            kind: FrameKind::Encode,
            reason: reason.to_owned(),
        };
        let cut = |bytes: &'a [u8], at: usize| {
            bytes.split_at_checked(at).ok_or_else(|| wrong("it ends before its texts"))
        };
        let (head, rest) = cut(body, BATCH_HEAD_BYTES)?;
        let number = |at: usize| {
            let bytes = head.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
            u32::from_le_bytes(bytes.unwrap_or_default())
        };
        let head = BatchHead { deadline_ms: number(0), texts: number(4) };
        let texts = head.texts as usize;
        let (lengths, rest) = cut(rest, texts * 4)?;
        let (poolings, rest) = cut(rest, texts * 4)?;
        let (normalize, token_ids) = cut(rest, texts)?;
        let tokens: u64 =
            lengths.as_chunks().0.iter().map(|length| u64::from(u32::from_le_bytes(*length))).sum();
        if tokens * 4 != token_ids.len() as u64 {
            return Err(wrong("its lengths are not those of its tokens"));
        }
        Ok(Self { head, lengths, poolings, normalize, token_ids })
    }
}

/// Appends the head of an answer, after which the vectors come.
pub fn write_vectors_head(head: VectorsHead, bytes: &mut Vec<u8>) {
    bytes.extend(head.gil_wait_ns.to_le_bytes());
    bytes.extend(head.module_ns.to_le_bytes());
}

/// Reads an answer of `expected` values into `vectors`, from its start.
///
/// # Errors
///
/// When the answer has another number of values.
pub fn read_vectors(frame: &Frame, vectors: &mut [f32]) -> Result<VectorsHead, ProtocolError> {
    let expected = VECTORS_HEAD_BYTES + vectors.len() * 4;
    let Some((head, values)) =
        frame.body.split_at_checked(VECTORS_HEAD_BYTES).filter(|_| frame.body.len() == expected)
    else {
        let reason = format!("it has {} bytes instead of {expected}", frame.body.len());
        return Err(ProtocolError::Message { kind: frame.kind, reason });
    };
    let read = values.as_chunks().0.iter().map(|value| f32::from_le_bytes(*value));
    vectors.iter_mut().zip(read).for_each(|(place, value)| *place = value);
    let (halves, _) = head.as_chunks();
    let [gil_wait_ns, module_ns] = halves else {
        return Err(io::Error::from(io::ErrorKind::InvalidData).into());
    };
    Ok(VectorsHead {
        gil_wait_ns: u64::from_le_bytes(*gil_wait_ns),
        module_ns: u64::from_le_bytes(*module_ns),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers(bytes: &[u8]) -> Vec<i32> {
        bytes.as_chunks().0.iter().map(|four| i32::from_le_bytes(*four)).collect()
    }

    fn texts() -> impl Strategy<Value = Vec<(Vec<u32>, usize, bool)>> {
        let tokens = prop::collection::vec(0_u32..1_000_000, 0..20);
        prop::collection::vec((tokens, 0..Pooling::ALL.len(), any::<bool>()), 0..20)
    }

    proptest! {
        #[test]
        fn batches_arrive_as_they_were_sent(texts in texts(), deadline_ms: u32) {
            let inputs: Vec<EncoderInput<'_>> = texts
                .iter()
                .map(|(token_ids, pooling, normalize)| EncoderInput {
                    token_ids,
                    pooling: Pooling::ALL[*pooling],
                    normalize: *normalize,
                    document_start: None,
                })
                .collect();
            let mut body = Vec::new();
            BatchHead::write(deadline_ms, &inputs, &mut body);
            let view = BatchView::parse(&body).unwrap();
            prop_assert_eq!(view.head, BatchHead { deadline_ms, texts: texts.len() as u32 });
            let lengths: Vec<i32> = inputs.iter().map(|text| text.token_ids.len() as i32).collect();
            prop_assert_eq!(numbers(view.lengths), lengths);
            let poolings: Vec<i32> = inputs.iter().map(|text| pooling_number(text.pooling)).collect();
            prop_assert_eq!(numbers(view.poolings), poolings);
            let tokens: Vec<i32> =
                inputs.iter().flat_map(|text| text.token_ids).map(|token| *token as i32).collect();
            prop_assert_eq!(numbers(view.token_ids), tokens);
            let normalize: Vec<u8> = inputs.iter().map(|text| u8::from(text.normalize)).collect();
            prop_assert_eq!(view.normalize, normalize);

            for wrong in [&body[..body.len() - 1], &[body.clone(), vec![0]].concat()] {
                prop_assert!(BatchView::parse(wrong).is_err());
            }
        }

        #[test]
        fn vectors_arrive_bit_by_bit(values: Vec<u32>, gil_wait_ns: u64, module_ns: u64) {
            let head = VectorsHead { gil_wait_ns, module_ns };
            let mut body = Vec::new();
            write_vectors_head(head, &mut body);
            body.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            let frame = Frame { kind: FrameKind::Vectors, request: 1, body };
            let mut vectors = vec![0.0; values.len()];
            prop_assert_eq!(read_vectors(&frame, &mut vectors).unwrap(), head);
            let bits: Vec<u32> = vectors.iter().map(|value| value.to_bits()).collect();
            prop_assert_eq!(bits, values);
            prop_assert!(read_vectors(&frame, &mut vec![0.0; vectors.len() + 1]).is_err());
        }
    }
}
