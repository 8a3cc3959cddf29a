//! AL1, IAM → AllergyIntolerance.
//!
//! v2-to-FHIR, segment maps AL1\[AllergyIntolerance\] and IAM\[AllergyIntolerance\]. An allergy is that of a patient to a thing: whoever
//! says it again says it of the same.

use super::clinical::{keyed, known_by, token, words};
use super::{nk1, note};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::{self, coded::concept};
use crate::hl7v2::draft::{Draft, Handle, Identity};
use crate::hl7v2::map;
use crate::hl7v2::message::{Part, Segment};
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::{Value, json};

const CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
const VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";

/// Adds the allergy of a segment AL1.
pub fn allergy(ctx: &Ctx, node: &Node, patient: Handle) {
    let al1 = node.segment;
    let mut draft = Draft::new("AllergyIntolerance", al1.at());
    map::fill(ctx, "al1", al1, &mut draft.resource);
    severity(ctx, al1, &mut draft);
    for note in note::annotations(ctx, node) {
        draft.push("note", note);
    }
    // R4 ait-1: AL1 says of no allergy that it is over.
    draft.default("clinicalStatus", concept(CLINICAL, "active", Some("Active")));
    if recognize(ctx, al1.field(3), patient, &mut draft) {
        ctx.add_once(draft);
    }
}

/// Adds the allergy of a segment IAM, which may also take one back.
pub fn reaction(ctx: &Ctx, node: &Node, patient: Handle) {
    let iam = node.segment;
    let mut draft = Draft::new("AllergyIntolerance", iam.at());
    map::fill(ctx, "iam", iam, &mut draft.resource);
    severity(ctx, iam, &mut draft);
    if iam.field(9).is("IN") {
        draft.set("type", "intolerance");
    }
    if !iam.field(11).is_there() {
        draft.set("onsetString", iam.field(12).whole());
    }
    for coding in iam.field(27).repetitions().filter_map(|cwe| datatype::coding(ctx, cwe, None)) {
        let code = draft.resource.entry("code").or_insert_with(|| json!({}));
        match code["coding"].as_array_mut() {
            Some(codings) => codings.push(coding),
            None => code["coding"] = json!([coding]),
        }
    }
    if let Some(reason) = iam.field(8).whole() {
        draft.push("note", note::text(reason));
    }
    for note in note::annotations(ctx, node) {
        draft.push("note", note);
    }
    for iar in node.all("IAR") {
        observed(ctx, iar.segment, &mut draft);
    }
    recorder(ctx, iam, patient, &mut draft);
    status(ctx, iam, &mut draft);
    if recognize(ctx, iam.field(3), patient, &mut draft) {
        known_by(ctx, iam.field(7), "allergy", patient, &mut draft);
        ctx.add_once(draft);
    }
}

/// Recognizes an allergy by its patient and what it is to; returns false, with a warning, where that is not said. One that was
/// entered in error stays so, and is another one.
fn recognize(ctx: &Ctx, said: Part, patient: Handle, draft: &mut Draft) -> bool {
    draft.set("patient", patient.reference());
    let code = draft.resource.get("code");
    match (token(code), words(code)) {
        (Some(token), _) => {
            let search = format!("patient={{{}}}&code={token}&verification-status:not=entered-in-error", patient.0);
            draft.identity = Identity::Search(search);
        }
        (None, Some(text)) => {
            keyed(ctx, (patient, None), "allergy", &text.to_lowercase(), draft);
        }
        (None, None) => {
            ctx.warn(Code::RequiredField, said.at, "nothing says what the allergy is to; it was left out");
            return false;
        }
    }
    true
}

