//! OBX of a TXA → the content of a document: lines of text are one, what is attached stands by itself.
//!
//! v2-to-FHIR, segment maps OBX\[DocumentReference\] and NTE\[DocumentReference\]. The media types that the guide gives
//! for text are none; it is plain text once its escape sequences are read.

use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::{self, attachment, coded, text};
use crate::hl7v2::message::{Part, Segment};
use crate::hl7v2::tree::Node;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// Returns `DocumentReference.content`; nothing where there is none.
pub fn contents(ctx: &Ctx, txa: Segment, nodes: &[&Node]) -> Vec<Value> {
    let is_attached = |obx: Segment| obx.field(2).is("ED") || obx.field(2).is("RP");
    let mut contents = Vec::new();
    let text = written(nodes, &|obx| !is_attached(obx));
    if !text.is_empty() {
        let mut attachment = json!({"contentType": "text/plain; charset=utf-8", "data": STANDARD.encode(&text)});
        set_creation(ctx, txa, &mut attachment);
        contents.push(json!({"attachment": attachment}));
    }
    for obx in nodes.iter().map(|node| node.segment).filter(|obx| is_attached(*obx)) {
        for part in obx.field(5).repetitions().filter(|part| part.is_there()) {
            if let Some(mut found) = attached(ctx, obx, part) {
                set_creation(ctx, txa, &mut found);
                contents.push(json!({"attachment": found}));
            }
        }
    }
    contents
}

/// Returns what an ED or RP holds, by the name of what was observed.
fn attached(ctx: &Ctx, obx: Segment, part: Part) -> Option<Value> {
    let mut found = match obx.field(2).is("RP") {
        true => attachment::pointer(part)?,
        false => attachment::encapsulated(ctx, part)?,
    };
    if let Some(title) = obx.field(3).said().and_then(coded::words) {
        found["title"] = json!(title);
    }
    // R4 att-1: data has a type.
    if found["data"].is_string() && found["contentType"].is_null() {
        found["contentType"] = json!("application/octet-stream");
    }
    Some(found)
}

/// Returns an attachment for a document of which nothing was sent: what it is, and that.
pub fn announced(ctx: &Ctx, txa: Segment) -> Value {
    let mut attachment = Map::new();
    // Table 0191: text is text; what an application is for is not said.
    let is_text = ["TX", "FT", "TEXT"].iter().any(|kind| txa.field(3).is(kind));
    if is_text {
        attachment.insert("contentType".into(), json!("text/plain"));
    }
    attachment.insert("title".into(), json!("Announced without content"));
    let mut attachment = Value::Object(attachment);
    set_creation(ctx, txa, &mut attachment);
    attachment
}

/// TXA-6, else when it was dictated or done.
fn set_creation(ctx: &Ctx, txa: Segment, attachment: &mut Value) {
    let time = [6, 7, 4].into_iter().find_map(|n| datatype::date_time(ctx, txa.field(n).first()));
    if let Some(time) = time {
        attachment["creation"] = json!(time);
    }
}

/// Returns the text of all segments: a line for each, and a heading where OBX-3 goes on to something else.
fn written(nodes: &[&Node], is_text: &dyn Fn(Segment) -> bool) -> String {
    let name = |obx: Segment| obx.field(3).said().and_then(coded::words).unwrap_or_default();
    let of_text: Vec<&Node> = nodes.iter().copied().filter(|node| is_text(node.segment)).collect();
    let has_headings =
        of_text.iter().any(|node| Some(name(node.segment)) != of_text.first().map(|it| name(it.segment)));
    let mut lines: Vec<String> = Vec::new();
    let mut heading = String::new();
    for node in nodes {
        let obx = node.segment;
        let mut own: Vec<String> = if is_text(obx) { values(obx) } else { Vec::new() };
        own.extend(node.all("NTE").filter_map(|nte| text::lines(nte.segment.field(3))));
        let new = name(obx);
        if has_headings && new != heading && !own.is_empty() {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            lines.push(new.clone());
            heading = new;
        }
        lines.append(&mut own);
    }
    let text = lines.join("\n");
    if text.trim().is_empty() { String::new() } else { text }
}

/// Returns what OBX-5 says as lines; an empty line of a text is one.
fn values(obx: Segment) -> Vec<String> {
    let field = obx.field(5);
    if field.is_null() {
        return Vec::new();
    }
    let kind = obx.field(2).text().unwrap_or_default();
    if matches!(&*kind, "TX" | "FT" | "ST" | "") {
        return vec![field.repetitions().filter_map(Part::whole).collect::<Vec<_>>().join("\n")];
    }
    let with_units = |value: String| match obx.field(6).said().and_then(coded::words) {
        Some(units) => format!("{value} {units}"),
        None => value,
    };
    let is_coded = matches!(&*kind, "CE" | "CWE" | "CNE" | "CF");
    let word = |part: Part| if is_coded { coded::words(part) } else { text::whole(part) };
    field.repetitions().filter_map(word).map(with_units).collect()
}
