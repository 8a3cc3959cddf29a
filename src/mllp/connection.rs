//! One connection: its frames in, their answers out, and how it ends.

use super::frame::{self, Decoder, Found};
use super::{Handler, Peer, refusal};
use crate::hl7v2::ack::Outcome;
use crate::hl7v2::{Code, Problem, batch};
use bytes::Bytes;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// A batch has the time of its messages together, at most that of so many.
const BATCH_TIMES_MAX: u32 = 60;

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Without a byte, when a frame was begun.
    pub idle: Duration,
    /// For all of a frame to arrive.
    pub frame: Duration,
    /// For a message to be processed.
    pub request: Duration,
    /// For an answer to be taken by the sender.
    pub write: Duration,
}

impl Times {
    pub fn new(request: Duration) -> Times {
        let idle = Duration::from_secs(30);
        Times { idle, frame: Duration::from_secs(300), request, write: idle }
    }
}

/// What the connections of a thread share.
pub struct Ground {
    pub handler: Rc<dyn Handler>,
    pub frame_bytes_max: usize,
    pub times: Times,
    /// Turns true when the server stops.
    pub stop: watch::Receiver<bool>,
}

/// Serves a connection to its end.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, peer: &Peer, ground: &Ground) {
    let mut reader = Reader::new(ground);
    while let Some(frame) = reader.next(&mut stream).await {
        metrics::counter!("medilink_mllp_frames_total").increment(1);
        let answers = process(peer, frame, ground).await;
        let sent = timeout(ground.times.write, send(&mut stream, &answers)).await;
        match sent {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return fault("broken", peer),
            Err(_) => return fault("not_taken", peer),
        }
        if *ground.stop.borrow() {
            break;
        }
    }
    close(stream).await;
}

/// Returns what is answered to a frame, whatever becomes of it.
async fn process(peer: &Peer, frame: Bytes, ground: &Ground) -> Vec<Vec<u8>> {
    let began = Instant::now();
    // The future is made within it, so that a panic is caught that comes before its first await.
    let work = AssertUnwindSafe(async { ground.handler.take(peer, frame.clone()).await }).catch_unwind();
    let messages = u32::try_from(batch::count_of(&frame)).unwrap_or(u32::MAX).min(BATCH_TIMES_MAX);
    let done = timeout(ground.times.request * messages, work).await;
    metrics::histogram!("medilink_mllp_frame_seconds").record(began.elapsed().as_secs_f64());
    let (name, outcome, words) = match done {
        Ok(Ok(answers)) => return answers,
        Ok(Err(_)) => ("panic", Outcome::Error, "the server failed"),
        Err(_) => ("timeout", Outcome::Rejected, "the message was not processed in time"),
    };
    fault(name, peer);
    vec![refusal(&frame, outcome, Problem::error(Code::Internal, None, words))]
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, answers: &[Vec<u8>]) -> std::io::Result<()> {
    let frames: Vec<u8> = answers.iter().flat_map(|answer| frame::framed(answer)).collect();
    stream.write_all(&frames).await?;
    stream.flush().await
}

/// Ends a connection so that what was sent arrives: bytes that are not read would make the system take it back.
async fn close<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    const WAIT: Duration = Duration::from_secs(1);
    let _ = timeout(WAIT, async {
        stream.shutdown().await?;
        let mut left = [0; 4096];
        while stream.read(&mut left).await? > 0 {}
        std::io::Result::Ok(())
    })
    .await;
}

/// Counts what a connection is at fault with.
pub fn fault(name: &'static str, peer: &Peer) {
    metrics::counter!("medilink_mllp_faults_total", "kind" => name).increment(1);
    tracing::debug!(peer = %peer.address, fault = name, "a connection for HL7 v2 is at fault");
}

/// Reads the frames of a connection.
struct Reader<'a> {
    decoder: Decoder,
    ground: &'a Ground,
    stop: watch::Receiver<bool>,
    /// When the frame began that is being read.
    began: Option<Instant>,
    has_ended: bool,
}

impl<'a> Reader<'a> {
    fn new(ground: &'a Ground) -> Reader<'a> {
        let decoder = Decoder::new(ground.frame_bytes_max);
        Reader { decoder, ground, stop: ground.stop.clone(), began: None, has_ended: false }
    }

    /// Returns the next frame; none when the connection is to be closed.
    async fn next<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> Option<Bytes> {
        self.began = None;
        loop {
            let found = match self.decoder.find() {
                None if self.has_ended => Some(self.decoder.finish()?),
                found => found,
            };
            match found {
                Some(Found::Frame(frame)) => return Some(frame),
                Some(Found::Fault(at_fault)) => {
                    count(at_fault);
                    if at_fault.is_end() {
                        return None;
                    }
                }
                None => self.read(stream).await?,
            }
        }
    }

    /// Reads what comes next; none where nothing more is to be waited for.
    async fn read<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> Option<()> {
        let (is_amid, now, times) = (self.decoder.is_amid(), Instant::now(), self.ground.times);
        let began = if is_amid { *self.began.get_or_insert(now) } else { now };
        let end = (now + times.idle).min(began + times.frame);
        tokio::select! {
            biased;
            // What was begun may be finished; that the whole stop has an end is the listener's to see.
            _ = self.stop.wait_for(|stop| *stop), if !is_amid => None,
            read = stream.read_buf(self.decoder.buffer()) => {
                // A connection that breaks has ended; whatever was whole is processed.
                self.has_ended = matches!(read, Ok(0) | Err(_));
                Some(())
            }
            () = tokio::time::sleep_until(end), if is_amid => {
                // It may be whole but for its last byte.
                self.has_ended = true;
                metrics::counter!("medilink_mllp_faults_total", "kind" => "idle").increment(1);
                Some(())
            }
        }
    }
}

fn count(fault: frame::Fault) {
    let bytes = if let frame::Fault::Outside(bytes) = fault { bytes } else { 0 };
    metrics::counter!("medilink_mllp_faults_total", "kind" => fault.name()).increment(1);
    metrics::counter!("medilink_mllp_skipped_bytes_total").increment(bytes as u64);
}

#[cfg(test)]
mod tests;
