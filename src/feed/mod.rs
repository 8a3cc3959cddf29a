//! HL7 v2 feeds: from the bytes of a message to resources that are committed, and its acknowledgement.
//!
//! Each message is kept before anything is done with it ([`crate::store::hl7`]). It is taken over in one transaction together with a
//! Provenance that names it, so that it is taken over once, whatever is sent again or breaks off between commit and answer.
//! [`sender`] says whose it is, [`plan`] what of it is there, [`graft`] and [`compose`] what is written, [`work`] does it.

pub mod about;
mod answer;
mod batch;
mod compose;
mod entry;
mod graft;
mod order;
mod plan;
pub mod register;
mod sender;
mod task;
mod trouble;
mod turn;
mod union;
mod work;

pub use batch::Told;
pub use compose::provenance_id;
pub use sender::Peer;

use self::answer::{Stamp, answers};
use self::entry::Work;
use self::sender::Sender;
use self::trouble::{AWAY, Trouble};
use crate::fault::{Fault, Kind};
use crate::fhir::Instant;
use crate::hl7v2::ack::{self, Mode, Outcome};
use crate::hl7v2::charset::{self, Charset};
use crate::hl7v2::{Code, Message, Place, Problem};
use crate::service::Service;
use crate::store::StoreError;
use crate::store::audit::Entry;
use crate::store::hl7::{Arrival, Feed, Kept, Received, Settled, State};
use serde_json::{Value, json};
use uuid::Uuid;

/// How often a message is tried that fails for our sake, before people are asked to look at it.
const ATTEMPTS_MAX: i32 = 20;

/// Takes messages, on one thread.
#[derive(Clone)]
pub struct Intake {
    service: Service,
}

/// What became of a message.
#[derive(Debug, Clone)]
pub struct Verdict {
    pub outcome: Outcome,
    /// None: it waits to be tried again, or could not even be kept.
    pub state: Option<State>,
    pub problems: Vec<Problem>,
    /// Keys of the patients whom it is about.
    patients: Vec<i64>,
    /// Whether it was kept.
    is_kept: bool,
}

impl Verdict {
    fn refused(problem: Problem) -> Verdict {
        Verdict { state: Some(State::Refused), ..Verdict::failed(Outcome::Rejected, vec![problem]) }
    }

    fn failed(outcome: Outcome, problems: Vec<Problem>) -> Verdict {
        Verdict { outcome, state: Some(State::Failed), problems, patients: Vec::new(), is_kept: true }
    }

    fn later(text: &str) -> Verdict {
        let problem = Problem::error(Code::Internal, None, text);
        Verdict { state: None, ..Verdict::failed(Outcome::Error, vec![problem]) }
    }

    /// Nothing is known of it here: who sent it has to send it again.
    fn lost() -> Verdict {
        let text = "the server cannot keep it at the moment; the message may be sent again";
        let problem = Problem::error(Code::Internal, None, text);
        Verdict { state: None, is_kept: false, ..Verdict::failed(Outcome::Rejected, vec![problem]) }
    }
}

/// What is read of a message before anything else.
struct Head {
    message: Option<Message>,
    charset: Charset,
    arrival: Arrival,
    /// The feed that it is of, where that is not for its header to say.
    feed: Option<Feed>,
    /// What was wrong around it, in its batch.
    beside: Option<Problem>,
}

/// A message that is kept.
struct Held<'a> {
    id: Uuid,
    raw: &'a [u8],
    received: Instant,
    attempts: i32,
    peer: &'a str,
}

/// Says what the metrics of feeds mean.
pub fn describe() {
    metrics::describe_counter!("medilink_hl7_messages_total", "HL7 v2 messages, by feed, event and acknowledgement");
    metrics::describe_histogram!("medilink_hl7_message_seconds", "Time from a message to its acknowledgement");
    metrics::describe_gauge!("medilink_hl7_open_messages", "HL7 v2 messages that wait or failed, by feed and state");
    metrics::describe_gauge!("medilink_hl7_oldest_seconds", "How long the oldest of them has been there");
}

impl Intake {
    /// Must be called inside the thread's runtime.
    pub fn new(service: Service) -> Intake {
        Intake { service }
    }

    /// Takes a message or a batch of them, and returns what is answered, in this order. It may be dropped at any time: then the message is sent again,
    /// or tried again once it is kept.
    pub async fn take(&self, peer: &Peer, frame: &[u8]) -> Vec<Vec<u8>> {
        match batch::file(frame) {
            Some(file) => self.take_file(peer, &file).await,
            None => self.take_one(head(peer, frame)).await,
        }
    }

