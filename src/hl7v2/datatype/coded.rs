//! CWE, CE, CNE, CF, IS, ID: codes.
//!
//! v2-to-FHIR, CWE\[CodeableConcept\] and its siblings. A code of a table of HL7 becomes what the table means in FHIR; other codes
//! keep their system, by the names of table 0396, by OID, or as a URI of the sender's house.

use super::identifier::oid;
use super::text::{absolute, clean_code, plain_code, string};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::message::Part;
use crate::hl7v2::problem::Code;
use crate::hl7v2::table;
use serde_json::{Map, Value, json};

/// Where a code, its text, its system, the version and the OID of that stand: three times in a CWE, twice in a CE.
const PLACES: [[usize; 5]; 3] = [[1, 2, 3, 7, 14], [4, 5, 6, 8, 17], [10, 11, 12, 13, 20]];

/// Returns the FHIR code for a code of a table; notes a warning where the table has it not.
pub fn code(ctx: &Ctx, part: Part, table: &str) -> Option<String> {
    let text = plain_code(part)?;
    match ctx.table(table, &text) {
        Some(meaning) => meaning.map(|meaning| meaning.code),
        None => {
            ctx.warn(Code::TableValue, part.at, format!("has a code that table {table} does not have"));
            None
        }
    }
}

impl Ctx<'_> {
    /// Returns the URI of a coding system by its name (CWE.3) or OID (CWE.14); none where neither is said.
    pub fn coding_system(&self, name: Option<&str>, oid_said: Option<&str>) -> Option<String> {
        let ruled = name.and_then(|name| self.rules.coding_systems.get(name)).cloned();
        let by_name =
            || name.and_then(|name| table::known_system(name).or_else(|| oid(name)).or_else(|| absolute(name)));
        let local = || name.map(|name| self.local(name));
        ruled.or_else(by_name).or_else(|| oid_said.and_then(oid)).or_else(local)
    }
}

/// CWE, CE, CNE, CF, IS, ID → CodeableConcept. `table` is the coding system where CWE.3 names none.
pub fn codeable_concept(ctx: &Ctx, part: Part, table: Option<&str>) -> Option<Value> {
    let codings = codings(ctx, part, table);
    let shown = |text: &String| codings.iter().any(|coding| coding["display"] == text.as_str());
    let text = string(part.part(9)).or_else(|| string(part.part(2)).filter(|text| !shown(text)));
    let text = text
        .or_else(|| string(part.part(5)).filter(|text| codings.is_empty() || !shown(text) && part.part(1).is_absent()));
    let mut concept = Map::new();
    if !codings.is_empty() {
        concept.insert("coding".into(), codings.into());
    }
    if let Some(text) = text {
        concept.insert("text".into(), text.into());
    }
    (!concept.is_empty()).then_some(Value::Object(concept))
}

/// The same → Coding: the first that there is.
pub fn coding(ctx: &Ctx, part: Part, table: Option<&str>) -> Option<Value> {
    codings(ctx, part, table).into_iter().next()
}

/// Returns what a CWE says for people: CWE.9, else CWE.2, else the code.
pub fn words(part: Part) -> Option<String> {
    [9, 2, 5, 1].into_iter().find_map(|n| string(part.part(n)))
}

/// Returns a code with its system as a CodeableConcept.
pub fn concept(system: &str, code: &str, display: Option<&str>) -> Value {
    let mut coding = json!({"system": system, "code": code});
    if let Some(display) = display {
        coding["display"] = display.into();
    }
    json!({"coding": [coding]})
}

fn codings(ctx: &Ctx, part: Part, table: Option<&str>) -> Vec<Value> {
    let mut codings: Vec<Value> = Vec::new();
    for (nth, [code, display, system, version, oid]) in PLACES.into_iter().enumerate() {
        let Some(code) = plain_code(part.part(code)) else { continue };
        let said = Said {
            code,
            display: string(part.part(display)),
            system: part.part(system).text().and_then(|text| clean_code(&text)).filter(|name| !is_placeholder(name)),
            version: string(part.part(version)),
            oid: string(part.part(oid)),
        };
        for coding in said.codings(ctx, table.filter(|_| nth == 0 || said.system.is_some())) {
            if !codings.contains(&coding) {
                codings.push(coding);
            }
        }
    }
    codings
}

