//! HL7 v2 over TCP: MLLP, plain or over TLS.
//!
//! Every worker thread has a [`Handler`] of its own and answers what its connections send, one message of a connection at a time
//! and in their order. While a message is in process nothing is read from its connection: who sends faster waits.

mod connection;
pub mod frame;
mod listener;
pub mod tls;

pub use listener::{MllpSettings, Running, Stop, start};

use crate::fault::Fault;
use crate::feed::{self, Intake};
use crate::hl7v2::ack::{Ack, Level, Outcome};
use crate::hl7v2::{Problem, charset};
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

/// Who sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    pub address: SocketAddr,
    /// The common name of the certificate that the sender has shown and that was checked.
    pub certificate_name: Option<String>,
}

/// Takes messages.
pub trait Handler {
    /// Takes the content of one frame and returns what is answered, each in a frame of its own, in this order. What it has begun
    /// is dropped when it takes too long; the sender then sends the message again.
    fn take<'a>(&'a self, peer: &'a Peer, frame: Bytes) -> LocalBoxFuture<'a, Vec<Vec<u8>>>;
}

impl Handler for Intake {
    fn take<'a>(&'a self, peer: &'a Peer, frame: Bytes) -> LocalBoxFuture<'a, Vec<Vec<u8>>> {
        Box::pin(async move {
            let (address, certificate) = (peer.address.ip().to_string(), peer.certificate_name.clone());
            Intake::take(self, &feed::Peer { address, certificate }, &frame).await
        })
    }
}

/// Makes the handler of a worker thread; called on that thread, inside its runtime.
pub type HandlerFactory = Arc<dyn Fn() -> Result<Rc<dyn Handler>, Fault> + Send + Sync>;

/// Returns the acknowledgement of a message of which nothing is known but its bytes.
fn refusal(raw: &[u8], outcome: Outcome, problem: Problem) -> Vec<u8> {
    let (header, charset) = charset::header(raw, None).unzip();
    let id = uuid::Uuid::now_v7().simple().to_string();
    let ack = Ack {
        to: header.as_ref(),
        level: Level::Application,
        outcome,
        problems: &[problem],
        // Before v2.7 the field has 20 characters.
        id: id.get(..20).unwrap_or(&id),
        time: &jiff::Timestamp::now().strftime("%Y%m%d%H%M%S+0000").to_string(),
        application: "MediLink",
        facility: "",
    };
    charset.unwrap_or(charset::Charset::Utf8).encode(&ack.write())
}
