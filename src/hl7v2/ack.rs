//! Acknowledgements: what is answered to a message, or to what could not be read as one.
//!
//! HL7 v2.5 chapters 2.9 (modes), 2.15.8 (MSA) and 2.15.5 (ERR); before v2.5 places stand in ERR-1. An answer has the separators,
//! the character set, the version and the processing id of what it answers.

use super::escape;
use super::message::{Marks, Message};
use super::problem::{Place, Problem, Severity};

/// Segments ERR, or places in one, that an answer has at most.
const PROBLEMS_MAX: usize = 100;
/// Characters of a text of ours in an answer.
const TEXT_CHARS_MAX: usize = 250;
/// Characters of MSA-3, a string of 80 in older versions.
const MSA_TEXT_CHARS_MAX: usize = 80;

/// How it went: the second letter of MSA-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    Accepted,
    /// The message is at fault; it should not be sent again as it is.
    Error,
    /// It is not for us, or we could not; it may be sent again later or elsewhere.
    Rejected,
}

impl Outcome {
    /// Returns what becomes of a message that has these problems.
    pub fn of(problems: &[Problem]) -> Outcome {
        let is_error = |problem: &&Problem| problem.severity == Severity::Error;
        match problems.iter().filter(is_error).map(|problem| problem.code.is_refusal()).max() {
            None => Outcome::Accepted,
            Some(false) => Outcome::Error,
            Some(true) => Outcome::Rejected,
        }
    }
}

/// Who answers: the one who keeps messages safe, or the one who understands them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    Accept,
    Application,
}

/// Returns MSA-1.
pub fn code(level: Level, outcome: Outcome) -> &'static str {
    match (level, outcome) {
        (Level::Accept, Outcome::Accepted) => "CA",
        (Level::Accept, Outcome::Error) => "CE",
        (Level::Accept, Outcome::Rejected) => "CR",
        (Level::Application, Outcome::Accepted) => "AA",
        (Level::Application, Outcome::Error) => "AE",
        (Level::Application, Outcome::Rejected) => "AR",
    }
}

/// When an acknowledgement is wished: table 0155.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    Always,
    Never,
    OnError,
    OnSuccess,
}

impl Wish {
    fn read(text: Option<&str>) -> Wish {
        match text {
            None | Some("NE") => Wish::Never,
            Some("ER") => Wish::OnError,
            Some("SU") => Wish::OnSuccess,
            // Who writes something else there waits for an answer.
            Some(_) => Wish::Always,
        }
    }

    fn holds(self, outcome: Outcome) -> bool {
        match self {
            Wish::Always => true,
            Wish::Never => false,
            Wish::OnError => outcome != Outcome::Accepted,
            Wish::OnSuccess => outcome == Outcome::Accepted,
        }
    }
}

/// Which acknowledgements the sender of a message wishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One, from the application, always.
    Original,
    Enhanced {
        accept: Wish,
        application: Wish,
    },
}

impl Mode {
    /// Returns the mode of a message. It is the original one where neither MSH-15 nor MSH-16 says anything.
    pub fn of(message: &Message) -> Mode {
        let header = message.header();
        let (accept, application) = (header.field(15).text(), header.field(16).text());
        if accept.is_none() && application.is_none() {
            return Mode::Original;
        }
        Mode::Enhanced { accept: Wish::read(accept.as_deref()), application: Wish::read(application.as_deref()) }
    }

    /// Returns the acknowledgements that go out, in their order. `stored` is how it went to keep the message safe; `processed` how
    /// it went to understand it, which is not asked where it could not be kept.
    pub fn answers(self, stored: Outcome, processed: Outcome) -> Vec<(Level, Outcome)> {
        let is_stored = stored == Outcome::Accepted;
        let outcome = if is_stored { processed } else { stored };
        match self {
            Mode::Original => vec![(Level::Application, outcome)],
            Mode::Enhanced { accept, application } => {
                let accepts = accept.holds(stored);
                // Who was told that it is not kept waits for nothing more; who does not want to be told may wish for the other.
                let applies = application.holds(outcome) && (is_stored || !accepts);
                let accepts = accepts.then_some((Level::Accept, stored));
                accepts.into_iter().chain(applies.then_some((Level::Application, outcome))).collect()
            }
        }
    }
}

/// Returns whether a message is an answer itself. Nothing is answered to it: two servers would never end.
pub fn is_answer(message: &Message) -> bool {
    message.header().field(9).part(1).is("ACK")
        || message.segments().nth(1).is_some_and(|segment| segment.name == "MSA")
}

/// An acknowledgement.
#[derive(Debug, Clone, Copy)]
pub struct Ack<'a> {
    /// What is answered; none where not even its header could be read.
    pub to: Option<&'a Message>,
    pub level: Level,
    pub outcome: Outcome,
    pub problems: &'a [Problem],
    /// MSH-10, new for each; only letters, digits and hyphens.
    pub id: &'a str,
    /// MSH-7, as `20260101120000+0000`.
    pub time: &'a str,
    /// MSH-3 and MSH-4 where the sender has not named us.
    pub application: &'a str,
    pub facility: &'a str,
}

