//! Consents, requests and notices in plain words.
//!
//! R4 <https://hl7.org/fhir/R4/consent.html>. Pure: from the resource and the names of whom it refers to, to what a page shows.

use super::names::{Names, last, moment};
use crate::access::scope::Scope;
use crate::fhir::Instant;
use crate::oauth::wording;
use crate::page::patient::{Emergency, Notice, Share};
use serde_json::Value;

/// The `code` of the tag of a Consent that stands for broken glass.
pub const BREAK_GLASS: &str = "break-glass";
/// How the URL of the extension ends that names the data classes of a Consent.
const DATA_CLASS: &str = "/StructureDefinition/consent-data-class";
/// Provisions within provisions that are looked at.
const DEPTH_MAX: usize = 8;

/// Why somebody wants to see data: codes of v3-ActReason that people meet, in words.
const PURPOSES: &[(&str, &str)] = &[
    ("TREAT", "To treat you"),
    ("ETREAT", "To treat you in an emergency"),
    ("BTG", "In an emergency, without being allowed before"),
    ("ERTREAT", "To treat you in the emergency room"),
    ("CAREMGT", "To plan your care"),
    ("HPAYMT", "To settle bills"),
    ("COVERAGE", "To check your insurance"),
    ("HOPERAT", "To run the hospital or practice"),
    ("HRESCH", "For research"),
    ("CLINTRCH", "For a clinical study"),
    ("PATRQT", "Because the patient asked"),
    ("FAMRQT", "Because the family asked"),
    ("PUBHLTH", "For public health"),
    ("HCOMPL", "To check that rules are kept"),
];

/// Returns what a code of a purpose says; none for one that is not known.
pub fn purpose(code: &str) -> Option<&'static str> {
    PURPOSES.iter().find(|(known, _)| *known == code).map(|(_, words)| *words)
}

/// Returns the id of a resource.
pub fn id(resource: &Value) -> String {
    resource["id"].as_str().unwrap_or("").to_string()
}

