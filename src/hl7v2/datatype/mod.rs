//! Conversions of data types: from a part of a message to an element.
//!
//! v2-to-FHIR, data type maps. A conversion gets one repetition (or what the map names in it) that says something; it returns
//! nothing for what it cannot take over, and notes a warning then. References to people, places and organizations add the draft that
//! they lead to.

pub mod address;
pub mod attachment;
#[cfg(test)]
mod check;
pub mod coded;
pub mod date;
pub mod identifier;
pub mod name;
pub mod organization;
pub mod people;
pub mod place;
pub mod quantity;
pub mod span;
pub mod telecom;
pub mod text;
pub mod timing;
pub mod value;

pub use address::address;
pub use coded::{code, codeable_concept, coding};
pub use date::{date, date_time, instant, period, period_of, time};
pub use identifier::{entity_identifier, identifier, uri};
pub use name::human_name;
pub use organization::organization;
pub use people::practitioner;
pub use place::location;
pub use quantity::{quantity, quantity_of};
pub use telecom::contact_point;
pub use text::boolean;
pub use value::observation_value;

use super::ctx::Ctx;
use super::map::Args;
use super::message::Part;
use serde_json::Value;

pub type Conversion = fn(&Ctx, Part, &Args) -> Option<Value>;

/// All conversions, by the names that maps use.
const ALL: &[(&str, Conversion)] = &[
    // Text, and what stays as it is.
    ("string", |_, part, _| text::string(part).map(Value::String)),
    // With all its components, for text in which nobody escaped anything.
    ("markdown", |_, part, _| text::whole(part).map(Value::String)),
    // All repetitions of the field, each a line.
    ("lines", |ctx, part, _| text::lines(text::field_of(ctx, part.at)?).map(Value::String)),
    ("uri", |_, part, _| part.part(1).whole().map(|text| Value::String(text::bare_uri(&text)))),
    ("boolean", |_, part, _| text::boolean(part).map(Value::Bool)),
    ("integer", |ctx, part, _| text::integer(ctx, part, i32::MIN)),
    ("positiveInt", |ctx, part, _| text::integer(ctx, part, 1)),
    ("unsignedInt", |ctx, part, _| text::integer(ctx, part, 0)),
    ("decimal", |ctx, part, _| text::decimal(ctx, part)),
    // `table=HL70001`: the FHIR code for a code of a table; without one the code as it is.
    ("code", |ctx, part, args| match args.get("table") {
        Some(table) => code(ctx, part, table).map(Value::String),
        None => text::plain_code(part).map(Value::String),
    }),
    // `table=HL70002`: what the code means, and its system where CWE.3 names none.
    ("CWE", |ctx, part, args| codeable_concept(ctx, part, args.get("table"))),
    ("Coding", |ctx, part, args| coding(ctx, part, args.get("table"))),
    // What a CWE says for people.
    ("words", |_, part, _| coded::words(part).map(Value::String)),
    // A CodeableConcept of text alone.
    ("textConcept", |_, part, _| Some(serde_json::json!({"text": text::whole(part)?}))),
    ("JCC", |ctx, part, _| coded::job(ctx, part)),
    ("FC", |ctx, part, _| coded::financial_class(ctx, part)),
    ("CX", |ctx, part, _| identifier(ctx, part)),
    // `type=PLAC`: of a type of table 0203.
    ("EI", |ctx, part, args| match args.get("type") {
        Some(kind) => identifier::entity_identifier_as(ctx, part, kind),
        None => entity_identifier(ctx, part),
    }),
    ("DLN", |ctx, part, _| identifier::drivers_license(ctx, part)),
    ("PLN", |ctx, part, _| identifier::license(ctx, part)),
    ("HD", |ctx, part, _| uri(ctx, part).map(Value::String)),
    ("XPN", |ctx, part, _| human_name(ctx, part)),
    // XPN.15, a name of its own.
    ("nickname", |_, part, _| name::nickname(part)),
    ("nameText", |_, part, _| name::name_text(part).map(Value::String)),
    ("XAD", |ctx, part, _| address(ctx, part)),
    // `use=home`: where XTN.2 names none.
    ("XTN", |ctx, part, args| contact_point(ctx, part, args.get("use"))),
    ("date", |ctx, part, _| date(ctx, part).map(Value::String)),
    ("dateTime", |ctx, part, _| date_time(ctx, part).map(Value::String)),
    ("instant", |ctx, part, _| instant(ctx, part).map(Value::String)),
    ("time", |ctx, part, _| time(ctx, part).map(Value::String)),
    ("period", |ctx, part, _| period(ctx, part)),
    ("CQ", |ctx, part, _| quantity(ctx, part)),
    ("SimpleQuantity", |ctx, part, _| quantity::simple(ctx, part)),
    // `unit=6`: a number whose unit is in another field of the segment; `ucum=d`: a number of such units.
    ("Quantity", number_with_unit),
    ("Duration", |ctx, part, _| timing::duration(ctx, part)),
    ("NR", |_, part, _| quantity::range(part, &quantity::Unit::default())),
    ("Money", |ctx, part, _| quantity::money(ctx, part)),
    ("ED", |ctx, part, _| attachment::encapsulated(ctx, part)),
    ("RP", |_, part, _| attachment::pointer(part)),
    ("RI", |ctx, part, _| timing::interval(ctx, part)),
    ("RPT", |ctx, part, _| timing::pattern(ctx, part)),
    ("TQ", |ctx, part, _| timing::timing_quantity(ctx, part)),
    ("Practitioner", |ctx, part, _| practitioner(ctx, part)),
    ("personName", |ctx, part, _| people::person_name(ctx, part)),
    ("personIdentifier", |ctx, part, _| people::person_identifier(ctx, part)),
    ("Organization", |ctx, part, _| organization(ctx, part)),
    ("OrganizationCode", |ctx, part, _| organization::organization_of_code(ctx, part)),
    ("OrganizationHD", |ctx, part, _| organization::organization_of_authority(ctx, part)),
    ("Location", |ctx, part, _| location(ctx, part)),
];