/// Returns whether this is how the standard writes "some table of HL7", which examples copy: it is the field's own.
fn is_placeholder(system: &str) -> bool {
    let rest = system.get(..3).filter(|start| start.eq_ignore_ascii_case("HL7")).and_then(|_| system.get(3..));
    rest.is_some_and(|rest| rest.len() > 1 && rest.bytes().all(|b| matches!(b, b'n' | b'N' | b'x' | b'X')))
}

/// One code of a CWE.
struct Said {
    code: String,
    display: Option<String>,
    system: Option<String>,
    version: Option<String>,
    oid: Option<String>,
}

impl Said {
    fn codings(&self, ctx: &Ctx, table: Option<&str>) -> Vec<Value> {
        let named = self.system.as_deref();
        let is_of = |table: &str| named.is_none_or(|name| table::of_table(name) == table::of_table(table));
        let is_ruled = |table: &str| ctx.is_ruled(table, &self.code);
        let Some(table) = table.filter(|table| is_of(table) || is_ruled(table)) else {
            return vec![self.coding(ctx.coding_system(named, self.oid.as_deref()))];
        };
        let own = || table::of_table(table).or_else(|| ctx.coding_system(named, self.oid.as_deref()));
        let Some(meaning) = ctx.table(table, &self.code).flatten() else { return vec![self.coding(own())] };
        let mut coding = json!({"system": meaning.system, "code": meaning.code});
        let display =
            meaning.display.map(str::to_string).or(self.display.clone().filter(|_| meaning.code == self.code));
        if let Some(display) = display {
            coding["display"] = display.into();
        }
        if is_ruled(table) {
            // What the sender calls it, beside what it means.
            let local = ctx.coding_system(named, self.oid.as_deref()).unwrap_or_else(|| ctx.local(table));
            return vec![coding, self.coding(Some(local))];
        }
        vec![coding]
    }

    fn coding(&self, system: Option<String>) -> Value {
        let mut coding = Map::new();
        // A version says nothing without a system.
        let version = self.version.clone().filter(|_| system.is_some());
        let members = [
            ("system", system),
            ("version", version),
            ("code", Some(self.code.clone())),
            ("display", self.display.clone()),
        ];
        coding.extend(members.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?.into()))));
        Value::Object(coding)
    }
}

/// JCC → CodeableConcept: what somebody works as.
pub fn job(ctx: &Ctx, part: Part) -> Option<Value> {
    let mut codings = Vec::new();
    for (n, table) in [(1, "HL70327"), (2, "HL70328")] {
        codings.extend(coding(ctx, part.part(n), Some(table)));
    }
    let mut concept = Map::new();
    if !codings.is_empty() {
        concept.insert("coding".into(), codings.into());
    }
    if let Some(text) = string(part.part(3)) {
        concept.insert("text".into(), text.into());
    }
    (!concept.is_empty()).then_some(Value::Object(concept))
}