    async fn take_one(&self, head: Head) -> Vec<Vec<u8>> {
        let began = std::time::Instant::now();
        if head.message.as_ref().is_some_and(ack::is_answer) {
            return Vec::new();
        }
        let (verdict, ack) = self.taken(&head).await;
        let stamp = Stamp { to: head.message.as_ref(), charset: head.charset };
        count(&head.arrival, answer::code(&verdict), began);
        let mode = head.message.as_ref().map_or(Mode::Original, Mode::of);
        answers(&stamp, mode, &verdict, ack)
    }

    /// Tries a message once more that is kept: one that waits, failed or was refused. None where there is no such message.
    pub async fn replay(&self, id: Uuid) -> Result<Option<Verdict>, Fault> {
        let Some(kept) = self.service.store().hl7_message(id).await? else { return Ok(None) };
        if !self.service.store().try_hl7(id).await? {
            return Ok(None);
        }
        Ok(Some(self.again(kept).await?))
    }

    /// Puts a corrected message in the place of one that failed or was refused, and takes it over; returns its id. None where that is
    /// neither, or where the control id of the corrected one stands for another message.
    pub async fn correct(&self, id: Uuid, raw: &[u8]) -> Result<Option<(Uuid, Verdict)>, Fault> {
        let store = self.service.store();
        let Some(old) = store.hl7_message(id).await? else { return Ok(None) };
        let peer = Peer { address: old.message.peer.clone(), certificate: old.message.certificate.clone() };
        let mut head = head(&peer, raw);
        let feeds = store.hl7_feeds().await?;
        head.arrival.feed = sender::feed(feeds, &head.arrival).ok().map(|feed| feed.id);
        let Some(new) = store.correct_hl7(id, &head.arrival).await? else { return Ok(None) };
        let Some(kept) = store.hl7_message(new).await? else { return Ok(None) };
        let verdict = self.again(kept).await?;
        if verdict.state == Some(State::Done) {
            task::settle(&self.service, id).await;
        }
        Ok(Some((new, verdict)))
    }

    /// Gives a message up; false where it is none about which something is to be done.
    pub async fn dismiss(&self, id: Uuid, who: &str, why: &str) -> Result<bool, Fault> {
        let is_given_up = self.service.store().dismiss_hl7(id, who, why).await?;
        if is_given_up {
            task::settle(&self.service, id).await;
        }
        Ok(is_given_up)
    }

    /// Tries messages that are kept and were not worked off: what a killed process left, and what failed for our sake. Returns how
    /// many there were.
    pub async fn catch_up(&self, tried_before: Instant) -> Result<usize, Fault> {
        const BATCH: i64 = 100;
        let ids = self.service.store().waiting_hl7(tried_before, BATCH).await?;
        for id in &ids {
            self.replay(*id).await?;
        }
        self.measure().await?;
        Ok(ids.len())
    }

    /// Shows how many messages wait or failed.
    async fn measure(&self) -> Result<(), StoreError> {
        let feeds = self.service.store().hl7_feeds().await?;
        let counts = self.service.store().hl7_open_counts().await?;
        let names = feeds.into_iter().map(|feed| Some(feed.id)).chain([None]);
        for name in names {
            for state in [State::Received, State::Failed] {
                let of = counts.iter().find(|(feed, is, ..)| *feed == name && *is == state);
                let (count, age_us) = of.map_or((0, 0), |(.., count, oldest)| (*count, Instant::now().0 - oldest.0));
                let labels = [("feed", name.clone().unwrap_or_default()), ("state", state.name().to_string())];
                metrics::gauge!("medilink_hl7_open_messages", &labels).set(count as f64);
                metrics::gauge!("medilink_hl7_oldest_seconds", &labels).set(age_us as f64 / 1e6);
            }
        }
        Ok(())
    }

    /// Keeps a message and takes it over. Of one that was taken over before, the acknowledgement of then; of one that was settled, the
    /// one that is kept.
    async fn taken(&self, head: &Head) -> (Verdict, Option<Vec<u8>>) {
        match self.kept(head).await {
            Ok(answered) => answered,
            Err(error) => {
                tracing::warn!(%error, "a message could not be kept; its sender is told to send it again");
                (Verdict::lost(), None)
            }
        }
    }

