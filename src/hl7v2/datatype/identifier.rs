//! HD, CX, EI, EIP, DLN, PLN: identifiers and whose they are.
//!
//! v2-to-FHIR, HD\[uri\], CX\[Identifier\], EI\[Identifier-System\]. A system is a URI and never a bare word: what the rules of the
//! feed say, an OID, a UUID, a URI, or `urn:x-v2:{facility}:{name}`.

use super::date;
use super::text::{absolute, clean_code, percent_encode, string};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::message::Part;
use crate::hl7v2::problem::Place;
use crate::hl7v2::table;
use serde_json::{Map, Value, json};

pub const TYPE_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";

/// Whose an identifier is: the three components of an HD.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authority {
    pub name: Option<String>,
    pub id: Option<String>,
    pub kind: Option<String>,
}

impl Authority {
    /// Reads an HD.
    pub fn read(part: Part) -> Authority {
        Authority::from(part, 1)
    }

    /// Reads three parts from this number on, such as EI.2 to EI.4.
    pub fn from(part: Part, first: usize) -> Authority {
        let at = |n: usize| string(part.part(first + n));
        Authority { name: at(0), id: at(1), kind: at(2) }
    }

    pub fn is_there(&self) -> bool {
        self.name.is_some() || self.id.is_some()
    }

    /// Returns the URI; none where it names nobody.
    pub fn uri(&self, ctx: &Ctx) -> Option<String> {
        let ruled = |key: &Option<String>| key.as_ref().and_then(|key| ctx.rules.systems.get(key)).cloned();
        if let Some(system) = ruled(&self.name).or_else(|| ruled(&self.id)) {
            return Some(system);
        }
        let kind = self.kind.as_deref().unwrap_or_default().to_ascii_uppercase();
        let by_id = self.id.as_deref().and_then(|id| match kind.as_str() {
            "UUID" | "GUID" => uuid(id),
            "ISO" => oid(id),
            _ => oid(id).or_else(|| uuid(id)).or_else(|| absolute(id)),
        });
        let by_name = || self.name.as_deref().and_then(|name| known(name).or_else(|| oid(name)).or_else(|| uuid(name)));
        let local = || Some(ctx.local(self.name.as_deref().or(self.id.as_deref())?));
        by_id.or_else(by_name).or_else(|| self.name.as_deref().and_then(absolute)).or_else(local)
    }
}

/// Returns the URI of an authority that everybody knows by its name.
fn known(name: &str) -> Option<String> {
    match name.to_ascii_uppercase().as_str() {
        "NPI" => Some(table::NPI.to_string()),
        "SSA" | "USSSA" | "SSN" => Some(table::SSN.to_string()),
        _ => None,
    }
}

/// Returns the URI of an OID, where it is one.
pub fn oid(text: &str) -> Option<String> {
    let bare = text.strip_prefix("urn:oid:").unwrap_or(text);
    let is_arc =
        |arc: &str| !arc.is_empty() && arc.bytes().all(|b| b.is_ascii_digit()) && (arc == "0" || !arc.starts_with('0'));
    let mut arcs = bare.split('.');
    let is_oid = matches!(arcs.next(), Some("0" | "1" | "2")) && bare.matches('.').count() >= 2 && arcs.all(is_arc);
    is_oid.then(|| table::of_oid(bare).map_or_else(|| format!("urn:oid:{bare}"), str::to_string))
}

/// Returns the URI of a UUID, where it is one.
pub fn uuid(text: &str) -> Option<String> {
    let bare = text.strip_prefix("urn:uuid:").unwrap_or(text).trim_matches(['{', '}']).to_ascii_lowercase();
    let is_uuid = bare.len() == 36
        && bare.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        });
    is_uuid.then(|| format!("urn:uuid:{bare}"))
}

impl Ctx<'_> {
    /// Returns the URI of a name that means something only where the message comes from.
    pub fn local(&self, name: &str) -> String {
        format!("{}:{}", self.house(), percent_encode(name))
    }

    /// Returns the URI of what the sender's house numbers without naming anybody.
    pub fn house(&self) -> String {
        let facility = self.facility();
        format!("urn:x-v2:{}", if facility.is_empty() { "unknown".into() } else { percent_encode(&facility) })
    }
}

/// HD (and EI.2 to EI.4, which are alike) → the URI of a system. Never a bare word.
pub fn uri(ctx: &Ctx, part: Part) -> Option<String> {
    Authority::read(part).uri(ctx)
}