/// FC → CodeableConcept: a financial class.
pub fn financial_class(ctx: &Ctx, part: Part) -> Option<Value> {
    codeable_concept(ctx, part.part(1), Some("HL70064"))
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    const LOINC: &str = r#"{"system":"http://loinc.org","code":"1-8","display":"x"}"#;

    #[test]
    fn a_code_of_a_required_binding() {
        check("code table=HL70001", "F", "female");
        check("code table=HL70001", "f", "female");
        check("code table=HL70001", "Male", "male");
        check("code table=HL70001", "W", "female");
        check("code table=HL70001", "N^not applicable", "other");
        check("code table=HL70001", "Q", "- ! ZZZ-1");
        check("code table=HL70190", "L", "-");
        check("code table=HL70123", "Y", "- ! ZZZ-1");
        check("code", "AL", "AL");
    }

    #[test]
    fn a_cwe_has_three_codings() {
        check("CWE", "1-8^x^LN", &format!(r#"{{"coding":[{LOINC}]}}"#));
        let local = r#"{"system":"urn:x-v2:HOSP:L","version":"2","code":"a","display":"b"}"#;
        check("CWE", "1-8^x^LN^a^b^L^^2", &format!(r#"{{"coding":[{LOINC},{local}]}}"#));
        let third = r#"{"system":"http://snomed.info/sct","code":"3"}"#;
        check("CWE", "1-8^x^LN^^^^^^text^3^^SCT", &format!(r#"{{"coding":[{LOINC},{third}],"text":"text"}}"#));
        check("CWE", "1-8^x^LN^1-8^x^LN", &format!(r#"{{"coding":[{LOINC}]}}"#));
        check("CWE", "^only words", r#"{"text":"only words"}"#);
        check("CWE", "^^^^other words", r#"{"text":"other words"}"#);
        check("CWE", "a^b", r#"{"coding":[{"code":"a","display":"b"}]}"#);
        check("CWE", "^^LN", "-");
        check("CWE", "\"\"^\"\"", "-");
        check("CWE", "a b^c", r#"{"coding":[{"code":"a b","display":"c"}]}"#);
        check("Coding", "1-8^x^LN^a^b^L", LOINC);
        check("words", "1-8^x^LN", "x");
    }

    #[test]
    fn coding_systems_are_uris() {
        for (name, uri) in [
            ("LN", "http://loinc.org"),
            ("I10", "http://hl7.org/fhir/sid/icd-10"),
            ("OURS", "https://ours.example/codes"),
            ("HL70078", "http://terminology.hl7.org/CodeSystem/v2-0078"),
            ("HL7-0354", "http://terminology.hl7.org/CodeSystem/v2-0354"),
            ("HL79999", "http://terminology.hl7.org/CodeSystem/v2-9999"),
            ("99LAB", "urn:x-v2:HOSP:99LAB"),
            ("ISO+", "urn:x-v2:HOSP:ISO%2B"),
            ("2.16.840.1.113883.6.1", "http://loinc.org"),
            ("1.2.3.4", "urn:oid:1.2.3.4"),
            ("http://a.example/x", "http://a.example/x"),
            ("HL70399", "urn:iso:std:iso:3166"),
            ("cvx", "http://hl7.org/fhir/sid/cvx"),
        ] {
            check("Coding", &format!("a^^{name}"), &format!(r#"{{"system":"{uri}","code":"a"}}"#));
        }
        check("Coding", "a^^LAB^^^^^^^^^^^1.2.3.4", r#"{"system":"urn:oid:1.2.3.4","code":"a"}"#);
        check("Coding", "a^^^^^^^^^^^^^2.16.840.1.113883.6.96", r#"{"system":"http://snomed.info/sct","code":"a"}"#);
    }

    #[test]
    fn a_code_of_a_table_is_what_it_means() {
        let married =
            r#"{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M","display":"Married"}"#;
        check("CWE table=HL70002", "M", &format!(r#"{{"coding":[{married}]}}"#));
        check(
            "CWE table=HL70002",
            "M^verheiratet^HL70002",
            &format!(r#"{{"coding":[{married}],"text":"verheiratet"}}"#),
        );
        let local = r#"{"system":"urn:x-v2:HOSP:HL70002","code":"VERH","display":"verheiratet"}"#;
        check("CWE table=HL70002", "VERH^verheiratet", &format!(r#"{{"coding":[{married},{local}]}}"#));
        let of_table = r#"{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0002","code":"Z9"}]}"#;
        check("CWE table=HL70002", "Z9", of_table);
        check("CWE table=HL70002", "M^^99X", r#"{"coding":[{"system":"urn:x-v2:HOSP:99X","code":"M"}]}"#);
        let none =
            r#"{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0023","code":"7","display":"x"}]}"#;
        check("CWE table=HL70023", "7^x", none);
        let language = r#"{"coding":[{"system":"urn:ietf:bcp:47","code":"en","display":"English"}],"text":"Englisch"}"#;
        check("CWE table=HL70296", "ENG^Englisch", language);
    }

    #[test]
    fn jobs_and_financial_classes() {
        let job = r#"{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0327","code":"1"}],"text":"cook"}"#;
        check("JCC", "1^^cook", job);
        check("FC", "P^2020", r#"{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0064","code":"P"}]}"#);
    }
}
