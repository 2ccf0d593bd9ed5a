//! Content codings: bodies that come compressed, and answers that may go so.
//!
//! Limits hold for what a body is when decoded (`body`).

use std::io;

use akidb_core::{Error, ErrorCode};
use async_compression::{
    tokio::bufread::{GzipDecoder, ZstdDecoder},
    zstd::DParameter,
};
use axum::{
    Router,
    body::{Body, HttpBody},
    extract::Request,
};
use futures::TryStreamExt;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use tokio::io::AsyncRead;
use tokio_util::io::{ReaderStream, StreamReader};
use tower_http::{
    CompressionLevel,
    compression::{
        CompressionLayer, Predicate,
        predicate::{NotForContentType, SizeAbove},
    },
};

use crate::media::JSON_LINES;

/// Bytes that are decoded at once.
const PIECE_BYTES: usize = 32 << 10;

/// The largest window of zstd that HTTP allows, 8 MiB (RFC 9659); the decoder keeps one in memory.
const WINDOW_LOG_MAX: u32 = 23;

/// Answers that fit one packet do not become faster by being smaller.
const COMPRESSED_BYTES_MIN: u64 = 1_400;

const GIVEN_CHARS_MAX: usize = 80;

/// Replaces an encoded body by what it encodes, piece by piece as it is read.
///
/// # Errors
/// `unsupported_media_type` for any other coding than gzip and zstd, and for several.
pub(crate) fn decoded(request: &mut Request) -> Result<(), Error> {
    let mut given = request.headers().get_all(CONTENT_ENCODING).iter();
    let (Some(first), None) = (given.next(), given.next()) else {
        return match request.headers().contains_key(CONTENT_ENCODING) {
            true => Err(unsupported("several")),
            false => Ok(()),
        };
    };
    let name = String::from_utf8_lossy(first.as_bytes()).trim().to_ascii_lowercase();
    let decode: fn(Body) -> Body = match name.as_str() {
        "identity" => |body| body,
        "gzip" | "x-gzip" => |body| {
            let mut decoder = GzipDecoder::new(reader(body));
            decoder.multiple_members(true);
            pieces("gzip", decoder)
        },
        "zstd" => |body| {
            let window = [DParameter::window_log_max(WINDOW_LOG_MAX)];
            let mut decoder = ZstdDecoder::with_params(reader(body), &window);
            decoder.multiple_members(true);
            pieces("zstd", decoder)
        },
        other => return Err(unsupported(other)),
    };
    request.headers_mut().remove(CONTENT_ENCODING);
    if name != "identity" && !request.body().is_end_stream() {
        // It is the length of what came, and not of the body.
        request.headers_mut().remove(CONTENT_LENGTH);
        let body = std::mem::take(request.body_mut());
        *request.body_mut() = decode(body);
    }
    Ok(())
}

fn unsupported(given: &str) -> Error {
    let given: String = given.chars().take(GIVEN_CHARS_MAX).collect();
    let description = format!("{given:?} is not taken, allowed are gzip and zstd");
    Error::at(ErrorCode::UnsupportedMediaType, "content-encoding", description)
}

fn reader(body: Body) -> impl tokio::io::AsyncBufRead + Send + Unpin + 'static {
    StreamReader::new(body.into_data_stream().map_err(io::Error::other))
}

fn pieces(coding: &'static str, decoder: impl AsyncRead + Send + 'static) -> Body {
    let pieces = ReaderStream::with_capacity(decoder, PIECE_BYTES);
    Body::from_stream(pieces.map_err(move |error| io::Error::other(format!("{coding}: {error}"))))
}

/// Compresses the answers of a router for clients that take them so.
///
/// The answers of an import are left as they are: each is to arrive when it is given.
pub(crate) fn compressing<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    let worthwhile = SizeAbove::new(COMPRESSED_BYTES_MIN);
    let worthwhile = worthwhile.and(NotForContentType::const_new(JSON_LINES.name));
    // Higher levels take more time than the bytes that they save.
    let layer = CompressionLayer::new().quality(CompressionLevel::Fastest);
    router.layer(layer.compress_when(worthwhile))
}
