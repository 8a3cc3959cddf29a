//! Many messages at once: each is taken as if it had come alone, and the answers go back as one batch.
//!
//! HL7 v2.5 chapter 2.10.3. What is wrong with the batch itself, such as a count that does not fit, is told in the answer and beside each
//! message of it, and keeps none of them from being taken: who sends the batch again has told nothing twice.

use super::{Intake, Peer, Verdict, answer, head};
use crate::hl7v2::batch::{self, File};
use crate::hl7v2::problem::Severity;
use crate::hl7v2::{Message, Problem};
use crate::store::hl7::Feed;

/// What became of one message of a file.
#[derive(Debug, Clone)]
pub struct Told {
    /// MSH-10 and MSH-9, as far as they could be read.
    pub control_id: Option<String>,
    pub event: Option<String>,
    pub verdict: Verdict,
}

/// Returns what is in a frame that is no single message.
pub fn file(frame: &[u8]) -> Option<File<'_>> {
    // Where nothing can be read, it is refused and kept like any message that cannot be read.
    batch::has_header(frame).then(|| batch::split(frame)).filter(File::says_something)
}

/// Returns each message of a file, with what is wrong around it.
fn messages<'a>(file: &'a File<'a>) -> impl Iterator<Item = (usize, &'a [u8], Option<Problem>)> {
    file.batches.iter().enumerate().flat_map(|(number, batch)| {
        let wrong = batch.problem.as_ref().or(file.problem.as_ref());
        let beside = wrong.map(|problem| Problem { severity: Severity::Warning, ..problem.clone() });
        batch.messages.iter().map(move |raw| (number, *raw, beside.clone()))
    })
}

impl Intake {
    /// Takes the messages of a file one after the other; returns the file of their acknowledgements.
    pub(super) async fn take_file(&self, peer: &Peer, file: &File<'_>) -> Vec<Vec<u8>> {
        let mut answers: Vec<Vec<Vec<u8>>> = vec![Vec::new(); file.batches.len()];
        for (number, raw, beside) in messages(file) {
            let head = super::Head { beside, ..head(peer, raw) };
            answers[number].extend(self.take_one(head).await);
        }
        let (id, time) = (answer::id(), answer::now());
        let stamp = batch::Stamp { id: &id, time: &time, application: answer::APPLICATION, facility: "" };
        vec![batch::answer(file, &answers, stamp)]
    }

    /// Takes the messages of a file as those of a feed, whoever their headers name: one message, several, or a batch. Returns what became
    /// of each, and what is wrong with the file itself.
    pub async fn load(&self, feed: &Feed, raw: &[u8]) -> (Vec<Told>, Vec<Problem>) {
        let peer = Peer { address: String::new(), certificate: feed.certificate.clone() };
        let file = if batch::is_batch(raw) { batch::split(raw) } else { batch::of_one(raw) };
        let mut told = Vec::new();
        for (_, raw, beside) in messages(&file) {
            let head = super::Head { beside, feed: Some(feed.clone()), ..head(&peer, raw) };
            let (control_id, event) = (head.arrival.control_id.clone(), head.arrival.event.clone());
            let is_answer =
                head.message.as_ref().is_some_and(|message: &Message| crate::hl7v2::ack::is_answer(message));
            if is_answer {
                continue;
            }
            let (verdict, _) = self.taken(&head).await;
            told.push(Told { control_id, event, verdict });
        }
        let wrong = file.problem.iter().chain(file.batches.iter().filter_map(|batch| batch.problem.as_ref()));
        (told, wrong.cloned().collect())
    }
}