/// Returns the system of an identifier of a type (table 0203) where these are its authority and its place.
pub fn system(ctx: &Ctx, authority: &Authority, kind: Option<&str>, at: Place) -> String {
    let ruled = |key: &Option<String>| key.as_ref().is_some_and(|key| ctx.rules.systems.contains_key(key));
    if !ruled(&authority.name) && !ruled(&authority.id) {
        match kind {
            Some("NPI") => return table::NPI.to_string(),
            Some("SS") => return table::SSN.to_string(),
            _ => {}
        }
    }
    if let Some(uri) = authority.uri(ctx) {
        return uri;
    }
    let of_patient = matches!((at.name(), at.field), ("PID", 2..=4) | ("MRG", 1..=2 | 4));
    match (&ctx.rules.patient_system, kind) {
        (Some(system), None | Some("MR" | "MRN" | "PI" | "PT")) if of_patient => system.clone(),
        // Numbers of different kinds are told apart: a license is no record number.
        (_, None | Some("MR" | "MRN" | "PI" | "PT")) => match (at.name(), at.field) {
            // Two systems number here, and neither says who it is.
            ("ORC" | "OBR", 2) | ("SCH", 1) | ("TXA", 14) => ctx.local("placer"),
            ("ORC" | "OBR", 3) | ("SCH", 2) | ("TXA", 15) => ctx.local("filler"),
            _ => ctx.house(),
        },
        (_, Some(kind)) => ctx.local(kind),
    }
}

/// Returns an Identifier of these pieces.
pub fn made(system: String, value: String, kind: Option<&str>, authority: &Authority) -> Map<String, Value> {
    let mut identifier = Map::new();
    if let Some(kind) = kind {
        identifier.insert("type".into(), json!({"coding": [{"system": TYPE_SYSTEM, "code": kind}]}));
    }
    identifier.insert("system".into(), system.into());
    identifier.insert("value".into(), value.into());
    if let Some(name) = &authority.name {
        identifier.insert("assigner".into(), json!({"display": name}));
    }
    identifier
}

/// CX → Identifier.
pub fn identifier(ctx: &Ctx, part: Part) -> Option<Value> {
    let value = string(part.part(1))?;
    let authority = Authority::read(part.part(4));
    let kind = part.part(5).text().and_then(|text| clean_code(&text));
    let system = system(ctx, &authority, kind.as_deref(), part.at);
    let mut identifier = made(system, value, kind.as_deref(), &authority);
    if let Some(digit) = string(part.part(2)) {
        let url = "http://hl7.org/fhir/StructureDefinition/identifier-checkDigit";
        identifier.insert("extension".into(), json!([{"url": url, "valueString": digit}]));
    }
    if let Some(period) = date::period_of(ctx, part.part(7), part.part(8)) {
        identifier.insert("period".into(), period);
    }
    Some(Value::Object(identifier))
}

/// EI → Identifier.
pub fn entity_identifier(ctx: &Ctx, part: Part) -> Option<Value> {
    let value = string(part.part(1))?;
    let authority = Authority::from(part, 2);
    let system = system(ctx, &authority, None, part.at);
    Some(Value::Object(made(system, value, None, &authority)))
}

/// EI → Identifier of a type of table 0203, such as `PLAC`.
pub fn entity_identifier_as(ctx: &Ctx, part: Part, kind: &str) -> Option<Value> {
    let mut identifier = entity_identifier(ctx, part)?;
    identifier.as_object_mut()?.insert("type".into(), json!({"coding": [{"system": TYPE_SYSTEM, "code": kind}]}));
    Some(identifier)
}

/// DLN → Identifier: a driver's license.
pub fn drivers_license(ctx: &Ctx, part: Part) -> Option<Value> {
    let value = string(part.part(1))?;
    let authority = Authority { name: string(part.part(2)), ..Authority::default() };
    let system = ctx.rules.systems.get(authority.name.as_deref().unwrap_or_default()).cloned();
    let named = authority.name.as_deref().map_or_else(|| "DL".to_string(), |state| format!("DL:{state}"));
    let mut identifier = made(system.unwrap_or_else(|| ctx.local(&named)), value, Some("DL"), &authority);
    if let Some(end) = date::date_time(ctx, part.part(3)) {
        identifier.insert("period".into(), json!({"end": end}));
    }
    Some(Value::Object(identifier))
}

/// PLN → Identifier: a license of a practitioner.
pub fn license(ctx: &Ctx, part: Part) -> Option<Value> {
    let value = string(part.part(1))?;
    let kind = part.part(2).text().and_then(|text| clean_code(&text));
    let known = kind.as_deref().and_then(|kind| table::look_up("HL70338", kind)).flatten();
    let code = known.as_ref().map(|meaning| meaning.code.as_str()).or(kind.as_deref());
    let authority = Authority { name: string(part.part(3)), ..Authority::default() };
    let mut identifier = made(system(ctx, &authority, code, part.at), value, code, &authority);
    if let Some(end) = date::date_time(ctx, part.part(4)) {
        identifier.insert("period".into(), json!({"end": end}));
    }
    Some(Value::Object(identifier))
}

#[cfg(test)]
mod tests {
    use super::super::check::{check, check_in};

