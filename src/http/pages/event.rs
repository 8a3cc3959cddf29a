//! AuditEvents in words, for those who watch over privacy.
//!
//! R4 <https://hl7.org/fhir/R4/auditevent.html>. Pure.

use super::names::{Names, moment};
use super::told;
use crate::audit::event::MANY;
use crate::page::audit::EventLine;
use serde_json::Value;

/// What subtypes say, in words; the first that an event carries counts.
const DEEDS: &[(&str, &str)] = &[
    ("110127", "opened a record in an emergency"),
    ("110138", "ended the emergency access to a record"),
    ("emergency-view", "saw the emergency card"),
    ("break-glass-review", "reviewed an emergency access"),
    ("verify-chain", "checked the chain of the audit"),
    ("everything", "read a whole record"),
    ("consent-request", "asked for consent"),
    ("consent-grant", "gave consent"),
    ("consent-deny", "refused a request for consent"),
    ("consent-revoke", "took consent back"),
    ("consent-expire", "ended a consent that was over"),
    ("message-read", "looked into a message that was not taken over"),
    ("message-replay", "had a message tried again"),
    ("message-correct", "corrected a message"),
    ("message-dismiss", "put a message aside"),
    ("feed", "changed a feed"),
    ("access-log", "looked at the access log"),
    ("110122", "signed in"),
    ("110123", "signed out"),
    ("ITI-71", "was given a token"),
    ("read", "read"),
    ("vread", "read an earlier version of"),
    ("history-instance", "read the versions of"),
    ("history-type", "read the versions of"),
    ("history-system", "read the versions of everything"),
    ("search-type", "searched"),
    ("search-system", "searched everything"),
    ("search", "searched the record of a patient for"),
    ("create", "added"),
    ("update", "changed"),
    ("patch", "changed"),
    ("delete", "deleted"),
    ("capabilities", "asked what the server can do"),
    ("transaction", "sent several requests at once"),
    ("batch", "sent several requests at once"),
];

/// What only those who watch over privacy look at, in words.
const THINGS: &[(&str, &str)] = &[("AuditEvent", "the audit"), ("Task", "tasks")];
/// How a refused try to break the glass is told.
const TRIED: &str = "tried to open a record in an emergency";

/// Returns the references whose names an event wants.
pub fn people(event: &Value) -> Vec<String> {
    let agents = event["agent"].as_array().into_iter().flatten();
    let agents = agents.filter(|agent| agent["requestor"] == true);
    let who = agents.filter_map(|agent| agent["who"]["reference"].as_str().map(str::to_string));
    who.chain(patient(event).map(|id| format!("Patient/{id}"))).collect()
}

/// Returns the ids of accounts that stand for a person whose record is not known.
pub fn accounts(event: &Value) -> Option<&str> {
    let agents = event["agent"].as_array()?;
    let agent = agents.iter().find(|agent| agent["requestor"] == true && agent["who"]["reference"].is_null())?;
    agent["who"]["identifier"]["value"].as_str()
}

/// Returns the id of the patient whose record an event is about.
pub fn patient(event: &Value) -> Option<&str> {
    let mut entities = event["entity"].as_array()?.iter();
    let entity = entities.find(|entity| entity["role"]["code"] == "1")?;
    entity["what"]["reference"].as_str()?.strip_prefix("Patient/")
}

/// Returns the place of an event in the chain; none where the chain has not come to it.
pub fn sequence(event: &Value) -> Option<i64> {
    let mut extensions = event["extension"].as_array()?.iter();
    let url = |extension: &&Value| extension["url"].as_str().is_some_and(|url| url.ends_with("/audit-sequence"));
    extensions.find(url)?["valueString"].as_str()?.parse().ok()
}

/// Returns the reason that was given for breaking the glass.
pub fn reason(event: &Value) -> Option<String> {
    let entities = event["entity"].as_array()?.iter();
    let mut details = entities.filter_map(|entity| entity["detail"].as_array()).flatten();
    let text = details.find(|detail| detail["type"] == "reason")?["valueString"].as_str()?;
    Some(text.trim().to_string()).filter(|text| !text.is_empty())
}