    async fn kept(&self, head: &Head) -> Result<(Verdict, Option<Vec<u8>>), StoreError> {
        let store = self.service.store();
        let mut arrival = head.arrival.clone();
        let found = match &head.feed {
            Some(feed) => Ok(feed.clone()),
            None => sender::feed(store.hl7_feeds().await?, &arrival),
        };
        let feed = match found {
            _ if head.message.is_none() => return self.refuse(&arrival, head, Outcome::Rejected, unreadable()).await,
            Ok(feed) => feed,
            Err(problem) => return self.refuse(&arrival, head, Outcome::Rejected, problem).await,
        };
        arrival.feed = Some(feed.id.clone());
        let (id, attempts) = match store.receive_hl7(&arrival).await? {
            Received::New(id) => (id, 1),
            Received::Again(kept) if kept.message.state == State::Done => return Ok(repeated(*kept)),
            // What failed has done nothing, and may be taken now; what was begun is gone on with.
            Received::Again(kept) => {
                store.try_hl7(kept.message.id).await?;
                (kept.message.id, kept.message.attempts + 1)
            }
            Received::Other(_) => {
                let text = "another message came under this control id";
                let problem = Problem::error(Code::DuplicateKey, Place::segment("MSH", 1).field(10), text);
                return self.refuse(&arrival, head, Outcome::Error, problem).await;
            }
        };
        let (raw, peer) = (&head.arrival.raw[..], &head.arrival.peer[..]);
        let held = Held { id, raw, received: Instant::now(), attempts, peer };
        Ok(self.worked(&held, head, Some(feed)).await)
    }

    /// Keeps a message that is not taken.
    async fn refuse(
        &self,
        arrival: &Arrival,
        head: &Head,
        outcome: Outcome,
        problem: Problem,
    ) -> Result<(Verdict, Option<Vec<u8>>), StoreError> {
        let mut verdict = Verdict { outcome, ..Verdict::refused(problem) };
        verdict.problems.extend(head.beside.clone());
        let id = self.service.store().refuse_hl7(arrival).await?;
        let held = Held { id, raw: &arrival.raw, received: Instant::now(), attempts: 1, peer: &arrival.peer };
        let ack = self.settle(&held, head, arrival.feed.as_deref(), &verdict).await;
        Ok((verdict, ack))
    }

    /// Takes over a message that is kept since long.
    async fn again(&self, kept: Kept) -> Result<Verdict, Fault> {
        let message = &kept.message;
        let peer = Peer { address: message.peer.clone(), certificate: message.certificate.clone() };
        let Some(raw) = &kept.raw else {
            return Err(Fault::new(Kind::BusinessRule, "the text of this message was removed"));
        };
        let head = head(&peer, raw);
        let feed = match &message.feed {
            Some(id) => self.service.store().hl7_feed(id).await?.filter(|feed| feed.active),
            // The feed may have been set up meanwhile.
            None => sender::feed(self.service.store().hl7_feeds().await?, &head.arrival).ok(),
        };
        let held = Held {
            id: message.id,
            raw,
            received: message.received,
            attempts: message.attempts + 1,
            peer: &message.peer,
        };
        Ok(self.worked(&held, &head, feed).await.0)
    }

    /// Takes over a message that is kept, and keeps what became of it.
    async fn worked(&self, held: &Held<'_>, head: &Head, feed: Option<Feed>) -> (Verdict, Option<Vec<u8>>) {
        let name = feed.as_ref().map(|feed| feed.id.clone());
        let mut verdict = match feed {
            None => {
                Verdict::refused(Problem::error(Code::Other, Place::segment("MSH", 1).field(3), "there is no feed"))
            }
            Some(feed) => {
                let settings = self.service.settings();
                match sender::sender(self.service.store(), feed, &settings.canonical_base).await {
                    Ok(Ok(sender)) => self.judged(held, &sender).await,
                    Ok(Err(problem)) => Verdict::failed(Outcome::Error, vec![problem]),
                    Err(error) => {
                        tracing::warn!(%error, "a message waits for the database");
                        Verdict::later(AWAY)
                    }
                }
            }
        };
        if verdict.state.is_none() && held.attempts >= ATTEMPTS_MAX {
            verdict.state = Some(State::Failed);
        }
        verdict.problems.extend(head.beside.clone());
        let ack = self.settle(held, head, name.as_deref(), &verdict).await;
        (verdict, ack)
    }

    async fn judged(&self, held: &Held<'_>, sender: &Sender) -> Verdict {
        let message = match read(held.raw, sender) {
            Ok(message) => message,
            Err(verdict) => return verdict,
        };
        let (received, peer, is_resumed) = (held.received, held.peer, held.attempts > 1);
        let work = Work { id: held.id, sender, message: &message.0, received, peer, is_resumed };
        match work::work(&self.service, &work).await {
            Ok(taken) => {
                if is_resumed {
                    task::settle(&self.service, held.id).await;
                }
                let problems = message.1.into_iter().chain(taken.warnings).collect();
                let state = Some(State::Done);
                Verdict { state, patients: taken.patients, ..Verdict::failed(Outcome::Accepted, problems) }
            }
            Err(Trouble::Several(problem, patients)) => {
                task::several(&self.service, held.id, &patients).await;
                Verdict::failed(Outcome::Error, vec![problem])
            }
            Err(Trouble::Problems(problems)) => {
                let outcome = Outcome::of(&problems);
                let state = if outcome == Outcome::Rejected { State::Refused } else { State::Failed };
                Verdict { state: Some(state), ..Verdict::failed(outcome, problems) }
            }
            Err(Trouble::Later(text)) => Verdict::later(text),
        }
    }

