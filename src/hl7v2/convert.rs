//! From a message to drafts of resources: what each family of events does.

use super::datatype;
use super::draft::{Draft, Drafts, Handle};
use super::event::{self, Event, Family};
use super::message::Message;
use super::nobody;
use super::problem::{Code, Place, Problem, Severity};
use super::rules::Rules;
use super::segment::{self, order_number::Keys};
use super::tree::{self, Node};
use jiff::Timestamp;
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
    /// Why it can be shown but not stored: nobody could recognize what it is about.
    pub hindrances: Vec<Problem>,
    /// Whether it names no patient: it is about a specimen, a device or a place.
    pub names_nobody: bool,
}

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

    /// Returns when what the message tells of took place: EVN-6, else its own time.
    pub fn occurred(&self) -> Option<String> {
        let part = self.message.segment("EVN").field(6);
        let occurred = if part.is_there() { datatype::date_time(self, part.first()) } else { None };
        occurred.or_else(|| self.time.clone())
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

    /// Returns the name of the sender's house: the rule's, else MSH-4, else MSH-3.
    pub fn facility(&self) -> String {
        let msh = self.message.header();
        let named = |n: usize| msh.field(n).text().map(|text| text.into_owned());
        self.rules.facility.clone().or_else(|| named(4)).or_else(|| named(3)).unwrap_or_default()
    }
}

/// Converts a message; the problems are those for which it cannot be taken over, and warnings beside them.
pub fn convert(message: &Message, rules: &Rules) -> Result<Conversion, Vec<Problem>> {
    let event = event::event(message).map_err(|problem| vec![problem])?;
    let lacking = event.lacks(message);
    if !lacking.is_empty() && !is_lenient(rules, &event) {
        return Err(lacking);
    }
    let seated = nobody::seated(message, &event);
    let names_nobody = seated.is_some();
    let message = seated.as_ref().unwrap_or(message);
    let mut ctx = begun(message, rules, event, names_nobody);
    for Problem { code, at, text, .. } in lacking {
        ctx.warn(code, at, text);
    }
    header(&ctx);
    ctx.time = time(&ctx);
    if !ctx.problems.borrow().iter().any(|problem| problem.severity == Severity::Error) {
        family(&ctx, &tree::tree(message));
    }
    let time = ctx.time.take();
    let mut problems = ctx.problems.into_inner();
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return Err(problems);
    }
    let (mut drafts, merges) = (ctx.drafts.into_inner(), ctx.merges.into_inner());
    let hindrances = ctx.hindrances.into_inner();
    if names_nobody {
        drafts = nobody::left(drafts, &mut problems);
    }
    Ok(Conversion { event, drafts, merges, time, warnings: problems, hindrances, names_nobody })
}

/// Returns whether what a message lacks is a warning. Who turned out to be whom must be said in full: half of it would be nothing.
fn is_lenient(rules: &Rules, event: &Event) -> bool {
    rules.accepts_incomplete && event.family != Family::Merge
}

fn begun<'m>(message: &'m Message, rules: &'m Rules, event: Event, names_nobody: bool) -> Ctx<'m> {
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

/// Checks what MSH says of the message itself.
fn header(ctx: &Ctx) {
    let msh = ctx.message.header();
    if !msh.field(9).part(2).is_there() {
        let text = format!("MSH-9 names no event; it is taken for {}", ctx.event.name);
        ctx.warn(Code::RequiredField, msh.field(9).at.component(2), text);
    }
    let (id, processing, version) = (msh.field(10), msh.field(11), msh.field(12));
    if !id.is_there() {
        ctx.fail(Code::RequiredField, id.at, "MSH-10 says which message it is");
    }
    // 2.1 to 2.8 and what was amended in them, such as 2.3.1. Feeds that name none of the two mean the usual.
    let number = version.part(1).text();
    let is_known = |number: &str| {
        let mut parts = number.split('.');
        let major_and_minor = (parts.next(), parts.next().and_then(|minor| minor.parse::<u8>().ok()));
        let amended = parts.next().is_none_or(|part| part.parse::<u8>().is_ok());
        matches!(major_and_minor, (Some("2"), Some(1..=8))) && amended && parts.next().is_none()
    };
    match number {
        Some(number) if is_known(&number) => {}
        Some(_) => ctx.fail(Code::UnsupportedVersion, version.at, "versions 2.1 to 2.8 are taken over"),
        None => ctx.warn(Code::RequiredField, version.at, "MSH-12 names no version"),
    }
    let processing_id = processing.part(1).text().unwrap_or("P".into());
    if !ctx.rules.processing.iter().any(|taken| *taken == processing_id) {
        let text = format!("messages for {} are taken over here", ctx.rules.processing.join(", "));
        ctx.fail(Code::UnsupportedProcessing, processing.at, text);
    }
}

fn time(ctx: &Ctx) -> Option<String> {
    let (evn, msh) = (ctx.message.segment("EVN"), ctx.message.header());
    [evn.field(2), msh.field(7)]
        .into_iter()
        .filter(|part| part.is_there())
        .find_map(|part| datatype::date_time(ctx, part.first()))
}

/// Returns whether a FHIR dateTime is earlier than another, as far as both are exact.
pub fn is_before(one: &str, other: &str) -> bool {
    match (one.parse::<Timestamp>(), other.parse::<Timestamp>()) {
        (Ok(one), Ok(other)) => one < other,
        _ => {
            let day = |text: &str| text.chars().take(10).collect::<String>();
            let (one, other) = (day(one), day(other));
            let exact = one.len().min(other.len());
            one.bytes().take(exact).lt(other.bytes().take(exact))
        }
    }
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
        Family::Charge => segment::financial::convert(ctx, tree),
        Family::Referral => segment::referral::convert(ctx, tree),
    }
}

#[cfg(test)]
impl<'m> Ctx<'m> {
    /// Returns what converts a message, for tests of its pieces.
    pub fn of(message: &'m Message, rules: &'m Rules) -> Ctx<'m> {
        let event = event::event(message).unwrap_or_else(|problem| panic!("{problem}"));
        begun(message, rules, event, false)
    }

    pub fn problems(&self) -> Vec<Problem> {
        self.problems.borrow().clone()
    }
}
