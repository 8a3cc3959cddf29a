//! NTE → Annotation, of what the segment above it became.
//!
//! v2-to-FHIR, segment maps NTE\[Observation\] and NTE\[ServiceRequest\].

use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype;
use crate::hl7v2::message::Segment;
use crate::hl7v2::tree::Node;
use serde_json::{Map, Value, json};

const TYPE: &str = "http://hl7.org/fhir/StructureDefinition/annotationType";

/// Returns what the segments NTE below a segment say: a list of Annotation. Those behind a PRT or TQ1 are of the segment above it, and
/// so are those behind an OBX that is left out since it does not say what was observed.
pub fn annotations(ctx: &Ctx, node: &Node) -> Vec<Value> {
    let of = |node: &Node| -> Vec<Value> {
        match node.segment.name {
            "NTE" => annotation(ctx, node.segment).into_iter().collect(),
            "OBX" if !node.segment.field(3).is_there() => {
                node.all("NTE").filter_map(|nte| annotation(ctx, nte.segment)).collect()
            }
            "PRT" | "TQ1" => node.all("NTE").filter_map(|nte| annotation(ctx, nte.segment)).collect(),
            _ => Vec::new(),
        }
    };
    node.below.iter().flat_map(of).collect()
}

/// Returns one text as an Annotation.
pub fn text(text: impl Into<String>) -> Value {
    json!({"text": text.into()})
}

/// Returns one text as an Annotation of a kind, in words.
pub fn labelled(text: impl Into<String>, kind: &str) -> Value {
    json!({"extension": [{"url": TYPE, "valueCodeableConcept": {"text": kind}}], "text": text.into()})
}

fn annotation(ctx: &Ctx, nte: Segment) -> Option<Value> {
    // People write separators into comments, so all of a repetition is its text; repetitions are lines.
    let lines: Vec<String> = nte.field(3).repetitions().filter_map(datatype::text::whole).collect();
    // NTE-9: a comment that is a code.
    let coded = || nte.field(9).part(9).text().or(nte.field(9).part(2).text()).or(nte.field(9).text());
    let text = if lines.is_empty() { coded()?.into_owned() } else { lines.join("\n") };
    let mut annotation = Map::new();
    let kind = nte.field(4);
    if let Some(kind) =
        kind.is_there().then(|| datatype::codeable_concept(ctx, kind.first(), Some("HL70364"))).flatten()
    {
        annotation.insert("extension".into(), json!([{"url": TYPE, "valueCodeableConcept": kind}]));
    }
    let author = nte.field(5);
    if let Some(author) = author.is_there().then(|| datatype::practitioner(ctx, author.first())).flatten() {
        annotation.insert("authorReference".into(), author);
    }
    let time = nte.field(6);
    if let Some(time) = time.is_there().then(|| datatype::date_time(ctx, time.first())).flatten() {
        annotation.insert("time".into(), time.into());
    }
    annotation.insert("text".into(), text.into());
    Some(Value::Object(annotation))
}
