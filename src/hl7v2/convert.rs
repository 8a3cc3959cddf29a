//! From a message to drafts of resources: what each family of events does.

use super::ctx::{self, Ctx, Outcome};
use super::draft::{Drafts, Handle};
use super::event::{self, Event, Family};
use super::message::Message;
use super::nobody;
use super::problem::{Code, Problem, Severity};
use super::rules::Rules;
use super::segment;
use super::tree::{self, Node};

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

/// Converts a message; the problems are those for which it cannot be taken over, and warnings beside them.
pub fn convert(message: &Message, rules: &Rules) -> Result<Conversion, Vec<Problem>> {
    let event = event::event(message).map_err(|problem| vec![problem])?;
    let mut told = header(message, rules, &event);
    if told.iter().any(|problem| problem.severity == Severity::Error) {
        return Err(told);
    }
    let lacking = event.lacks(message);
    if !lacking.is_empty() && !ctx::is_lenient(rules, &event) {
        return Err(lacking);
    }
    told.extend(lacking);
    let seated = nobody::seated(message, &event);
    let names_nobody = seated.is_some();
    let message = seated.as_ref().unwrap_or(message);
    let mut ctx = ctx::begun(message, rules, event, names_nobody);
    for Problem { code, at, text, .. } in told {
        ctx.warn(code, at, text);
    }
    ctx.time = segment::evn::time(&ctx);
    family(&ctx, &tree::tree(message));
    let (time, has_failed) = (ctx.time.take(), ctx.has_failed());
    let Outcome { mut drafts, merges, mut problems, hindrances } = ctx.finish();
    if has_failed {
        return Err(problems);
    }
    if names_nobody {
        drafts = nobody::left(drafts, &mut problems);
    }
    Ok(Conversion { event, drafts, merges, time, warnings: problems, hindrances, names_nobody })
}

/// Checks what MSH says of the message itself.
fn header(message: &Message, rules: &Rules, event: &Event) -> Vec<Problem> {
    let msh = message.header();
    let mut problems = Vec::new();
    if !msh.field(9).part(2).is_there() {
        let text = format!("MSH-9 names no event; it is taken for {}", event.name);
        problems.push(Problem::warning(Code::RequiredField, msh.field(9).at.component(2), text));
    }
    let (id, processing, version) = (msh.field(10), msh.field(11), msh.field(12));
    if !id.is_there() {
        problems.push(Problem::error(Code::RequiredField, id.at, "MSH-10 says which message it is"));
    }
    match version.part(1).text() {
        Some(number) if is_supported(&number) => {}
        Some(_) => {
            let text = "versions 2.1 to 2.9 are taken over";
            problems.push(Problem::error(Code::UnsupportedVersion, version.at, text));
        }
        None => problems.push(Problem::warning(Code::RequiredField, version.at, "MSH-12 names no version")),
    }
    // Feeds that name no kind of processing mean the usual.
    let processing_id = processing.part(1).text().unwrap_or("P".into());
    if !rules.processing.iter().any(|taken| *taken == processing_id) {
        let text = format!("messages for {} are taken over here", rules.processing.join(", "));
        problems.push(Problem::error(Code::UnsupportedProcessing, processing.at, text));
    }
    problems
}

/// Returns whether a version is 2.1 to 2.9, or was amended in one of them, such as 2.3.1.
fn is_supported(version: &str) -> bool {
    let mut parts = version.split('.');
    let major_and_minor = (parts.next(), parts.next().and_then(|minor| minor.parse::<u8>().ok()));
    let is_amended = parts.next().is_none_or(|part| part.parse::<u8>().is_ok());
    matches!(major_and_minor, (Some("2"), Some(1..=9))) && is_amended && parts.next().is_none()
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
