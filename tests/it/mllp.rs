//! HL7 v2 on the wire: what becomes of frames and connections, whoever takes the messages.
//!
//! The messages are of a sender whom no feed knows, so each is answered and none is taken over.

mod faults;
mod many;
mod stop;
mod tls;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const TIME_MAX: Duration = Duration::from_secs(60);

/// Returns a message with this control id.
pub fn message(id: &str) -> Vec<u8> {
    format!("MSH|^~\\&|NOBODY|NOWHERE|||20260101||ADT^A01^ADT_A01|{id}|P|2.5\rPID|1||1^^^X").into_bytes()
}

pub fn framed(message: &[u8]) -> Vec<u8> {
    [b"\x0b", message, b"\x1c\r"].concat()
}

/// A sender.
pub struct Sender<S = TcpStream> {
    stream: S,
    seen: Vec<u8>,
}

impl Sender {
    pub fn connect(address: SocketAddr) -> Sender {
        let stream = TcpStream::connect_timeout(&address, TIME_MAX).expect("the server listens");
        stream.set_read_timeout(Some(TIME_MAX)).expect("a time can be set");
        stream.set_write_timeout(Some(TIME_MAX)).expect("a time can be set");
        stream.set_nodelay(true).expect("it can be set");
        Sender::over(stream)
    }

    /// Says that nothing more is sent.
    pub fn end(&self) {
        // It is closed already where the server was faster.
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }
}

impl<S: Read + Write> Sender<S> {
    pub fn over(stream: S) -> Sender<S> {
        Sender { stream, seen: Vec::new() }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).and_then(|()| self.stream.flush()).expect("the server reads");
    }

    /// Returns the next answer; none where the connection has ended.
    pub fn answer(&mut self) -> Option<String> {
        self.frame().map(|frame| String::from_utf8(frame).expect("this answer is text in UTF-8"))
    }

    /// Returns the bytes of the next answer.
    pub fn frame(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.seen.windows(2).position(|pair| pair == b"\x1c\r") {
                let frame: Vec<u8> = self.seen.drain(..at + 2).collect();
                assert_eq!(frame[0], 0x0B, "an answer begins its frame");
                return Some(frame[1..at].to_vec());
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes) {
                Ok(0) => break,
                Ok(read) => self.seen.extend_from_slice(&bytes[..read]),
                Err(error) if is_end(&error) => break,
                Err(error) => panic!("no answer: {error}"),
            }
        }
        assert!(self.seen.is_empty(), "an answer is cut: {:?}", String::from_utf8_lossy(&self.seen));
        None
    }

    /// Returns which message the next answer is to.
    pub fn answered(&mut self) -> Option<String> {
        let answer = self.answer()?;
        let msa = answer.split('\r').find(|segment| segment.starts_with("MSA|")).expect("an answer has MSA");
        Some(msa.split('|').nth(2).unwrap_or_default().to_string())
    }

    /// Returns which messages all further answers are to, until the connection ends.
    pub fn rest(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.answered()).collect()
    }
}

/// Whether a connection is closed, however that shows.
fn is_end(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}
