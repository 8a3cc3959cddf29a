//! Conversions of data types: from a part of a message to an element.
//!
//! v2-to-FHIR, data type maps. A conversion gets one repetition (or what the map names in it) that says something; it returns
//! nothing for what it cannot take over, and notes a warning then. References to people, places and organizations add the draft that
//! they lead to.

use super::convert::Ctx;
use super::map::Args;
use super::message::Part;
use serde_json::{Value, json};

pub type Conversion = fn(&Ctx, Part, &Args) -> Option<Value>;

/// All conversions, by the names that maps use.
const ALL: &[(&str, Conversion)] = &[
    // Text, and what stays as it is.
    ("string", |_, part, _| part.text().map(|text| json!(text))),
    // `table=HL70001`: the FHIR code for a code of a table.
    ("code", |ctx, part, args| {
        code(ctx, part, args.get("table")?).map(Value::String)
    }),
    ("boolean", |_, part, _| boolean(part).map(Value::Bool)),
    ("CWE", |ctx, part, args| {
        codeable_concept(ctx, part, args.get("table"))
    }),
    ("Coding", |ctx, part, args| {
        coding(ctx, part, args.get("table"))
    }),
    ("CX", |ctx, part, _| identifier(ctx, part)),
    ("EI", |ctx, part, _| entity_identifier(ctx, part)),
    ("HD", |ctx, part, _| uri(ctx, part).map(Value::String)),
    ("XPN", |ctx, part, _| human_name(ctx, part)),
    ("XAD", |ctx, part, _| address(ctx, part)),
    ("XTN", |ctx, part, args| {
        contact_point(ctx, part, args.get("use"))
    }),
    ("date", |ctx, part, _| date(ctx, part).map(Value::String)),
    ("dateTime", |ctx, part, _| {
        date_time(ctx, part).map(Value::String)
    }),
    ("instant", |ctx, part, _| {
        instant(ctx, part).map(Value::String)
    }),
    ("CQ", |ctx, part, _| quantity(ctx, part)),
    ("Practitioner", |ctx, part, _| practitioner(ctx, part)),
    ("Organization", |ctx, part, _| organization(ctx, part)),
    ("Location", |ctx, part, _| location(ctx, part)),
];

/// Returns the conversion of a name.
pub fn named(name: &str) -> Option<Conversion> {
    ALL.iter()
        .find(|(known, _)| *known == name)
        .map(|(_, conversion)| *conversion)
}

/// Returns the FHIR code for a code of a table; notes a warning where the table has it not.
pub fn code(_: &Ctx, part: Part, _table: &str) -> Option<String> {
    part.text().map(|text| text.to_lowercase())
}

/// Returns what `Y` and `N` say.
pub fn boolean(part: Part) -> Option<bool> {
    match &*part.text()? {
        "Y" => Some(true),
        "N" => Some(false),
        _ => None,
    }
}

/// CWE, CE, CNE, CF, IS, ID → CodeableConcept. `table` is the coding system where CWE.3 names none.
pub fn codeable_concept(_: &Ctx, part: Part, _table: Option<&str>) -> Option<Value> {
    Some(json!({"coding": [{"code": part.part(1).text()?}]}))
}

/// The same → Coding.
pub fn coding(_: &Ctx, part: Part, _table: Option<&str>) -> Option<Value> {
    Some(json!({"code": part.part(1).text()?}))
}

/// CX → Identifier.
pub fn identifier(_: &Ctx, part: Part) -> Option<Value> {
    Some(json!({"value": part.part(1).text()?}))
}

/// EI → Identifier.
pub fn entity_identifier(_: &Ctx, part: Part) -> Option<Value> {
    Some(json!({"value": part.part(1).text()?}))
}

/// HD (and EI.2 to EI.4, which are alike) → the URI of a system. Never a bare word.
pub fn uri(_: &Ctx, part: Part) -> Option<String> {
    part.part(1).text().map(|text| text.into_owned())
}

/// XPN → HumanName.
pub fn human_name(_: &Ctx, part: Part) -> Option<Value> {
    Some(json!({"family": part.part(1).text()?}))
}

/// XAD → Address.
pub fn address(_: &Ctx, part: Part) -> Option<Value> {
    Some(json!({"line": [part.part(1).text()?]}))
}

/// XTN → ContactPoint. `usage` where XTN.2 names none.
pub fn contact_point(_: &Ctx, part: Part, _usage: Option<&str>) -> Option<Value> {
    Some(json!({"value": part.part(1).text()?}))
}

/// DT, DTM, TS → date: what is more exact than a day is cut off.
pub fn date(_: &Ctx, part: Part) -> Option<String> {
    part.text().map(|text| text.into_owned())
}

/// DT, DTM, TS → dateTime, in the precision that is there; with a zone where there is a time.
pub fn date_time(_: &Ctx, part: Part) -> Option<String> {
    part.text().map(|text| text.into_owned())
}

/// DTM, TS → instant; none for what is less exact than seconds.
pub fn instant(_: &Ctx, part: Part) -> Option<String> {
    part.text().map(|text| text.into_owned())
}

/// NM and CWE, or CQ → Quantity; `part` is a CQ.
pub fn quantity(_: &Ctx, _part: Part) -> Option<Value> {
    None
}

/// XCN, CNN, PPN, or NDL.1 → Reference(Practitioner). Who has no identifier is named by `display` alone.
pub fn practitioner(_: &Ctx, part: Part) -> Option<Value> {
    Some(json!({"display": part.part(2).text()?}))
}

/// XON → Reference(Organization).
pub fn organization(_: &Ctx, part: Part) -> Option<Value> {
    Some(json!({"display": part.part(1).text()?}))
}

/// PL → Reference(Location): of the innermost place, which is part of the others.
pub fn location(_: &Ctx, part: Part) -> Option<Value> {
    Some(json!({"display": part.part(1).text()?}))
}
