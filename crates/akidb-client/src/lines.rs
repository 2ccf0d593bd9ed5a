//! An answer that comes line by line.

use reqwest::{Response, Url};

use crate::RequestError;

/// A line tells of one document; what is longer is not a node's.
const LINE_BYTES_MAX: usize = 16 << 20;

/// Lines of an answer as they come.
pub struct AnswerLines {
    response: Response,
    url: Url,
    buffer: Vec<u8>,
    /// Where in the buffer the next line begins.
    start: usize,
}

impl AnswerLines {
    pub(crate) const fn new(response: Response, url: Url) -> Self {
        Self { response, url, buffer: Vec::new(), start: 0 }
    }

    /// The next line without its end; `None` when there is no other whole line.
    ///
    /// # Errors
    /// The answer broke off, or the line is longer than 16 MiB.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, RequestError> {
        loop {
            let rest = &self.buffer[self.start..];
            if let Some(length) = rest.iter().position(|&byte| byte == b'\n') {
                let line = rest[..length].to_vec();
                self.start += length + 1;
                return Ok(Some(line));
            }
            self.buffer.drain(..self.start);
            self.start = 0;
            if self.buffer.len() > LINE_BYTES_MAX {
                return Err(RequestError::AnswerTooLarge { limit_bytes: LINE_BYTES_MAX });
            }
            let unreachable = |error| RequestError::unreachable(self.url.as_str(), error);
            match self.response.chunk().await.map_err(unreachable)? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }
}