    #[test]
    fn an_authority_is_a_uri() {
        check("HD", "KNOWN", "https://known.example/ids");
        check("HD", "KNOWN^1.2.3^ISO", "https://known.example/ids");
        check("HD", "X^9.9.9^ISO", "https://nine.example/ids");
        check("HD", "X^1.2.3.4^ISO", "urn:oid:1.2.3.4");
        check("HD", "^2.16.840.1.113883.4.6^ISO", "http://hl7.org/fhir/sid/us-npi");
        check("HD", "X^C757873D-EC9A-4326-A141-556F43239520^UUID", "urn:uuid:c757873d-ec9a-4326-a141-556f43239520");
        check("HD", "X^https://a.example/b c^URI", "https://a.example/b%20c");
        check("HD", "X^not an oid^ISO", "urn:x-v2:HOSP:X");
        check("HD", "^lab.example^DNS", "urn:x-v2:HOSP:lab.example");
        check("HD", "1.2.3.4", "urn:oid:1.2.3.4");
        check("HD", "St. Mary's Köln", "urn:x-v2:HOSP:St.%20Mary%27s%20K%C3%B6ln");
        check("HD", "A\\T\\B:C", "urn:x-v2:HOSP:A%26B%3AC");
        check("HD", "USSSA", "http://hl7.org/fhir/sid/us-ssn");
        check("HD", "^^ISO", "-");
    }

    const MR: &str = r#""type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}]}"#;

    #[test]
    fn a_cx_is_an_identifier() {
        let known = r#""system":"https://known.example/ids","value":"1","assigner":{"display":"KNOWN"}"#;
        check("CX", "1^^^KNOWN^MR", &format!("{{{MR},{known}}}"));
        check(
            "CX",
            "1^^^KNOWN^MR^^2020^2021",
            &format!(r#"{{{MR},{known},"period":{{"start":"2020","end":"2021"}}}}"#),
        );
        let digit = r#"[{"url":"http://hl7.org/fhir/StructureDefinition/identifier-checkDigit","valueString":"8"}]"#;
        check("CX", "1^8^M10^KNOWN", &format!(r#"{{{known},"extension":{digit}}}"#));
        check("CX", "1", r#"{"system":"urn:x-v2:HOSP","value":"1"}"#);
        check("CX", "1^^^^MR", &format!(r#"{{{MR},"system":"urn:x-v2:HOSP","value":"1"}}"#));
        check("CX", "^^^KNOWN^MR", "-");
        check("CX", "1^^^&1.2.3.4&ISO", r#"{"system":"urn:oid:1.2.3.4","value":"1"}"#);
    }

    #[test]
    fn numbers_of_different_kinds_are_told_apart() {
        let kind = |code: &str| MR.replace("MR", code);
        let rest = |system: &str| format!(r#""system":"{system}","value":"1""#);
        check("CX", "1^^^^DL", &format!("{{{},{}}}", kind("DL"), rest("urn:x-v2:HOSP:DL")));
        check("CX", "1^^^^SS", &format!("{{{},{}}}", kind("SS"), rest("http://hl7.org/fhir/sid/us-ssn")));
        let npi =
            format!(r#"{{{},{},"assigner":{{"display":"CMS"}}}}"#, kind("NPI"), rest("http://hl7.org/fhir/sid/us-npi"));
        check("CX", "1^^^CMS&2.16&ISO^NPI", &npi);
        let dl = format!(
            r#"{{{},{},"assigner":{{"display":"TX"}},"period":{{"end":"2030"}}}}"#,
            kind("DL"),
            rest("urn:x-v2:HOSP:DL%3ATX")
        );
        check("DLN", "1^TX^2030", &dl);
        check("PLN", "1^L&I", &format!("{{{},{}}}", kind("L"), rest("urn:x-v2:HOSP:L")));
        check("PLN", "1^L\\T\\I", &format!("{{{},{}}}", kind("LI"), rest("urn:x-v2:HOSP:LI")));
    }

    #[test]
    fn an_ei_is_an_identifier() {
        check("EI", "1^KNOWN", r#"{"system":"https://known.example/ids","value":"1","assigner":{"display":"KNOWN"}}"#);
        check("EI", "1^^1.2.3.4^ISO", r#"{"system":"urn:oid:1.2.3.4","value":"1"}"#);
        check_in("EI", "ORC||1|2", 2, r#"{"system":"urn:x-v2:HOSP:placer","value":"1"}"#);
        check_in("EI", "ORC||1|2", 3, r#"{"system":"urn:x-v2:HOSP:filler","value":"2"}"#);
        let kind = MR.replace("MR", "PLAC");
        check_in("EI type=PLAC", "ORC||1", 2, &format!(r#"{{"system":"urn:x-v2:HOSP:placer","value":"1",{kind}}}"#));
    }
}
