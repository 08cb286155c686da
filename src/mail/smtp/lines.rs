//! A connection that hands out one line at a time until TLS begins, so that the reader above it never holds more than it has
//! asked for. What a stranger on the way adds to the answer to STARTTLS would otherwise be taken for what the server says inside
//! TLS.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// First byte of a TLS handshake (RFC 8446 §5.1). No command begins with it.
const HANDSHAKE: u8 = 22;

/// Bytes read at once.
const BATCH: usize = 1024;

#[derive(Debug)]
pub struct Lines {
    stream: TcpStream,
    /// Read and not yet handed out.
    rest: Vec<u8>,
    has_tls: bool,
}

impl Lines {
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            rest: Vec::new(),
            has_tls: false,
        }
    }
}

impl AsyncRead for Lines {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.has_tls {
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        }
        if this.rest.is_empty() {
            let mut bytes = [0; BATCH];
            let mut batch = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut batch))?;
            this.rest.extend_from_slice(batch.filled());
        }
        let end = this.rest.iter().position(|byte| *byte == b'\n');
        let line = end.map_or(this.rest.len(), |end| end + 1);
        let given = this.rest.drain(..line.min(buf.remaining()));
        buf.put_slice(given.as_slice());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Lines {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if !this.has_tls && bytes.first() == Some(&HANDSHAKE) {
            if !this.rest.is_empty() {
                return Poll::Ready(Err(io::Error::other(
                    "something was sent behind the answer to STARTTLS",
                )));
            }
            this.has_tls = true;
        }
        Pin::new(&mut this.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl AsyncTokioStream for Lines {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}