/// Returns whether an event was refused.
pub fn is_refusal(event: &Value) -> bool {
    matches!(event["outcome"].as_str(), Some("4" | "8" | "12"))
}

/// Returns an event in words; `account` is the name of the account that stands for the person, where only that is known.
pub fn line(event: &Value, names: &Names, account: Option<&str>) -> EventLine {
    let codes: Vec<&str> = subtypes(event).collect();
    let purposes = event["purposeOfEvent"].as_array().into_iter().flatten();
    let purposes: Vec<&str> = purposes.filter_map(|purpose| purpose["coding"][0]["code"].as_str()).collect();
    let is_emergency = codes.contains(&"110127") || codes.contains(&"emergency-view") || purposes.contains(&"BTG");
    let why = purposes.last().and_then(|code| told::purpose(code)).map(|words| words.replace(" you", " the patient"));
    let patient = patient(event).map(|id| match names.known(&format!("Patient/{id}")) {
        Some(name) => name,
        None => format!("patient {id}"),
    });
    let agents = event["agent"].as_array().into_iter().flatten();
    let address = agents.filter_map(|agent| agent["network"]["address"].as_str()).next();
    EventLine {
        id: told::id(event),
        when: event["recorded"].as_str().map(moment).unwrap_or_default(),
        who: who(event, names, account),
        what: what(event, &codes),
        patient,
        why,
        detail: event["outcomeDesc"].as_str().map(|text| text.chars().take(300).collect()),
        address: address.map(str::to_string),
        is_emergency,
        is_refusal: is_refusal(event),
    }
}

fn subtypes(event: &Value) -> impl Iterator<Item = &str> {
    event["subtype"].as_array().into_iter().flatten().filter_map(|coding| coding["code"].as_str())
}

