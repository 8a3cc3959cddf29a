//! XTN, TN: telephone numbers and other ways to reach somebody.
//!
//! v2-to-FHIR, XTN\[ContactPoint\].

use super::coded::code;
use super::date;
use super::text::{integer, string};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::message::Part;
use serde_json::{Map, Value, json};

/// Components of the number as extensions.
const PIECES: [(usize, &str); 4] =
    [(5, "contactpoint-country"), (6, "contactpoint-area"), (7, "contactpoint-local"), (8, "contactpoint-extension")];

/// XTN → ContactPoint. `usage` where XTN.2 names none.
pub fn contact_point(ctx: &Ctx, part: Part, usage: Option<&str>) -> Option<Value> {
    let kind = part.part(3);
    let said = code(ctx, kind, "HL70202");
    let address = string(part.part(4));
    let is_address = said.as_deref() == Some("email") || (said.is_none() && part.part(2).is("NET"));
    let number = || number(part);
    let value = if is_address { address.or_else(number) } else { number().or(address.clone()) }?;
    let mut point = Map::new();
    let extensions: Vec<Value> = PIECES
        .iter()
        .filter(|_| !is_address)
        .filter_map(|(n, url)| {
            let url = format!("http://hl7.org/fhir/StructureDefinition/{url}");
            Some(json!({"url": url, "valueString": string(part.part(*n))?}))
        })
        .collect();
    if !extensions.is_empty() {
        point.insert("extension".into(), extensions.into());
    }
    // What no equipment is named for is a telephone: it stands in components for telephone numbers. R4 wants a system (cpt-2).
    let guess = if value.contains('@') {
        "email"
    } else if value.starts_with("http://") || value.starts_with("https://") {
        "url"
    } else if part.part(2).is("BPN") {
        "pager"
    } else {
        "phone"
    };
    let system = match said.as_deref() {
        Some("email") if guess == "url" => guess.to_string(),
        Some(system) => system.to_string(),
        None => guess.to_string(),
    };
    point.insert("system".into(), system.into());
    point.insert("value".into(), value.into());
    let by_equipment =
        || kind.text().and_then(|text| ctx.table("HL70202/use", &text)).flatten().map(|meaning| meaning.code);
    let by_use = by_equipment().or_else(|| code(ctx, part.part(2), "HL70201"));
    if let Some(usage) = by_use.or_else(|| usage.map(str::to_string)) {
        point.insert("use".into(), usage.into());
    }
    if let Some(rank) = integer(ctx, part.part(18), 1) {
        point.insert("rank".into(), rank);
    }
    if let Some(period) = date::period_of(ctx, part.part(13), part.part(14)) {
        point.insert("period".into(), period);
    }
    Some(Value::Object(point))
}

/// Returns the number: as it is dialled, of its pieces, or as XTN.1 of old writes it.
fn number(part: Part) -> Option<String> {
    let local = || {
        let mut number = String::new();
        if let Some(country) = string(part.part(5)) {
            number = format!("+{} ", country.trim_start_matches('+'));
        }
        if let Some(area) = string(part.part(6)) {
            number = number + &area + " ";
        }
        number += &string(part.part(7))?;
        if let Some(extension) = string(part.part(8)) {
            number = number + " X" + &extension;
        }
        Some(number)
    };
    string(part.part(12)).or_else(local).or_else(|| string(part.part(1)))
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    fn pieces(pieces: &[(&str, &str)]) -> String {
        let url = "http://hl7.org/fhir/StructureDefinition/contactpoint";
        let all = pieces.iter().map(|(name, text)| format!(r#"{{"url":"{url}-{name}","valueString":"{text}"}}"#));
        format!("[{}]", all.collect::<Vec<_>>().join(","))
    }

    #[test]
    fn a_number_is_one_of_a_telephone() {
        check("XTN", "555-1234", r#"{"system":"phone","value":"555-1234"}"#);
        check("XTN", "555^PRN^PH", r#"{"system":"phone","value":"555","use":"home"}"#);
        check("XTN", "555^PRN^CP", r#"{"system":"phone","value":"555","use":"mobile"}"#);
        check("XTN", "555^WPN^FX", r#"{"system":"fax","value":"555","use":"work"}"#);
        check("XTN", "555^PRS^BP", r#"{"system":"pager","value":"555","use":"mobile"}"#);
        check("XTN", "555^ORN^TTY", r#"{"system":"other","value":"555"}"#);
        check("XTN", "555^^??", r#"{"system":"phone","value":"555"} ! ZZZ-1.3"#);
        check("XTN use=work", "555", r#"{"system":"phone","value":"555","use":"work"}"#);
        check("XTN use=work", "555^PRN", r#"{"system":"phone","value":"555","use":"home"}"#);
        check("XTN", "555^^PH^^^^^^^^^666", r#"{"system":"phone","value":"666"}"#);
        check("XTN", "^PRN^PH", "-");
    }

    #[test]
    fn a_number_has_pieces() {
        let all = pieces(&[("country", "49"), ("area", "30"), ("local", "1234"), ("extension", "5")]);
        let number = r#""system":"phone","value":"+49 30 1234 X5""#;
        check("XTN", "^^PH^^49^30^1234^5", &format!(r#"{{{number},"extension":{all}}}"#));
        let two = pieces(&[("area", "30"), ("local", "1234")]);
        check("XTN", "^^PH^^^30^1234", &format!(r#"{{"system":"phone","value":"30 1234","extension":{two}}}"#));
    }

    #[test]
    fn other_ways_to_reach_somebody() {
        check("XTN", "^NET^Internet^a@b.example", r#"{"system":"email","value":"a@b.example"}"#);
        check("XTN", "^NET^^a@b.example", r#"{"system":"email","value":"a@b.example"}"#);
        check("XTN", "^^^a@b.example", r#"{"system":"email","value":"a@b.example"}"#);
        check("XTN", "a@b.example^NET^Internet", r#"{"system":"email","value":"a@b.example"}"#);
        check("XTN", "^^Internet^https://b.example", r#"{"system":"url","value":"https://b.example"}"#);
        check(
            "XTN",
            "^BPN^^^^^77",
            &format!(r#"{{"system":"pager","value":"77","extension":{}}}"#, pieces(&[("local", "77")])),
        );
    }

    #[test]
    fn rank_and_period() {
        let expected = r#"{"system":"phone","value":"5","rank":2,"period":{"start":"2020","end":"2021"}}"#;
        check("XTN", "5^^PH^^^^^^^^^^2020^2021^^^^2", expected);
        check("XTN", "5^^PH^^^^^^^^^^^^^^^-1", r#"{"system":"phone","value":"5"} ! ZZZ-1.18"#);
    }
}
