//! What the tests of data types share: a field, what it becomes, and what is said of it.

use super::named;
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::map::Args;
use crate::hl7v2::message::Message;
use crate::hl7v2::rules::Rules;
use serde_json::{Value, json};

/// Returns the rules of a feed that says something of everything.
pub fn rules() -> Rules {
    let settings = r#"
        zone = "Europe/Berlin"
        [systems]
        KNOWN = "https://known.example/ids"
        "9.9.9" = "https://nine.example/ids"
        [coding_systems]
        OURS = "https://ours.example/codes"
        [tables.HL70001]
        W = "F"
        [tables.HL70002]
        VERH = "M"
    "#;
    crate::hl7v2::settings::rules(settings, "https://medilink.example/fhir").unwrap_or_else(|wrong| panic!("{wrong:?}"))
}

/// Returns a message of `HOSP` with one segment more.
pub fn message(segment: &str) -> Message {
    let header = "MSH|^~\\&|LAB|HOSP|||20260301120000||ADT^A01^ADT_A01|7|P|2.5";
    let patient = if segment.starts_with("PID") { "" } else { "\rPID|1||1" };
    Message::parse(format!("{header}{patient}\r{segment}")).unwrap()
}

/// Converts ZZZ-1 by the conversion of a name with its arguments, such as `CWE table=HL70002`; checks the value and, after it,
/// the places of warnings: `{"x": 1} ! ZZZ-1.4`. `-` is no value.
#[track_caller]
pub fn check(conversion: &'static str, field: &str, expected: &str) {
    check_in(conversion, &format!("ZZZ|{field}|mg^milligram^UCUM"), 1, expected);
}

/// The same, of the field of a segment.
#[track_caller]
pub fn check_in(conversion: &'static str, segment: &str, n: usize, expected: &str) {
    let (message, rules) = (message(segment), rules());
    let ctx = Ctx::of(&message, &rules);
    let mut words = conversion.split(' ');
    let convert = named(words.next().unwrap()).unwrap_or_else(|| panic!("no conversion {conversion}"));
    let args = Args::of(words.map(|word| word.split_once('=').unwrap()).collect());
    let name: String = segment.chars().take(3).collect();
    let value = convert(&ctx, message.segment(&name).field(n).first(), &args);
    compare(segment, value, &ctx, expected);
}

/// Compares a value and the warnings with what is expected.
#[track_caller]
pub fn compare(input: &str, value: Option<Value>, ctx: &Ctx, expected: &str) {
    let (wanted, places) = expected.split_once(" ! ").unwrap_or((expected, ""));
    let found: Vec<String> = ctx.problems().iter().map(|p| p.at.map(|at| at.to_string()).unwrap_or_default()).collect();
    assert_eq!(found.join(" "), places, "warnings of {input}");
    let wanted: Option<Value> =
        (wanted.trim() != "-").then(|| serde_json::from_str(wanted).unwrap_or_else(|_| json!(wanted)));
    assert_eq!(value, wanted, "{input}\n found    {}\n expected {wanted:?}", value.clone().unwrap_or_default());
}

/// Returns the drafts of a type that a field adds, as JSON.
pub fn drafts(conversion: &'static str, segment: &str, n: usize) -> Vec<Value> {
    let (message, rules) = (message(segment), rules());
    let ctx = Ctx::of(&message, &rules);
    let name: String = segment.chars().take(3).collect();
    for part in message.segment(&name).field(n).repetitions() {
        named(conversion).unwrap()(&ctx, part, &Args::default());
    }
    ctx.see(|drafts| drafts.iter().map(|(_, draft)| draft.made()).collect())
}

/// The same, of a component.
pub fn component_drafts(conversion: &'static str, segment: &str, component: usize) -> Vec<Value> {
    let (message, rules) = (message(segment), rules());
    let ctx = Ctx::of(&message, &rules);
    let name: String = segment.chars().take(3).collect();
    named(conversion).unwrap()(&ctx, message.segment(&name).field(1).part(component), &Args::default());
    ctx.see(|drafts| drafts.iter().map(|(_, draft)| draft.made()).collect())
}
