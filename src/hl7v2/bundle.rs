//! What a message says as a transaction Bundle: what `$convert` shows.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#transaction>. Sent to a FHIR server, it makes what is not there yet and doubles nothing: a
//! resource that is recognized is put under the condition that recognizes it, one that is only mentioned is made where there is
//! none. A feed does more: it merges into what is there, where a PUT replaces.

use super::charset;
use super::convert::{Conversion, convert};
use super::draft::{Draft, Drafts, Handle, Identifier, Identity, Update, search_value};
use super::message::Message;
use super::problem::Problem;
use super::rules::Rules;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The extension of `Bundle.meta` that says what could not be taken over, below the base of our own definitions.
pub const WARNING: &str = "/StructureDefinition/conversion-warning";

/// Converts the bytes of a message; the problems are those for which it cannot be taken over.
pub fn converted(raw: &[u8], rules: &Rules) -> Result<Conversion, Vec<Problem>> {
    let decoded = charset::decode(raw, rules.charset.as_deref(), false).map_err(|problem| vec![problem])?;
    let message = Message::parse(decoded.text).map_err(|problem| vec![problem])?;
    let mut conversion = convert(&message, rules)?;
    conversion.warnings.extend(decoded.warning);
    Ok(conversion)
}

/// Returns the transaction. The same message under the same rules gives the same one, `fullUrl`s included.
pub fn bundle(conversion: &Conversion, canonical_base: &str) -> Value {
    let drafts = &conversion.drafts;
    let urls: Vec<String> = drafts.iter().map(|(handle, draft)| full_url(handle, draft)).collect();
    let mut made: BTreeMap<Handle, Value> = drafts.iter().map(|(handle, draft)| (handle, draft.made())).collect();
    for (loser, survivor) in &conversion.merges {
        link(&mut made, *loser, *survivor);
    }
    let mut bundle = Map::new();
    bundle.insert("resourceType".into(), json!("Bundle"));
    let url = format!("{canonical_base}{WARNING}");
    let warning = |problem: &Problem| json!({"url": url, "valueString": problem.to_string()});
    let warnings: Vec<Value> = conversion.warnings.iter().chain(&conversion.hindrances).map(warning).collect();
    if !warnings.is_empty() {
        bundle.insert("meta".into(), json!({"extension": warnings}));
    }
    bundle.insert("type".into(), json!("transaction"));
    if let Some(time) = conversion.time.as_deref().filter(|time| is_instant(time)) {
        bundle.insert("timestamp".into(), json!(time));
    }
    let entries: Vec<Value> = drafts
        .iter()
        .filter_map(|(handle, draft)| {
            let mut resource = made.remove(&handle)?;
            resolve(&mut resource, &urls);
            let full_url = urls.get(handle.0)?;
            Some(json!({"fullUrl": full_url, "resource": resource, "request": request(draft, drafts)}))
        })
        .collect();
    if !entries.is_empty() {
        bundle.insert("entry".into(), json!(entries));
    }
    Value::Object(bundle)
}

/// Returns a `urn:uuid:` made of what the draft says (RFC 9562, version 8). Its place tells two apart that say the same.
fn full_url(handle: Handle, draft: &Draft) -> String {
    let mut hash = Sha256::new();
    hash.update(handle.0.to_be_bytes());
    hash.update(format!("{:?}", draft.identity));
    hash.update(draft.made().to_string());
    let digest: [u8; 32] = hash.finalize().into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().urn().to_string()
}

/// R4 Patient.link: the loser says who goes on in its place, and the survivor whom it stands for.
fn link(made: &mut BTreeMap<Handle, Value>, loser: Handle, survivor: Handle) {
    let mut say = |of: Handle, other: Handle, kind: &str| {
        let Some(patient) = made.get_mut(&of).and_then(Value::as_object_mut) else { return };
        let link = json!({"other": other.reference(), "type": kind});
        match patient.get_mut("link").and_then(Value::as_array_mut) {
            Some(links) => links.push(link),
            None => drop(patient.insert("link".into(), json!([link]))),
        }
        if kind == "replaced-by" {
            patient.insert("active".into(), json!(false));
        }
    };
    say(loser, survivor, "replaced-by");
    say(survivor, loser, "replaces");
}

