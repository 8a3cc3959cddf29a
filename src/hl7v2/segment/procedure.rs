//! PR1 → Procedure.
//!
//! v2-to-FHIR, segment map PR1\[Procedure\]. PR1 does not say whether it was done or is planned, so that the status of one that is new
//! is not known.

use super::clinical::{add, keyed, known_by, named_by};
use super::{note, obx, participation};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::{self, coded::concept, span};
use crate::hl7v2::draft::{Draft, Handle};
use crate::hl7v2::map;
use crate::hl7v2::message::Segment;
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::{Value, json};

const SNOMED: &str = "http://snomed.info/sct";

/// Adds the Procedure of a PR1, with what was observed in it; none, with a warning, where it does not say what was done.
pub fn procedure(ctx: &Ctx, node: &Node, patient: Handle, encounter: Option<Handle>) -> Option<Handle> {
    let pr1 = node.segment;
    let mut draft = Draft::new("Procedure", pr1.at());
    map::fill(ctx, "pr1", pr1, &mut draft.resource);
    draft.set("subject", patient.reference());
    draft.set("encounter", encounter.map(Handle::reference));
    draft.default("status", "unknown");
    if pr1.field(20).is("D") {
        draft.set("status", "entered-in-error").only_if_there = true;
    }
    performed(ctx, pr1, &mut draft);
    performers(ctx, node, &mut draft);
    for note in note::annotations(ctx, node) {
        draft.push("note", note);
    }
    if let Some(parent) = named_by(ctx, pr1.field(25), "procedure", "Procedure", patient) {
        draft.push("partOf", parent);
    }
    let time = pr1.field(5).text().unwrap_or_default();
    if !recognize(ctx, pr1, (patient, encounter), &time, &mut draft) {
        return None;
    }
    modifiers(pr1, &mut draft);
    let procedure = add(ctx, draft);
    let more = obx::More { elements: vec![("partOf", json!([procedure.reference()]))], ..obx::More::default() };
    obx::all(ctx, &node.all("OBX").collect::<Vec<_>>(), patient, encounter, &more);
    Some(procedure)
}

/// Adds what a charge says that was done (FT1-25), which has no segment of its own.
pub fn charged(ctx: &Ctx, ft1: Segment, patient: Handle, encounter: Option<Handle>) -> Option<Handle> {
    let code = ft1.field(25).said()?;
    let mut draft = Draft::new("Procedure", ft1.at());
    draft.set("code", datatype::codeable_concept(ctx, code, None)).set("subject", patient.reference());
    draft.set("encounter", encounter.map(Handle::reference));
    draft.default("status", "unknown");
    let day = ft1.field(4).part(1);
    draft.set("performedDateTime", day.is_there().then(|| datatype::date_time(ctx, day)).flatten());
    let day = day.text().unwrap_or_default();
    recognize(ctx, ft1, (patient, encounter), &day, &mut draft).then(|| ctx.add_once(draft))
}

/// PR1-19, else the patient, the code and the time.
fn recognize(
    ctx: &Ctx,
    segment: Segment,
    (patient, encounter): (Handle, Option<Handle>),
    time: &str,
    draft: &mut Draft,
) -> bool {
    if !draft.resource.get("code").is_some_and(Value::is_object) {
        ctx.warn(Code::RequiredField, segment.at(), "nothing says what was done; the procedure was left out");
        return false;
    }
    let (code, text) = if segment.name == "PR1" { (3, 4) } else { (25, 25) };
    let code = [code, text].map(|n| obx::key_of(segment.field(n))).into_iter().find(|code| !code.is_empty());
    let code = code.unwrap_or_default();
    if segment.name == "PR1" && known_by(ctx, segment.field(19), "procedure", patient, draft) {
        return true;
    }
    // A search for the time would not find a period that begins then.
    let base = format!("{code}#{time}");
    let visit = encounter.filter(|_| time.is_empty());
    keyed(ctx, (patient, visit), "procedure", base.trim_matches('#'), draft);
    true
}

/// PR1-5 and, where it has a time of the day, how many minutes it took: PR1-7.
fn performed(ctx: &Ctx, pr1: Segment, draft: &mut Draft) {
    let (field, minutes) = (pr1.field(5), pr1.field(7));
    let Some(start) = field.is_there().then(|| datatype::date_time(ctx, field.first())).flatten() else { return };
    let count = minutes.text().map(|text| text.parse::<i64>());
    if let Some(Err(_)) = count {
        ctx.warn(Code::DataType, minutes.at, "not a number of minutes");
    }
    match count.and_then(Result::ok).filter(|count| *count > 0).and_then(|count| span::plus(&start, count)) {
        Some(end) => draft.set("performedPeriod", json!({"start": start, "end": end})),
        None => draft.set("performedDateTime", start),
    };
}

/// PR1-8, 11 and 12, and the segments ROL and PRT below. People and organizations; what they did is a function.
fn performers(ctx: &Ctx, node: &Node, draft: &mut Draft) {
    let pr1 = node.segment;
    let functions = [(8, Some(("88189002", "Anesthesiologist"))), (11, Some(("304292004", "Surgeon"))), (12, None)];
    for (n, function) in functions {
        let function = function.map(|(code, display)| concept(SNOMED, code, Some(display)));
        for who in participation::people(ctx, pr1.field(n)) {
            push(draft, who, function.clone());
        }
    }
    for below in &node.below {
        let (role, person, house, table) = match below.segment.name {
            "ROL" => (3, 4, 14, "HL70443"),
            "PRT" => (4, 5, 8, "HL70912"),
            _ => continue,
        };
        let segment = below.segment;
        if ["D", "DE"].iter().any(|code| segment.field(2).is(code)) {
            continue;
        }
        let kind = segment.field(role).first();
        let function = kind.is_there().then(|| datatype::codeable_concept(ctx, kind, Some(table))).flatten();
        let house = segment.field(house).said().and_then(|house| datatype::organization(ctx, house));
        let mut people: Vec<_> = participation::people(ctx, segment.field(person)).into_iter().map(Some).collect();
        if people.is_empty() {
            people.push(None);
        }
        for who in people.into_iter().filter_map(|person| participation::role(ctx, person, house.clone())) {
            push(draft, who, function.clone());
        }
        if segment.name == "PRT" {
            if let Some(device) = participation::device_of(ctx, segment) {
                push(draft, device, function.clone());
            }
            if let Some(place) = segment.field(9).said().and_then(|place| datatype::location(ctx, place)) {
                draft.resource.entry("location").or_insert(place);
            }
        }
    }
}

fn push(draft: &mut Draft, actor: Value, function: Option<Value>) {
    let mut performer = json!({"actor": actor});
    if let Some(function) = function {
        performer["function"] = function;
    }
    draft.push("performer", performer);
}

/// PR1-16, behind the code and a colon each.
fn modifiers(pr1: Segment, draft: &mut Draft) {
    let modifiers: Vec<String> =
        pr1.field(16).repetitions().filter_map(datatype::text::plain_code).map(|code| format!(":{code}")).collect();
    let coding = draft.resource.get_mut("code").and_then(|code| code.get_mut("coding")).and_then(|all| all.get_mut(0));
    if let Some(coding) = coding
        && let Some(code) = coding["code"].as_str().map(|code| code.to_string() + &modifiers.concat())
    {
        coding["code"] = json!(code);
    }
}
