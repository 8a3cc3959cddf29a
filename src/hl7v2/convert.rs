//! From a message to drafts of resources: what each family of events does.

use super::draft::{Draft, Drafts, Handle};
use super::event::{self, Event, Family};
use super::message::Message;
use super::problem::{Code, Place, Problem, Severity};
use super::rules::Rules;
use super::segment;
use super::tree::{self, Node};
use std::cell::RefCell;

/// What a message says.
#[derive(Debug, Clone)]
pub struct Conversion {
    pub event: Event,
    pub drafts: Drafts,
    /// Patients who turned out to be one: the loser, and who goes on.
    pub merges: Vec<(Handle, Handle)>,
    /// When it happened: EVN-2, else MSH-7; as a FHIR dateTime.
    pub time: Option<String>,
    /// What could not be taken over. Never an error.
    pub warnings: Vec<Problem>,
}

/// What the code that converts one message shares.
pub struct Ctx<'m> {
    pub message: &'m Message,
    pub rules: &'m Rules,
    pub event: Event,
    drafts: RefCell<Drafts>,
    merges: RefCell<Vec<(Handle, Handle)>>,
    problems: RefCell<Vec<Problem>>,
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
        self.problems
            .borrow_mut()
            .push(Problem::warning(code, at, text));
    }

    /// Notes why the message cannot be taken over.
    pub fn fail(&self, code: Code, at: impl Into<Option<Place>>, text: impl Into<String>) {
        self.problems
            .borrow_mut()
            .push(Problem::error(code, at, text));
    }

    /// Returns the name of the sender's house: the rule's, else MSH-4, else MSH-3.
    pub fn facility(&self) -> String {
        let msh = self.message.header();
        let named = |n: usize| msh.field(n).text().map(|text| text.into_owned());
        self.rules
            .facility
            .clone()
            .or_else(|| named(4))
            .or_else(|| named(3))
            .unwrap_or_default()
    }
}

/// Converts a message; the problems are those for which it cannot be taken over, and warnings beside them.
pub fn convert(message: &Message, rules: &Rules) -> Result<Conversion, Vec<Problem>> {
    let event = event::event(message).map_err(|problem| vec![problem])?;
    let ctx = Ctx {
        message,
        rules,
        event,
        drafts: RefCell::default(),
        merges: RefCell::default(),
        problems: RefCell::default(),
    };
    let tree = tree::tree(message);
    family(&ctx, &tree);
    let problems = ctx.problems.into_inner();
    if problems
        .iter()
        .any(|problem| problem.severity == Severity::Error)
    {
        return Err(problems);
    }
    let (drafts, merges) = (ctx.drafts.into_inner(), ctx.merges.into_inner());
    Ok(Conversion {
        event,
        drafts,
        merges,
        time: None,
        warnings: problems,
    })
}

fn family(ctx: &Ctx, tree: &Node) {
    match ctx.event.family {
        Family::Admit | Family::Person => segment::admit::convert(ctx, tree),
        Family::Merge => segment::merge::convert(ctx, tree),
        Family::Order => segment::order::convert(ctx, tree),
        Family::Result => segment::result::convert(ctx, tree),
        Family::Schedule => segment::schedule::convert(ctx, tree),
        Family::Document => segment::document::convert(ctx, tree),
        Family::Vaccination => segment::vaccination::convert(ctx, tree),
        Family::Pharmacy => segment::pharmacy::convert(ctx, tree),
        Family::Charge => segment::charge::convert(ctx, tree),
        Family::Referral => segment::referral::convert(ctx, tree),
    }
}

#[cfg(test)]
impl<'m> Ctx<'m> {
    /// Returns what converts a message, for tests of its pieces.
    pub fn of(message: &'m Message, rules: &'m Rules) -> Ctx<'m> {
        let event = event::event(message).unwrap_or_else(|problem| panic!("{problem}"));
        Ctx {
            message,
            rules,
            event,
            drafts: RefCell::default(),
            merges: RefCell::default(),
            problems: RefCell::default(),
        }
    }

    pub fn problems(&self) -> Vec<Problem> {
        self.problems.borrow().clone()
    }
}