    /// Keeps what became of a message, in its row and in the audit. Where the row cannot be written, the message is tried once
    /// more, and is found to be done.
    async fn settle(&self, held: &Held<'_>, head: &Head, feed: Option<&str>, verdict: &Verdict) -> Option<Vec<u8>> {
        let code = answer::code(verdict);
        let event = head.arrival.event.as_deref().unwrap_or("no event").replace('^', " ");
        let detail = match feed {
            Some(feed) => format!("{event} of the feed {feed}: {code}"),
            None => format!("{event} of nobody known: {code}"),
        };
        let status = match verdict.outcome {
            Outcome::Accepted => 200,
            Outcome::Error if verdict.state.is_none() => 503,
            Outcome::Error => 422,
            Outcome::Rejected => 403,
        };
        let entry = Entry::event("hl7v2-message", &held.id.to_string(), feed.unwrap_or("anonymous"), status);
        let entry = entry.with_detail(detail).from(held.peer).with_patients(verdict.patients.clone());
        let entry = match feed {
            Some(feed) => entry.of_client(feed),
            None => entry,
        };
        let noted = self.service.recorder().note(entry);
        let Some(state) = verdict.state else {
            noted.await;
            return None;
        };
        let stamp = Stamp { to: head.message.as_ref(), charset: head.charset };
        let settled = Settled {
            state,
            ack_code: code.to_string(),
            ack: answer::application(&stamp, verdict),
            problems: Value::Array(verdict.problems.iter().map(told).collect()),
        };
        // Both are on their way at once, so that the sender waits for one commit and not for two.
        let ((), kept) = tokio::join!(noted, self.service.store().settle_hl7(held.id, &settled));
        if let Err(error) = kept {
            tracing::warn!(%error, message = %held.id, "what became of a message could not be kept; it is looked at again");
        }
        Some(settled.ack)
    }
}

/// Answers a message that was taken over before.
fn repeated(kept: Kept) -> (Verdict, Option<Vec<u8>>) {
    let verdict = Verdict { state: Some(State::Done), ..Verdict::failed(Outcome::Accepted, Vec::new()) };
    (verdict, kept.ack)
}

/// Reads what is needed to find the sender and to answer, of whatever bytes.
fn head(peer: &Peer, raw: &[u8]) -> Head {
    let (message, charset) = charset::header(raw, None).unzip();
    let arrival = sender::arrival(peer, message.as_ref(), raw);
    Head { message, charset: charset.unwrap_or(Charset::Utf8), arrival, feed: None, beside: None }
}

/// Reads a message and looks at what its header asks for.
fn read(raw: &[u8], sender: &Sender) -> Result<(Message, Option<Problem>), Verdict> {
    let failed = |problem: Problem| {
        let outcome = Outcome::of(std::slice::from_ref(&problem));
        let state = if outcome == Outcome::Rejected { State::Refused } else { State::Failed };
        Verdict { state: Some(state), ..Verdict::failed(outcome, vec![problem]) }
    };
    let decoded = charset::decode(raw, sender.rules.charset.as_deref(), false).map_err(failed)?;
    let message = Message::parse(decoded.text).map_err(failed)?;
    let header = message.header();
    if header.field(14).is_there() {
        let text = "messages in several parts are not taken";
        return Err(Verdict::refused(Problem::error(Code::Other, header.field(14).at, text)));
    }
    Ok((message, decoded.warning))
}

fn unreadable() -> Problem {
    Problem::error(Code::SegmentSequence, None, "a message begins with MSH, and MSH-1 and MSH-2 declare separators")
}

/// Returns a problem as the row of the message keeps it.
fn told(problem: &Problem) -> Value {
    let (code, _) = problem.code.row();
    let severity = if problem.severity == crate::hl7v2::problem::Severity::Error { "E" } else { "W" };
    json!({"code": code, "severity": severity, "at": problem.at.map(|at| at.to_string()), "text": problem.text})
}

fn count(arrival: &Arrival, code: &'static str, began: std::time::Instant) {
    // What is not known would make a name for every message that somebody invents.
    let known = |event: &&String| crate::hl7v2::event::ALL.iter().any(|row| row.name == event.as_str());
    let event = arrival.event.as_ref().filter(known).cloned().unwrap_or_else(|| "other".to_string());
    let feed = arrival.feed.clone().unwrap_or_default();
    metrics::counter!("medilink_hl7_messages_total", "feed" => feed.clone(), "event" => event, "ack" => code)
        .increment(1);
    metrics::histogram!("medilink_hl7_message_seconds", "feed" => feed).record(began.elapsed().as_secs_f64());
}