/// Makes references between drafts references between entries.
fn resolve(value: &mut Value, urls: &[String]) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "reference" => {
                        let url = Handle::of(text).and_then(|handle| urls.get(handle.0));
                        if let Some(url) = url {
                            text.clone_from(url);
                        }
                    }
                    other => resolve(other, urls),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| resolve(item, urls)),
        _ => {}
    }
}

/// Returns the request of an entry, under the condition that recognizes its resource where there is one.
fn request(draft: &Draft, drafts: &Drafts) -> Value {
    let name = draft.resource_type();
    let condition = match &draft.identity {
        Identity::Identifiers(identifiers) => among(identifiers).map(|values| format!("identifier={values}")),
        Identity::Search(search) => condition(search, drafts),
        Identity::New => None,
    };
    match (condition, draft.update) {
        (None, _) => json!({"method": "POST", "url": name}),
        (Some(condition), Update::Merge) => json!({"method": "PUT", "url": format!("{name}?{condition}")}),
        (Some(condition), Update::Keep) => json!({"method": "POST", "url": name, "ifNoneExist": condition}),
    }
}

/// Returns identifiers as the value of a search: one of them.
fn among(identifiers: &[Identifier]) -> Option<String> {
    let token = |one: &Identifier| format!("{}%7C{}", search_value(&one.system), search_value(&one.value));
    let tokens: Vec<String> = identifiers.iter().map(token).collect();
    (!tokens.is_empty()).then(|| tokens.join(","))
}

/// Returns the search of an identity without numbers of drafts: what they stand for is asked for by its own identifiers. None
/// where it has none, and so can only be new.
fn condition(search: &str, drafts: &Drafts) -> Option<String> {
    let pairs = search.split('&').map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let number = value.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let Some(number) = number else { return (!value.contains('{')).then(|| plain(pair)) };
        let other = drafts.get(Handle(number.parse().ok()?))?;
        let Identity::Identifiers(identifiers) = &other.identity else { return None };
        let values = among(identifiers)?;
        let chain = if name.contains(':') { name.to_string() } else { format!("{name}:{}", other.resource_type()) };
        Some(format!("{chain}.identifier={values}"))
    });
    pairs.collect::<Option<Vec<String>>>().map(|pairs| pairs.join("&"))
}

/// Returns a pair of a search as it may stand in a URI.
fn plain(pair: &str) -> String {
    pair.replace('|', "%7C")
}

