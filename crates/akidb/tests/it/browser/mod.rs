//! What pages can do to a node, in a real browser.

mod chromium;
mod docs_page;
mod pages;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    thread,
};

/// A site that answers every request with an empty page.
pub(crate) struct Site {
    address: SocketAddr,
}

impl Site {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                thread::spawn(move || {
                    let _ = stream.read(&mut [0; 8_192]);
                    let page = "<!doctype html><title>a page</title>";
                    let length = page.len();
                    let _ = write!(
                        stream,
                        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\
                         content-length: {length}\r\n\r\n{page}"
                    );
                });
            }
        });
        Self { address }
    }

    /// Its origin under a name.
    pub(crate) fn origin(&self, name: &str) -> String {
        format!("http://{name}:{}", self.address.port())
    }
}
