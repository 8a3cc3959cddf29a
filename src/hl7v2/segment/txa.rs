//! TXA → DocumentReference, and its OBX → its content.
//!
//! v2-to-FHIR, segment maps TXA\[DocumentReference\] and OBX\[DocumentReference\]. What an event says of another
//! document (addendum, edit, replacement: TXA-13) is HL7 v2.8 chapter 9.6. In ORU and OUL it comes with an order, chapter 7.3.

use super::number::{self, Number};
use super::obx::set_list;
use super::{content, order_number, participation};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype;
use crate::hl7v2::draft::{Draft, Handle, Identity, Update};
use crate::hl7v2::event::Family;
use crate::hl7v2::map;
use crate::hl7v2::message::Segment;
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;
use serde_json::{Map, Value, json};

/// Whose documents they are.
pub struct Subject {
    pub patient: Handle,
    pub encounter: Option<Handle>,
    /// What was asked for that they are about.
    pub orders: Vec<Handle>,
}

/// Adds the DocumentReference of a TXA; `nodes` are the OBX that hold it.
pub fn document(ctx: &Ctx, own: Segment, nodes: &[&Node], subject: &Subject) {
    let Some(number) = own.field(12).said().and_then(|part| number::number(ctx, part, "", "document")) else {
        let (at, text) = (own.at().field(12), "TXA-12 says which document it is");
        return match ctx.event.family {
            Family::Document => ctx.fail(Code::RequiredField, at, text),
            _ => ctx.warn(Code::RequiredField, at, text),
        };
    };
    let mut draft = Draft::new("DocumentReference", own.at());
    map::fill(ctx, "txa", own, &mut draft.resource);
    draft.set("masterIdentifier", number.element.clone());
    draft.push("identifier", number.element.clone());
    draft.identity = Identity::Identifiers(vec![number.key.clone()]);
    draft.set("subject", subject.patient.reference());
    status(ctx, own, &mut draft);
    people_and_time(ctx, own, nodes, &mut draft);
    labels(ctx, own, &mut draft);
    context(ctx, own, subject, &mut draft);
    let contents = content::contents(ctx, own, nodes);
    if contents.is_empty() {
        // Announced: what there is stays as it is, and R4 wants something where there is nothing.
        draft.default("content", json!([{"attachment": content::announced(ctx, own)}]));
    } else {
        draft.set("content", contents);
    }
    if let Some(relation) = relation(ctx, own, &number, subject) {
        draft.set("relatesTo", json!([relation]));
    }
    ctx.add(draft);
}

/// The event, else TXA-19; a document is there until it is said otherwise.
fn status(ctx: &Ctx, txa: Segment, draft: &mut Draft) {
    if !ctx.event.status.is_empty() {
        draft.set("status", ctx.event.status);
        // A document that never came is not worth an empty one that was wrong.
        draft.only_if_there = true;
        return;
    }
    draft.set("status", datatype::code(ctx, txa.field(19), "HL70273")).default("status", "current");
}

/// Who wrote it and when, where TXA-9 and TXA-6 do not say it: who did what it is about, and when it was written down.
fn people_and_time(ctx: &Ctx, txa: Segment, nodes: &[&Node], draft: &mut Draft) {
    if !draft.resource.contains_key("author") {
        set_list(draft, "author", participation::people(ctx, txa.field(5)));
    }
    let others = nodes.iter().flat_map(|node| participation::named(ctx, node));
    others.for_each(|who| _ = draft.push("author", who));
    if !draft.resource.contains_key("authenticator") {
        // TXA-22 is a PPN: an XCN with the time in its fifteenth component.
        draft.set("authenticator", txa.field(22).said().and_then(|part| datatype::practitioner(ctx, part)));
    }
    if !draft.resource.contains_key("date") {
        let time = [7, 8, 4].into_iter().find_map(|n| datatype::instant(ctx, txa.field(n).first()));
        draft.set("date", time);
    }
}

/// TXA-18: as the label of what the document says, and as that of the resource, by which access is decided.
fn labels(ctx: &Ctx, txa: Segment, draft: &mut Draft) {
    let Some(field) = txa.field(18).said() else { return };
    draft.set("securityLabel", datatype::codeable_concept(ctx, field, Some("HL70272")).map(|label| json!([label])));
    let label = datatype::coding(ctx, field, Some("HL70272"));
    let is_strict = |label: &Value| ["R", "V"].iter().any(|code| label["code"] == *code);
    if let Some(label) = label.filter(is_strict) {
        draft.set("meta", json!({"security": [label]}));
    }
}

/// The visit, when it was, the orders (TXA-14 and 15 where the message repeats none), and who did what it is about, where that is not
/// who wrote it.
fn context(ctx: &Ctx, txa: Segment, subject: &Subject, draft: &mut Draft) {
    let mut context = Map::new();
    if let Some(encounter) = subject.encounter {
        context.insert("encounter".into(), json!([encounter.reference()]));
    }
    if let Some(time) = datatype::date_time(ctx, txa.field(4).first()) {
        context.insert("period".into(), json!({"start": time}));
    }
    let mut related: Vec<Value> = subject.orders.iter().map(|order| order.reference()).collect();
    if related.is_empty() {
        for (n, kind) in [(14, "PLAC"), (15, "FILL")] {
            let order = order_number::numbered(ctx, txa.field(n).first(), kind);
            related.extend(order.map(|(number, _)| json!({"type": "ServiceRequest", "identifier": number})));
        }
    }
    let authors = draft.resource.get("author").and_then(Value::as_array);
    let is_author = |who: &Value| authors.is_some_and(|authors| authors.contains(who));
    related.extend(participation::people(ctx, txa.field(5)).into_iter().filter(|who| !is_author(who)));
    if !related.is_empty() {
        context.insert("related".into(), json!(related));
    }
    if !context.is_empty() {
        draft.set("context", Value::Object(context));
    }
}

/// Returns how it relates to the document of TXA-13; one that is replaced is superseded.
fn relation(ctx: &Ctx, txa: Segment, own: &Number, subject: &Subject) -> Option<Value> {
    let code = match ctx.event.name {
        "MDM^T05" | "MDM^T06" => "appends",
        "MDM^T07" | "MDM^T08" | "MDM^T09" | "MDM^T10" => "replaces",
        // A document of a report has one above it only as an addendum to that.
        _ if ctx.event.family != Family::Document => "appends",
        _ => return None,
    };
    let parent = number::number(ctx, txa.field(13).said()?, "", "document")?;
    if parent.key == own.key {
        // It was edited under its own number.
        return None;
    }
    let mut draft = Draft::new("DocumentReference", txa.at().field(13));
    draft.identity = Identity::Identifiers(vec![parent.key]);
    draft.only_if_there = true;
    match code {
        "replaces" => _ = draft.set("status", "superseded"),
        _ => draft.update = Update::Keep,
    }
    // What R4 requires, for those to whom this is shown; it is never made.
    draft.set("masterIdentifier", parent.element.clone()).default("status", "current");
    draft.default("subject", subject.patient.reference());
    draft.default("content", json!([{"attachment": content::announced(ctx, txa)}]));
    let handle = ctx.add(draft);
    let target = json!({"reference": handle.url(), "type": "DocumentReference", "identifier": parent.element});
    Some(json!({"code": code, "target": target}))
}