impl Ack<'_> {
    /// Returns the text, each segment ended by CR.
    pub fn write(&self) -> String {
        let marks = self.to.map_or_else(Marks::default, Message::marks);
        let mut text = line(&self.header(marks), marks);
        text += &line(&self.msa(marks), marks);
        for fields in self.errors(marks) {
            text += &line(&fields, marks);
        }
        text
    }

    fn header(&self, marks: Marks) -> Vec<String> {
        let theirs = |n: usize| self.to.map(|to| clean(to.header().field(n).raw())).unwrap_or_default();
        let or = |own: String, other: &str| if own.is_empty() { escape::encode(other, marks) } else { own };
        let is_enhanced = self.to.is_some_and(|to| Mode::of(to) != Mode::Original);
        let wish = if is_enhanced { "NE" } else { "" };
        let mut fields = vec![format!("MSH{}{}", marks.field, marks.encoding())];
        fields.extend([or(theirs(5), self.application), or(theirs(6), self.facility), theirs(3), theirs(4)]);
        fields.extend([self.time.to_string(), String::new(), self.message_type(marks), self.id.to_string()]);
        fields.extend([or(theirs(11), "P"), or(theirs(12), "2.5"), String::new(), String::new()]);
        // An answer is not answered in its turn.
        fields.extend([wish.to_string(), wish.to_string(), String::new(), theirs(18)]);
        fields
    }

    /// Returns MSH-9. The event stands there since v2.2, the structure since v2.3.1.
    fn message_type(&self, marks: Marks) -> String {
        let event = self.to.map(|to| clean(to.header().field(9).part(2).raw())).unwrap_or_default();
        let version = self.to.and_then(version).unwrap_or([2, 5, 0]);
        let mark = marks.component;
        match event {
            event if event.is_empty() || version < [2, 2, 0] => "ACK".to_string(),
            event if version < [2, 3, 1] => format!("ACK{mark}{event}"),
            event => format!("ACK{mark}{event}{mark}ACK"),
        }
    }

    fn msa(&self, marks: Marks) -> Vec<String> {
        let id = self.to.map(|to| clean(to.header().field(10).raw())).unwrap_or_default();
        let mut errors = self.problems.iter().filter(|problem| problem.severity == Severity::Error);
        let worst = errors.next().or_else(|| self.problems.first());
        let text = worst.map(|problem| escape::encode(&cut(&problem.to_string(), MSA_TEXT_CHARS_MAX), marks));
        vec!["MSA".to_string(), code(self.level, self.outcome).to_string(), id, text.unwrap_or_default()]
    }

    fn errors(&self, marks: Marks) -> Vec<Vec<String>> {
        let is_new = self.to.and_then(version).is_none_or(|version| version >= [2, 5, 0]);
        if is_new {
            return self.problems.iter().take(PROBLEMS_MAX).map(|problem| error(problem, marks)).collect();
        }
        // The older form knows nothing but errors, and a place for each.
        let errors = self.problems.iter().filter(|problem| problem.severity == Severity::Error);
        let places: Vec<String> = errors.take(PROBLEMS_MAX).map(|problem| old_error(problem, marks)).collect();
        match marks.repetition {
            _ if places.is_empty() => Vec::new(),
            Some(mark) => vec![vec!["ERR".to_string(), places.join(&mark.to_string())]],
            None => places.into_iter().map(|place| vec!["ERR".to_string(), place]).collect(),
        }
    }
}

/// Returns the fields of ERR since v2.5.
fn error(problem: &Problem, marks: Marks) -> Vec<String> {
    let (number, words) = problem.code.row();
    let severity = match problem.severity {
        Severity::Warning => "W",
        Severity::Error => "E",
    };
    let place = problem.at.map(|at| place(at, at.numbers(), marks)).unwrap_or_default();
    let code = joined(&[number.to_string(), escape::encode(words, marks), "HL70357".to_string()], marks.component);
    let text = escape::encode(&cut(&problem.text, TEXT_CHARS_MAX), marks);
    ["ERR".into(), String::new(), place, code, severity.into(), String::new(), String::new(), String::new(), text]
        .to_vec()
}

/// Returns one repetition of ERR-1 before v2.5: segment, which of its name, field, and the code with its words below it.
fn old_error(problem: &Problem, marks: Marks) -> String {
    let (number, words) = problem.code.row();
    let code = match marks.sub {
        Some(sub) => joined(&[number.to_string(), escape::encode(words, marks), "HL70357".to_string()], sub),
        None => number.to_string(),
    };
    let mut parts = vec![String::new(); 3];
    if let Some(at) = problem.at {
        parts[0] = escape::encode(at.name(), marks);
        parts[1] = at.nth.to_string();
        parts[2] = if at.field > 0 { at.field.to_string() } else { String::new() };
    }
    parts.push(code);
    joined(&parts, marks.component)
}

/// Returns ERR-2: `PID^1^3^1^4`.
fn place(at: Place, numbers: Vec<u16>, marks: Marks) -> String {
    let mut parts = vec![escape::encode(at.name(), marks), at.nth.to_string()];
    parts.extend(numbers.iter().map(|number| if *number == 0 { String::new() } else { number.to_string() }));
    joined(&parts, marks.component)
}

fn joined(parts: &[String], mark: char) -> String {
    parts.join(mark.encode_utf8(&mut [0; 4]))
}

/// Returns a segment without the empty fields at its end.
fn line(fields: &[String], marks: Marks) -> String {
    let last = fields.iter().rposition(|field| !field.is_empty()).map_or(0, |at| at + 1);
    joined(&fields[..last], marks.field) + "\r"
}

/// Returns what the sender wrote as it is, but for control characters, which would end a frame.
fn clean(raw: &str) -> String {
    raw.trim().chars().filter(|c| !c.is_control()).collect()
}

fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((at, _)) => text[..at].to_string(),
        None => text.to_string(),
    }
}

/// Returns MSH-12 as numbers; none where it says none.
fn version(message: &Message) -> Option<[u32; 3]> {
    let text = message.header().field(12).text()?;
    let mut numbers = text.split('.').map(str::parse);
    let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some([major, minor, numbers.next().and_then(Result::ok).unwrap_or(0)])
}

#[cfg(test)]
mod tests;