/// Returns the number of the version of a resource.
pub fn version(resource: &Value) -> i32 {
    resource["meta"]["versionId"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Returns whether a Consent says that somebody broke the glass.
pub fn is_break_glass(consent: &Value) -> bool {
    consent["meta"]["tag"].as_array().into_iter().flatten().any(|tag| tag["code"] == BREAK_GLASS)
}

/// Returns whether the person it is about, or who speaks for them, has agreed to a Consent: one that staff made says less.
pub fn status(consent: &Value) -> &str {
    consent["status"].as_str().unwrap_or("")
}

/// Returns whom a Consent is about as recipients; nobody stands for everybody.
pub fn actors(consent: &Value) -> Vec<String> {
    let mut found = Vec::new();
    each_provision(&consent["provision"], 0, &mut |provision| {
        for actor in provision["actor"].as_array().into_iter().flatten() {
            let is_custodian = actor["role"]["coding"][0]["code"] == "CST";
            if let Some(reference) = actor["reference"]["reference"].as_str().filter(|_| !is_custodian)
                && !found.iter().any(|known| known == reference)
            {
                found.push(reference.to_string());
            }
        }
    });
    found
}

fn each_provision<'a>(provision: &'a Value, depth: usize, visit: &mut dyn FnMut(&'a Value)) {
    if provision.is_null() || depth > DEPTH_MAX {
        return;
    }
    visit(provision);
    for inner in provision["provision"].as_array().into_iter().flatten() {
        each_provision(inner, depth + 1, visit);
    }
}

/// Returns the codes of the data classes that a Consent names by our extension.
pub fn class_codes(consent: &Value) -> Vec<String> {
    let mut codes = Vec::new();
    let mut take = |holder: &Value| {
        for extension in holder["extension"].as_array().into_iter().flatten() {
            let is_ours = extension["url"].as_str().is_some_and(|url| url.ends_with(DATA_CLASS));
            let code = extension["valueCode"].as_str().or(extension["valueCoding"]["code"].as_str());
            codes.extend(code.filter(|_| is_ours).map(str::to_string));
        }
    };
    take(consent);
    each_provision(&consent["provision"], 0, &mut |provision| take(provision));
    let mut seen = std::collections::HashSet::new();
    codes.retain(|code| seen.insert(code.clone()));
    codes
}

/// Returns the kinds of data that a Consent is about, in words.
pub fn what(consent: &Value) -> Vec<String> {
    let codes = class_codes(consent);
    let mut words: Vec<String> = codes.iter().filter_map(|code| super::classes::words(code)).collect();
    if words.is_empty() {
        let mut is_narrowed = false;
        each_provision(&consent["provision"], 0, &mut |provision| {
            for class in provision["class"].as_array().into_iter().flatten() {
                words.extend(class["code"].as_str().and_then(kind));
            }
            for code in provision["code"].as_array().into_iter().flatten() {
                words.extend(super::names::concept(code));
            }
            is_narrowed |= ["data", "dataPeriod", "securityLabel"].iter().any(|name| !provision[*name].is_null());
        });
        if words.is_empty() {
            words.push(if is_narrowed { "a part of the record" } else { "everything in the record" }.into());
        }
    }
    let mut seen = std::collections::HashSet::new();
    words.retain(|one| seen.insert(one.clone()));
    words
}

/// Returns the words for a resource type: `allergies`.
pub fn kind(name: &str) -> Option<String> {
    let known = wording::KINDS.iter().find(|(known, ..)| *known == name).map(|(_, words, _)| words.to_string());
    known.or_else(|| Scope::parse(&format!("user/{name}.rs")).map(|_| spaced(name)))
}

/// Returns the name of a type as words: `Clinical impression`.
fn spaced(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

/// Returns why a Consent allows or refuses.
pub fn why(consent: &Value) -> String {
    let mut words = Vec::new();
    each_provision(&consent["provision"], 0, &mut |provision| {
        for coding in provision["purpose"].as_array().into_iter().flatten() {
            let known = coding["code"].as_str().and_then(purpose);
            let told = known.map(str::to_string).or_else(|| coding["display"].as_str().map(str::to_string));
            words.extend(told.filter(|told| !words.contains(told)));
        }
    });
    words.join(", ")
}

/// Returns when a Consent ends, where it says so.
pub fn end(consent: &Value) -> Option<Instant> {
    consent["provision"]["period"]["end"].as_str().and_then(instant)
}

/// Returns the moment of a date or time.
pub fn instant(text: &str) -> Option<Instant> {
    Instant::parse(text).or_else(|| Instant::parse(&format!("{text}T00:00:00Z")))
}

/// Returns whether a Consent allows what it is about: R4's `provision.type`, or what `policyRule` makes of it.
pub fn is_permit(consent: &Value) -> bool {
    match consent["provision"]["type"].as_str() {
        Some("deny") => nested_permit(&consent["provision"]),
        Some(_) => true,
        None => consent["policyRule"]["coding"][0]["code"] != "OPTIN",
    }
}

/// Returns whether exceptions are all that a refusal is for: it then tells what alone is allowed.
fn nested_permit(provision: &Value) -> bool {
    provision["provision"].as_array().into_iter().flatten().any(|inner| inner["type"] == "permit")
}

/// Returns the names of whom a Consent is about.
pub fn who(consent: &Value, names: &Names) -> String {
    let who: Vec<String> = actors(consent).iter().map(|reference| names.tell(reference)).collect();
    if who.is_empty() { "Everybody".into() } else { who.join(", ") }
}

/// Returns what a Consent says, in words.
pub fn share(consent: &Value, names: &Names) -> Share {
    let time = |text: &Value| text.as_str().map(moment).unwrap_or_default();
    let began = &consent["provision"]["period"]["start"];
    Share {
        id: id(consent),
        who: who(consent, names),
        is_permit: is_permit(consent),
        what: what(consent),
        why: why(consent),
        since: time(if began.is_null() { &consent["dateTime"] } else { began }),
        until: consent["provision"]["period"]["end"].as_str().map(last).unwrap_or_default(),
    }
}

/// Returns a Consent of broken glass as patients see it; `grant` names what they may end.
pub fn emergency(consent: &Value, names: &Names, now: Instant) -> Emergency {
    let told = share(consent, names);
    let is_open = status(consent) == "active" && end(consent).is_none_or(|end| end > now);
    Emergency { who: told.who, began: told.since, until: told.until, grant: is_open.then(|| grant(consent)) }
}

/// Returns what names the grant that a Consent of broken glass stands for.
pub fn grant(consent: &Value) -> String {
    let identifiers = consent["identifier"].as_array().into_iter().flatten();
    let own = identifiers.filter_map(|one| one["value"].as_str()).next();
    own.map_or_else(|| id(consent), str::to_string)
}

/// Returns a Communication as an inbox shows it; `leads` are the pages of its reader by the code of the notice.
pub fn notice(communication: &Value, leads: &[(&str, &'static str, &'static str)]) -> Notice {
    let code = communication["topic"]["coding"][0]["code"].as_str().unwrap_or("");
    let parts = communication["payload"].as_array().into_iter().flatten();
    let text: Vec<&str> = parts.filter_map(|part| part["contentString"].as_str()).collect();
    let lead = leads.iter().find(|(begins, ..)| code.starts_with(begins));
    Notice {
        text: if text.is_empty() { "A message without words".into() } else { text.join(" ") },
        at: communication["sent"].as_str().map(moment).unwrap_or_default(),
        is_urgent: matches!(communication["priority"].as_str(), Some("urgent" | "stat" | "asap")),
        link: lead.map(|(_, to, words)| (*to, *words)),
    }
}