/// Fields 4 and 5: how bad, and what happens. How dangerous it is may be known without a reaction that was seen.
fn severity(ctx: &Ctx, segment: Segment, draft: &mut Draft) {
    let (severity, field) = (segment.field(4).first(), segment.field(5));
    if severity.is_there() {
        draft.set("criticality", datatype::code(ctx, severity, "HL70128/criticality"));
    }
    let manifestations: Vec<Value> = field
        .repetitions()
        .filter(|part| part.is_there())
        .filter_map(|part| match segment.name {
            "IAM" => datatype::codeable_concept(ctx, part, None),
            _ => datatype::text::whole(part).map(|text| json!({"text": text})),
        })
        .collect();
    if field.is_null() {
        draft.resource.insert("reaction".into(), Value::Null);
    }
    if manifestations.is_empty() {
        return;
    }
    draft.push("reaction", with_severity(ctx, severity, json!({"manifestation": manifestations})));
}

/// IAR: a reaction that was seen, how bad it was, and what was done.
fn observed(ctx: &Ctx, iar: Segment, draft: &mut Draft) {
    let manifestation = iar.field(1).said().and_then(|part| datatype::codeable_concept(ctx, part, None));
    let Some(manifestation) = manifestation.filter(Value::is_object) else { return };
    let mut reaction = with_severity(ctx, iar.field(2).first(), json!({"manifestation": [manifestation]}));
    let words = [iar.field(3).said().and_then(datatype::coded::words), iar.field(4).whole()];
    let words: Vec<String> = words.into_iter().flatten().collect();
    if !words.is_empty() {
        reaction["description"] = json!(words.join(", "));
    }
    draft.push("reaction", reaction);
}

fn with_severity(ctx: &Ctx, severity: Part, mut reaction: Value) -> Value {
    if let Some(severity) = severity.text().and_then(|code| ctx.table("HL70128", &code)).flatten() {
        reaction["severity"] = json!(severity.code);
    }
    reaction
}

/// IAM-6 and IAM-17. What is taken back that never came makes none.
fn status(ctx: &Ctx, iam: Segment, draft: &mut Draft) {
    draft.default("clinicalStatus", concept(CLINICAL, "active", Some("Active")));
    let code = |table: &str| iam.field(17).text().and_then(|code| ctx.table(table, &code)).flatten();
    if iam.field(6).is("D") || code("HL70438").is_some_and(|meaning| meaning.code == "entered-in-error") {
        draft.set("verificationStatus", concept(VERIFICATION, "entered-in-error", Some("Entered in Error")));
        // R4 ait-2.
        draft.defaults.clear();
        draft.resource.insert("clinicalStatus".into(), Value::Null);
        draft.only_if_there = true;
        return;
    }
    for (name, table) in [("verificationStatus", "HL70438"), ("clinicalStatus", "HL70438/clinical")] {
        if let Some(meaning) = code(table) {
            draft.set(name, concept(meaning.system, &meaning.code, meaning.display));
        }
    }
}

/// IAM-14 and 15, who reported it: the patient, one of the people around, or somebody at work. What they say is their own word, so that
/// they assert it, too.
fn recorder(ctx: &Ctx, iam: Segment, patient: Handle, draft: &mut Draft) {
    let who = reporter(ctx, iam, patient);
    draft.set("recorder", who.clone()).set("asserter", who);
}

fn reporter(ctx: &Ctx, iam: Segment, patient: Handle) -> Option<Value> {
    let (who, relationship) = (iam.field(14).first(), iam.field(15));
    if relationship.is("SEL") {
        return Some(patient.reference());
    }
    let name = who.said().and_then(|who| datatype::human_name(ctx, who))?;
    let by_name = relationship.is_there().then(|| nk1::recognized_by_name(&name, patient)).flatten();
    let Some(search) = by_name else {
        return name.as_object().map(|name| json!({"display": datatype::name::display(name)}));
    };
    let mut person = Draft::new("RelatedPerson", who.at);
    person.identity = Identity::Search(search);
    person.set("patient", patient.reference()).push("name", name);
    if let Some(kind) = datatype::codeable_concept(ctx, relationship.first(), Some("HL70063")) {
        person.push("relationship", kind);
    }
    Some(ctx.add_once(person).reference())
}