/// R4 instant: a full date, a time to the second and an offset.
fn is_instant(time: &str) -> bool {
    let bytes = time.as_bytes();
    bytes.get(10) == Some(&b'T') && bytes.get(16) == Some(&b':') && time.parse::<jiff::Timestamp>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hl7v2::event;
    use crate::hl7v2::problem::{Code, Place};

    fn conversion(drafts: Drafts) -> Conversion {
        Conversion {
            event: event::ALL[0],
            drafts,
            merges: Vec::new(),
            time: None,
            warnings: Vec::new(),
            hindrances: Vec::new(),
            names_nobody: false,
        }
    }

    fn draft(name: &str, identity: Identity, update: Update) -> Draft {
        Draft { identity, update, ..Draft::new(name, Place::segment("PID", 1)) }
    }

    fn identifiers(value: &str) -> Identity {
        Identity::Identifiers(vec![Identifier { system: "urn:oid:1.2".into(), value: value.into() }])
    }

    fn world() -> Conversion {
        let mut drafts = Drafts::default();
        let patient = drafts.add(draft("Patient", identifiers("a b"), Update::Merge));
        let ward = drafts.add(draft("Location", identifiers("w"), Update::Keep));
        let search = format!("patient={{{}}}&code=http://loinc.org|1-8", patient.0);
        let mut allergy = draft("AllergyIntolerance", Identity::Search(search), Update::Merge);
        allergy.set("patient", patient.reference()).set("onsetString", Value::Null);
        allergy.push("note", json!({"authorReference": ward.reference(), "text": "urn:x-draft:0"}));
        drafts.add(allergy);
        drafts.add(draft("Provenance", Identity::New, Update::Merge));
        conversion(drafts)
    }

    #[test]
    fn entries_are_requested_under_the_condition_that_recognizes_them() {
        let bundle = bundle(&world(), "https://here.example");
        let requests: Vec<String> = bundle["entry"].as_array().unwrap().iter().map(told).collect();
        assert_eq!(
            requests,
            [
                "PUT Patient?identifier=urn:oid:1.2%7Ca%20b",
                "POST Location if none identifier=urn:oid:1.2%7Cw",
                "PUT AllergyIntolerance?patient:Patient.identifier=urn:oid:1.2%7Ca%20b&code=http://loinc.org%7C1-8",
                "POST Provenance",
            ]
        );
    }

    fn told(entry: &Value) -> String {
        let request = &entry["request"];
        let condition = request["ifNoneExist"].as_str().map(|it| format!(" if none {it}")).unwrap_or_default();
        format!("{} {}{condition}", request["method"].as_str().unwrap(), request["url"].as_str().unwrap())
    }

    #[test]
    fn references_lead_to_the_entries_and_text_stays() {
        let bundle = bundle(&world(), "https://here.example");
        let url = |n: usize| bundle["entry"][n]["fullUrl"].clone();
        let allergy = &bundle["entry"][2]["resource"];
        assert_eq!(allergy["patient"]["reference"], url(0));
        assert_eq!(allergy["note"][0]["authorReference"]["reference"], url(1));
        assert_eq!(allergy["note"][0]["text"], "urn:x-draft:0");
        assert!(allergy.get("onsetString").is_none());
        assert!(url(0).as_str().unwrap().starts_with("urn:uuid:") && url(0) != url(1));
    }

    #[test]
    fn the_same_message_gives_the_same_bundle() {
        assert_eq!(bundle(&world(), "https://here.example"), bundle(&world(), "https://here.example"));
    }

    #[test]
    fn who_turned_out_to_be_one_is_linked() {
        let mut drafts = Drafts::default();
        let loser = drafts.add(draft("Patient", identifiers("1"), Update::Merge));
        let survivor = drafts.add(draft("Patient", identifiers("2"), Update::Merge));
        let bundle =
            bundle(&Conversion { merges: vec![(loser, survivor)], ..conversion(drafts) }, "https://here.example");
        let (first, second) = (&bundle["entry"][0], &bundle["entry"][1]);
        assert_eq!(first["resource"]["active"], false);
        assert_eq!(
            first["resource"]["link"],
            json!([{"other": {"reference": second["fullUrl"]}, "type": "replaced-by"}])
        );
        assert_eq!(second["resource"]["link"], json!([{"other": {"reference": first["fullUrl"]}, "type": "replaces"}]));
        assert!(second["resource"].get("active").is_none());
    }

    #[test]
    fn warnings_and_the_time_are_told() {
        let warning = Problem::warning(Code::TableValue, Place::segment("PID", 1).field(8), "no such code");
        let time = Some("2026-01-02T03:04:05+01:00".to_string());
        let conversion = Conversion { warnings: vec![warning], time, ..conversion(Drafts::default()) };
        let bundle = bundle(&conversion, "https://here.example");
        assert_eq!(bundle["meta"]["extension"][0]["valueString"], "PID-8: no such code");
        assert_eq!(bundle["timestamp"], "2026-01-02T03:04:05+01:00");
        assert!(bundle.get("entry").is_none());
        for (time, expected) in
            [("2026-01-02", false), ("2026-01-02T03:04+01:00", false), ("2026-01-02T03:04:05Z", true)]
        {
            assert_eq!(is_instant(time), expected, "{time}");
        }
    }
}