fn who(event: &Value, names: &Names, account: Option<&str>) -> String {
    let agent = event["agent"].as_array().into_iter().flatten().find(|agent| agent["requestor"] == true);
    let Some(agent) = agent else { return "Somebody".into() };
    let who = &agent["who"];
    if let Some(reference) = who["reference"].as_str() {
        return capital(&names.tell(reference));
    }
    if let Some(name) = account {
        return name.to_string();
    }
    match (who["display"].as_str(), who["identifier"]["value"].as_str()) {
        (Some(display), _) => capital(display),
        (None, Some("anonymous")) => "Somebody who did not sign in".into(),
        (None, Some(value)) => value.to_string(),
        (None, None) => "Somebody".into(),
    }
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn what(event: &Value, codes: &[&str]) -> String {
    if codes.contains(&"110127") && is_refusal(event) {
        return TRIED.into();
    }
    let deed = DEEDS.iter().find(|(code, _)| codes.contains(code));
    let things = things(event);
    match deed {
        Some((code, words)) if code.starts_with(|c: char| c.is_ascii_digit()) || code.contains("consent") => {
            (*words).into()
        }
        Some((_, words)) => match things {
            Some(things) => format!("{words} {things}"),
            None => (*words).into(),
        },
        None => {
            // The last subtype says most: it is this server's own name of an operation.
            let told = [&event["type"]].into_iter().chain(event["subtype"].as_array().into_iter().flatten());
            let told = told.filter_map(|coding| coding["display"].as_str().or(coding["code"].as_str())).next_back();
            let things = things.map(|things| format!(" ({things})")).unwrap_or_default();
            told.map_or_else(|| "did something".into(), |told| format!("did: {}{things}", told.replace('-', " ")))
        }
    }
}

/// Returns what kind of records an event is about.
fn things(event: &Value) -> Option<String> {
    let entities = event["entity"].as_array()?;
    let data = entities.iter().find(|entity| entity["role"]["code"] == "4");
    let of_data = data.and_then(|entity| entity["what"]["reference"].as_str()?.split('/').next());
    let query = entities.iter().find(|entity| entity["role"]["code"] == "24");
    let of_query = query.and_then(|entity| entity["description"].as_str()?.split(['?', '/']).next());
    if query.is_some_and(|query| query["description"] == MANY) {
        return Some("several patients at once".into());
    }
    let kind = of_data.or(of_query)?;
    let own = THINGS.iter().find(|(known, _)| *known == kind).map(|(_, words)| words.to_string());
    own.or_else(|| told::kind(kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event() -> Value {
        json!({
            "resourceType": "AuditEvent", "id": "7", "recorded": "2026-03-05T07:08:09Z", "outcome": "0",
            "extension": [{"url": "http://h.example/StructureDefinition/audit-sequence", "valueString": "41"}],
            "subtype": [{"code": "read"}],
            "purposeOfEvent": [{"coding": [{"code": "TREAT"}]}],
            "agent": [
                {"who": {"reference": "Practitioner/1"}, "requestor": true},
                {"who": {"display": "a client that gave no name"}, "requestor": false, "network": {"address": "10.0.0.1"}},
            ],
            "entity": [
                {"what": {"reference": "AllergyIntolerance/5/_history/1"}, "role": {"code": "4"}},
                {"what": {"reference": "Patient/ann"}, "role": {"code": "1"}},
            ],
        })
    }

    #[test]
    fn an_event_is_told_in_words() {
        let names = Names::told(&[("Practitioner/1", "Dr. Mei Lin")]);
        let line = line(&event(), &names, None);
        assert_eq!((line.who.as_str(), line.what.as_str()), ("Dr. Mei Lin", "read allergies"));
        assert_eq!(line.patient.as_deref(), Some("patient ann"));
        assert_eq!((line.why.as_deref(), line.address.as_deref()), (Some("To treat the patient"), Some("10.0.0.1")));
        assert_eq!((line.is_emergency, line.is_refusal, sequence(&event())), (false, false, Some(41)));
    }

    #[test]
    fn what_an_operation_wrote_is_told_by_its_name() {
        let mut event = event();
        event["type"] = json!({"code": "rest", "display": "Restful Operation"});
        event["subtype"] = json!([{"code": "operation", "display": "operation"}, {"code": "issue-health-id"}]);
        assert_eq!(line(&event, &Names::default(), None).what, "did: issue health id (allergies)");
    }

    #[test]
    fn emergencies_and_refusals_are_marked() {
        let mut event = event();
        event["subtype"] = json!([{"code": "110127"}]);
        event["outcome"] = "8".into();
        let line = line(&event, &Names::default(), None);
        assert!(line.is_emergency && line.is_refusal);
        assert_eq!(line.what, "tried to open a record in an emergency");
    }

    #[test]
    fn every_event_is_told_in_words() {
        let query = |text: &str| json!([{"role": {"code": "24"}, "description": text}]);
        let rest = json!({"code": "rest", "display": "Restful Operation"});
        for (subtypes, entities, told) in [
            (json!(["110127"]), json!([]), "opened a record in an emergency"),
            (json!(["operation", "verify-chain"]), json!([]), "checked the chain of the audit"),
            (json!(["operation", "health-id-qr"]), json!([]), "did: health id qr"),
            (json!([]), json!([]), "did: Restful Operation"),
            (json!(["search-type"]), query("AuditEvent?date=ge2026"), "searched the audit"),
            (json!(["search-type"]), query("Task?code=x"), "searched tasks"),
            (json!(["search-type"]), query(MANY), "searched several patients at once"),
        ] {
            let mut event = event();
            let subtypes: Vec<Value> = subtypes.as_array().unwrap().iter().map(|code| json!({"code": code})).collect();
            (event["type"], event["subtype"], event["entity"]) = (rest.clone(), subtypes.into(), entities);
            assert_eq!(line(&event, &Names::default(), None).what, told);
        }
    }

    #[test]
    fn the_reason_is_told() {
        for (text, told) in [
            ("unconscious; reason=unknown", Some("unconscious; reason=unknown")),
            (" unconscious after a fall ", Some("unconscious after a fall")),
            ("", None),
        ] {
            let event =
                json!({"entity": [{"role": {"code": "1"}, "detail": [{"type": "reason", "valueString": text}]}]});
            assert_eq!(reason(&event).as_deref(), told);
        }
        assert_eq!(reason(&json!({})), None);
    }
}
