//! XAD, SAD: addresses.
//!
//! v2-to-FHIR, XAD\[Address\], SAD\[Address\].

use super::coded::code;
use super::date;
use super::text::{boolean, string};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::message::Part;
use serde_json::{Map, Value, json};

/// XAD → Address.
pub fn address(ctx: &Ctx, part: Part) -> Option<Value> {
    let mut address = Map::new();
    let street = part.part(1);
    let lines = [street.part(1), street.part(2), street.part(3), part.part(2), part.part(19)];
    let lines: Vec<Value> = lines.into_iter().filter_map(string).map(Value::String).collect();
    if !lines.is_empty() {
        address.insert("line".into(), lines.into());
    }
    for (n, element) in [(3, "city"), (4, "state"), (5, "postalCode"), (6, "country")] {
        if let Some(text) = string(part.part(n)) {
            address.insert(element.into(), text.into());
        }
    }
    let county = part.part(9);
    if let Some(district) = [9, 2, 1].into_iter().find_map(|n| string(county.part(n))) {
        address.insert("district".into(), district.into());
    }
    if let Some(tract) = [9, 2, 1].into_iter().find_map(|n| string(part.part(10).part(n))) {
        add_extension(&mut address, json!({"url": iso("ADXP-censusTract"), "valueString": tract}));
    }
    if address.is_empty() {
        return None;
    }
    kind(ctx, part, &mut address);
    let period = date::period_of(ctx, part.part(13), part.part(14)).or_else(|| date::period(ctx, part.part(12)));
    if let Some(period) = period {
        address.insert("period".into(), period);
    }
    Some(Value::Object(address))
}

/// Adds use and type.
fn kind(ctx: &Ctx, part: Part, address: &mut Map<String, Value>) {
    let kind = part.part(7);
    if kind.is("HV") {
        add_extension(address, json!({"url": iso("AD-use"), "valueCode": "HV"}));
    }
    // XAD.17: a bad address is one of old.
    let bad = || (boolean(part.part(17)) == Some(true)).then(|| "old".to_string());
    if let Some(usage) = code(ctx, kind, "HL70190").or_else(bad) {
        address.insert("use".into(), usage.into());
    }
    let known = kind.text().and_then(|text| ctx.table("HL70190/type", &text)).flatten();
    if let Some(meaning) = known {
        address.insert("type".into(), meaning.code.into());
    }
}

fn iso(name: &str) -> String {
    format!("http://hl7.org/fhir/StructureDefinition/iso21090-{name}")
}

fn add_extension(address: &mut Map<String, Value>, extension: Value) {
    let list = address.entry("extension").or_insert_with(|| json!([]));
    if let Some(items) = list.as_array_mut() {
        items.push(extension);
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn an_address_has_lines() {
        let full = r#"{"line":["1 Main St","Apt 2"],"city":"Berlin","state":"BE","postalCode":"10115","country":"DE",
            "district":"Mitte","use":"home"}"#;
        check("XAD", "1 Main St^Apt 2^Berlin^BE^10115^DE^H^^Mitte", full);
        check("XAD", "&Main St&1^^^^^^^^^^^^^^^^^^c/o X", r#"{"line":["Main St","1","c/o X"]}"#);
        check("XAD", "^^Berlin^^^^M", r#"{"city":"Berlin","type":"postal"}"#);
        check("XAD", "^^Berlin^^^^B", r#"{"city":"Berlin","use":"work"}"#);
        check("XAD", "^^Berlin^^^^L", r#"{"city":"Berlin"}"#);
        check("XAD", "^^Berlin^^^^??", r#"{"city":"Berlin"} ! ZZZ-1.7"#);
        check("XAD", "^^Berlin^^^^^^^^^^^^^^Y", r#"{"city":"Berlin","use":"old"}"#);
        check("XAD", "^^^^^^H", "-");
    }

    #[test]
    fn an_address_is_good_for_a_while() {
        check("XAD", "^^A^^^^^^^^^2001&2002^2003", r#"{"city":"A","period":{"start":"2003"}}"#);
        check("XAD", "^^A^^^^^^^^^2001&2002", r#"{"city":"A","period":{"start":"2001","end":"2002"}}"#);
    }

    #[test]
    fn what_r4_has_no_element_for_is_an_extension() {
        let url = "http://hl7.org/fhir/StructureDefinition/iso21090-";
        check("XAD", "^^A^^^^HV", &format!(r#"{{"city":"A","extension":[{{"url":"{url}AD-use","valueCode":"HV"}}]}}"#));
        let tract = format!(r#"[{{"url":"{url}ADXP-censusTract","valueString":"12"}}]"#);
        check("XAD", "^^A^^^^^^^12", &format!(r#"{{"city":"A","extension":{tract}}}"#));
    }
}
