//! What is answered to a message, as its sender wishes it.

use super::Verdict;
use crate::hl7v2::Message;
use crate::hl7v2::ack::{self, Ack, Level, Mode, Outcome};
use crate::hl7v2::charset::Charset;

/// What we call ourselves where the sender does not say it.
pub const APPLICATION: &str = "MediLink";

/// What an answer is written with.
pub struct Stamp<'a> {
    pub to: Option<&'a Message>,
    pub charset: Charset,
}

/// Returns MSA-1 of the answer of the application.
pub fn code(verdict: &Verdict) -> &'static str {
    ack::code(Level::Application, verdict.outcome)
}

/// Returns the answers that go out, in their order. `stored` is the one that was given before.
pub fn answers(stamp: &Stamp, mode: Mode, verdict: &Verdict, stored: Option<Vec<u8>>) -> Vec<Vec<u8>> {
    let kept = if verdict.is_kept { Outcome::Accepted } else { Outcome::Rejected };
    let answer = |(level, outcome): (Level, Outcome)| match (level, &stored) {
        (Level::Application, Some(stored)) => stored.clone(),
        (Level::Application, None) => written(stamp, level, outcome, verdict),
        (Level::Accept, _) => written(stamp, level, outcome, verdict),
    };
    mode.answers(kept, verdict.outcome).into_iter().map(answer).collect()
}

/// Returns the answer of the application.
pub fn application(stamp: &Stamp, verdict: &Verdict) -> Vec<u8> {
    written(stamp, Level::Application, verdict.outcome, verdict)
}

/// Returns what a new answer is called. Before v2.7 the field has 20 characters.
pub fn id() -> String {
    let mut id = uuid::Uuid::new_v4().simple().to_string();
    id.truncate(20);
    id
}

pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y%m%d%H%M%S+0000").to_string()
}

fn written(stamp: &Stamp, level: Level, outcome: Outcome, verdict: &Verdict) -> Vec<u8> {
    let is_about_keeping = level == Level::Accept && outcome == Outcome::Accepted;
    let ack = Ack {
        to: stamp.to,
        level,
        outcome,
        problems: if is_about_keeping { &[] } else { &verdict.problems },
        id: &id(),
        time: &now(),
        application: APPLICATION,
        facility: "",
    };
    stamp.charset.encode(&ack.write())
}
