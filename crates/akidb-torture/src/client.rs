//! A client of HTTP/1.1 that waits, resets and breaks off exactly when it is told to.
//!
//! It never sends a request twice by itself: whether a request without a reply was done is what the
//! oracle has to find out. `akidb-client` keeps such things from its users, so it can not be used here.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// How long a client waits for a reply before it counts as missing.
const REPLY_WITHIN: Duration = Duration::from_secs(90);

/// One client with at most one connection.
pub(crate) struct Client {
    address: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
    /// Lines of the head that every request has.
    head: String,
}

/// What the node answered.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// The status of HTTP.
    pub(crate) status: u16,
    /// The body, null where it is not JSON.
    pub(crate) body: Value,
    /// The body as it came.
    pub(crate) text: String,
}

impl Reply {
    /// Whether the status is 2xx.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// `not_applied` or `unknown`, empty where the reply is no error.
    pub(crate) fn outcome(&self) -> &str {
        self.body["error"]["outcome"].as_str().unwrap_or_default()
    }
}

impl Client {
    /// A client that connects when it sends.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, connection: None, head: String::new() }
    }

    /// The same client with another line in the head of every request.
    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.head += &format!("{name}: {value}\r\n");
        self
    }

    /// Sends a request and waits for the reply. After an error nobody knows whether it was done.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> io::Result<Reply> {
        let body = body.map(Value::to_string);
        self.send_text(method, path, "application/json", body.as_deref())
    }

    /// The same for a body of any type.
    pub(crate) fn send_text(
        &mut self,
        method: &str,
        path: &str,
        content_type: &str,
        body: Option<&str>,
    ) -> io::Result<Reply> {
        let reply = self.exchange(&self.request(method, path, content_type, body));
        if reply.is_err() {
            self.connection = None;
        }
        reply
    }

    /// Reads something that changes nothing, once more over a new connection where the old one was
    /// closed meanwhile.
    pub(crate) fn read(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> io::Result<Reply> {
        self.send(method, path, body).or_else(|_| self.send(method, path, body))
    }

    /// Sends a request and resets the connection before the reply.
    pub(crate) fn send_and_reset(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> io::Result<()> {
        let body = body.map(Value::to_string);
        self.send_text_and_reset(method, path, "application/json", body.as_deref())
    }

    /// The same for a body of any type.
    pub(crate) fn send_text_and_reset(
        &mut self,
        method: &str,
        path: &str,
        content_type: &str,
        body: Option<&str>,
    ) -> io::Result<()> {
        let request = self.request(method, path, content_type, body);
        let mut connection = self.connect()?;
        connection.get_mut().write_all(&request)?;
        // What is unread at closing makes the kernel answer with a reset.
        std::thread::sleep(Duration::from_millis(1));
        drop(connection);
        Ok(())
    }

    fn connect(&mut self) -> io::Result<BufReader<TcpStream>> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        let stream = TcpStream::connect_timeout(&self.address, Duration::from_secs(10))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REPLY_WITHIN))?;
        stream.set_write_timeout(Some(REPLY_WITHIN))?;
        Ok(BufReader::new(stream))
    }

    fn request(&self, method: &str, path: &str, content_type: &str, body: Option<&str>) -> Vec<u8> {
        let (head, body) = (&self.head, body.unwrap_or_default());
        let content_type = match body {
            "" => String::new(),
            _ => format!("Content-Type: {content_type}\r\n"),
        };
        let length = body.len();
        format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}{content_type}\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }

    fn exchange(&mut self, request: &[u8]) -> io::Result<Reply> {
        let mut connection = self.connect()?;
        connection.get_mut().write_all(request)?;
        let (reply, keeps_open) = read_reply(&mut connection)?;
        if keeps_open {
            self.connection = Some(connection);
        }
        Ok(reply)
    }
}

/// Reads one reply, and says whether another one may follow on the connection.
pub(crate) fn read_reply(connection: &mut impl BufRead) -> io::Result<(Reply, bool)> {
    let status = read_line(connection)?;
    let status = status.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other("the reply is no HTTP"))?;
    let (mut length, mut is_chunked, mut keeps_open) = (None, false, true);
    loop {
        let line = read_line(connection)?.to_ascii_lowercase();
        match line.split_once(':').map(|(name, value)| (name, value.trim())) {
            None if line.is_empty() => break,
            Some(("content-length", value)) => length = value.parse::<usize>().ok(),
            Some(("transfer-encoding", value)) => is_chunked = value.contains("chunked"),
            Some(("connection", "close")) => keeps_open = false,
            _ => {}
        }
    }
    let mut body = Vec::new();
    match length {
        _ if is_chunked => read_chunks(connection, &mut body)?,
        Some(length) => {
            body.resize(length, 0);
            connection.read_exact(&mut body)?;
        }
        None if status == 204 => {}
        None => {
            keeps_open = false;
            connection.read_to_end(&mut body)?;
        }
    }
    let text = String::from_utf8_lossy(&body).into_owned();
    let body = serde_json::from_str(&text).unwrap_or_default();
    Ok((Reply { status, body, text }, keeps_open))
}

fn read_line(connection: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if connection.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}

fn read_chunks(connection: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let size = read_line(connection)?;
        let size = usize::from_str_radix(&size, 16).map_err(io::Error::other)?;
        let start = body.len();
        body.resize(start + size, 0);
        connection.read_exact(&mut body[start..])?;
        read_line(connection)?;
        if size == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_by_length_and_by_chunks() {
        let texts: [&[u8]; 2] = [
            b"HTTP/1.1 503 Busy\r\ncontent-length: 39\r\n\r\n{\"error\":{\"code\":\"a\",\"outcome\":\"b\"},  }",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n3\r\n:1}\r\n0\r\n\r\n",
        ];
        let (reply, keeps_open) = read_reply(&mut { texts[0] }).unwrap();
        assert_eq!((reply.status, reply.text.len(), keeps_open), (503, 39, true));
        let (reply, _) = read_reply(&mut { texts[1] }).unwrap();
        assert_eq!((reply.is_success(), &reply.body["a"]), (true, &Value::from(1)));
    }
}
