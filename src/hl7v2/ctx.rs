//! What the code that converts one message shares: the message, the feed's rules, and what has come of it so far.

use super::draft::{Draft, Drafts, Handle};
use super::event::{Event, Family};
use super::keys::Keys;
use super::message::Message;
use super::problem::{Code, Place, Problem, Severity};
use super::rules::Rules;
use std::cell::RefCell;

/// What the code that converts one message shares.
pub struct Ctx<'m> {
    pub message: &'m Message,
    pub rules: &'m Rules,
    pub event: Event,
    /// Whether the PID is ours, as [`Conversion::names_nobody`].
    pub names_nobody: bool,
    /// When it happened, as [`Conversion::time`].
    pub time: Option<String>,
    drafts: RefCell<Drafts>,
    merges: RefCell<Vec<(Handle, Handle)>>,
    problems: RefCell<Vec<Problem>>,
    hindrances: RefCell<Vec<Problem>>,
    /// What tells apart what nobody numbered.
    pub keys: Keys,
}

impl Ctx<'_> {
    pub fn add(&self, draft: Draft) -> Handle {
        self.drafts.borrow_mut().add(draft)
    }

    /// Adds a draft, or returns the one of the same identity.
    pub fn add_once(&self, draft: Draft) -> Handle {
        self.drafts.borrow_mut().add_once(draft)
    }

    /// Changes a draft that was added.
    pub fn change(&self, handle: Handle, change: impl FnOnce(&mut Draft)) {
        if let Some(draft) = self.drafts.borrow_mut().get_mut(handle) {
            change(draft);
        }
    }

    /// Looks at the drafts.
    pub fn see<T>(&self, look: impl FnOnce(&Drafts) -> T) -> T {
        look(&self.drafts.borrow())
    }

    pub fn merge(&self, loser: Handle, survivor: Handle) {
        self.merges.borrow_mut().push((loser, survivor));
    }

    /// Notes what could not be taken over; the rest is.
    pub fn warn(&self, code: Code, at: impl Into<Option<Place>>, text: impl Into<String>) {
        self.problems.borrow_mut().push(Problem::warning(code, at, text));
    }

    /// Notes why the message cannot be taken over. That something lacks is a warning where the feed says so.
    pub fn fail(&self, code: Code, at: impl Into<Option<Place>>, text: impl Into<String>) {
        let at = at.into();
        let is_of_header = at.is_some_and(|place| place.name() == "MSH");
        let lacks = matches!(code, Code::RequiredField | Code::SegmentSequence) && !is_of_header;
        if lacks && is_lenient(self.rules, &self.event) {
            return self.warn(code, at, text);
        }
        self.problems.borrow_mut().push(Problem::error(code, at, text));
    }

    /// Notes why what comes of the message cannot be stored: it can still be shown to who tries the feed.
    pub fn hinder(&self, code: Code, at: impl Into<Option<Place>>, text: impl Into<String>) {
        // The PID of nobody has no number, and needs none.
        if self.names_nobody {
            return;
        }
        if is_lenient(self.rules, &self.event) {
            return self.warn(code, at, text);
        }
        self.hindrances.borrow_mut().push(Problem::error(code, at, text));
    }

    /// Returns whether the message cannot be taken over.
    pub fn has_failed(&self) -> bool {
        self.problems.borrow().iter().any(|problem| problem.severity == Severity::Error)
    }

    pub fn finish(self) -> Outcome {
        Outcome {
            drafts: self.drafts.into_inner(),
            merges: self.merges.into_inner(),
            problems: self.problems.into_inner(),
            hindrances: self.hindrances.into_inner(),
        }
    }

    /// Returns the name of the sender's house: the rule's, else MSH-4, else MSH-3.
    pub fn facility(&self) -> String {
        let msh = self.message.header();
        let named = |n: usize| msh.field(n).text().map(|text| text.into_owned());
        self.rules.facility.clone().or_else(|| named(4)).or_else(|| named(3)).unwrap_or_default()
    }
}

/// What is left when all is converted.
pub struct Outcome {
    pub drafts: Drafts,
    pub merges: Vec<(Handle, Handle)>,
    pub problems: Vec<Problem>,
    pub hindrances: Vec<Problem>,
}

/// Returns whether what a message lacks is a warning. Who turned out to be whom must be said in full: half of it would be nothing.
pub fn is_lenient(rules: &Rules, event: &Event) -> bool {
    rules.accepts_incomplete && event.family != Family::Merge
}

/// Returns what the conversion of a message begins with.
pub fn begun<'m>(message: &'m Message, rules: &'m Rules, event: Event, names_nobody: bool) -> Ctx<'m> {
    Ctx {
        message,
        rules,
        event,
        names_nobody,
        time: None,
        drafts: RefCell::default(),
        merges: RefCell::default(),
        problems: RefCell::default(),
        hindrances: RefCell::default(),
        keys: Keys::default(),
    }
}

#[cfg(test)]
impl<'m> Ctx<'m> {
    /// Returns what converts a message, for tests of its pieces.
    pub fn of(message: &'m Message, rules: &'m Rules) -> Ctx<'m> {
        let event = super::event::event(message).unwrap_or_else(|problem| panic!("{problem}"));
        begun(message, rules, event, false)
    }

    pub fn problems(&self) -> Vec<Problem> {
        self.problems.borrow().clone()
    }
}