/// Returns the conversion of a name.
pub fn named(name: &str) -> Option<Conversion> {
    ALL.iter().find(|(known, _)| *known == name).map(|(_, conversion)| *conversion)
}

fn number_with_unit(ctx: &Ctx, part: Part, args: &Args) -> Option<Value> {
    if let Some(code) = args.get("ucum") {
        let value = text::decimal(ctx, part)?;
        return Some(quantity::Unit::ucum(code, args.get("words").unwrap_or(code)).quantity(value, None));
    }
    let unit = args.get("unit").and_then(|n| n.parse().ok());
    let segment = text::segment_at(ctx, part.at);
    quantity_of(ctx, part, segment.zip(unit).map(|(segment, n): (_, usize)| segment.field(n)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hl7v2::draft::Draft;
    use crate::hl7v2::message::{Message, Segment};

    /// Checks that a value has nothing that R4 has not in any value, wherever it is.
    fn check_valid(name: &str, value: &Value) {
        match value {
            Value::Object(members) => {
                assert!(!members.is_empty(), "{name} is an empty object");
                members.iter().for_each(|(name, value)| check_valid(name, value));
            }
            Value::Array(items) => {
                assert!(!items.is_empty(), "{name} is an empty list");
                items.iter().for_each(|item| check_valid(name, item));
            }
            Value::String(text) => {
                assert!(!text.is_empty() && text.trim() == text, "{name} is '{text}'");
                assert!(text.chars().all(|c| !c.is_control() || "\n\t".contains(c)), "{name} has a control character");
                let is_uri = matches!(name, "system" | "url" | "reference");
                assert!(!is_uri || !text.contains(char::is_whitespace), "{name} is {text}");
                let is_code = matches!(name, "code" | "use" | "comparator" | "currency" | "contentType");
                assert!(!is_code || !text.contains(['\n', '\t']) && !text.contains("  "), "{name} is {text}");
            }
            Value::Null => panic!("{name} is null"),
            Value::Number(_) | Value::Bool(_) => {}
        }
    }

    /// Converts every field of a segment by every conversion.
    fn convert_all(message: &Message, segment: Segment) {
        let rules = check::rules();
        for n in 1..=segment.last().min(60) {
            let ctx = Ctx::of(message, &rules);
            for (name, convert) in ALL {
                for part in segment.field(n).repetitions().take(3).flat_map(|part| [part, part.part(1), part.part(4)]) {
                    for args in [Args::default(), Args::of(vec![("table", "HL70002"), ("unit", "2"), ("use", "home")])]
                    {
                        if let Some(value) = convert(&ctx, part, &args) {
                            check_valid(name, &value);
                        }
                    }
                }
            }
            let drafts: Vec<Value> = ctx.see(|drafts| drafts.iter().map(|(_, draft)| Draft::made(draft)).collect());
            drafts.iter().for_each(|draft| check_valid("draft", draft));
        }
        let ctx = Ctx::of(message, &rules);
        observation_value(&ctx, segment).iter().for_each(|(element, value)| check_valid(element, value));
    }

    #[test]
    fn whatever_a_field_says_what_comes_out_is_valid() {
        const PIECES: &[&str] = &[
            "^",
            "&",
            "~",
            "^",
            "&",
            "\\",
            "\\X07\\",
            "\\.br\\",
            " ",
            "\"\"",
            "A",
            "NM",
            "0",
            "7",
            "2026",
            "20260102030405",
            "+0100",
            "-",
            ".",
            ":",
            "/",
            "<",
            ">=",
            "é",
            "\u{1F600}",
            "\u{2028}",
            "\u{7}",
            "\t",
            "ISO",
            "1.2.3.4",
            "LN",
            "HL70001",
            "Y",
            "Q6H",
            "mg",
            "UCUM",
            "Base64",
            "aGk=",
            "MR",
            "NPI",
            "PH",
            "Internet",
            "a@b.c",
            "http://x y",
            "\u{a0}",
            "L",
            "%",
            "H",
        ];
        const KINDS: &[&str] =
            &["NM", "SN", "CWE", "DT", "TM", "DR", "NR", "VR", "NA", "ED", "RP", "FT", "ST", "CQ", "XX"];
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        let mut next = |below: usize| {
            // Xorshift: the same numbers each time.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % below as u64) as usize
        };
        for _ in 0..60 {
            let kind = KINDS[next(KINDS.len())];
            let mut field = || (0..next(24)).map(|_| PIECES[next(PIECES.len())]).collect::<String>();
            let segment = format!("OBX|{}|{kind}|{}|{}|{}|{}", field(), field(), field(), field(), field());
            let message = check::message(&segment);
            convert_all(&message, message.segment("OBX"));
        }
    }
}
