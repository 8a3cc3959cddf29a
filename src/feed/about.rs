//! Whom a message is about, for the audit of those who look into it: also where it could not be taken over.

use crate::access::Principal;
use crate::fault::Fault;
use crate::fhir::{ResourceId, ResourceType};
use crate::hl7v2::draft::Identity;
use crate::hl7v2::rules::Rules;
use crate::hl7v2::{Message, charset, convert, settings};
use crate::rest::{Body, Conditions, Interaction, Prefer, Request};
use crate::service::Service;
use crate::store::audit::patient_key;
use crate::store::hl7::Kept;
use serde_json::Value;

/// Patients of one message that are looked for.
const PATIENTS_MAX: usize = 20;

/// Returns the keys, as the audit knows them, of the patients whom a message that is kept is about.
pub async fn keys(service: &Service, kept: &Kept) -> Result<Vec<i64>, Fault> {
    let Some(raw) = &kept.raw else { return Ok(Vec::new()) };
    let rules = rules(service, kept).await?;
    let text = charset::decode(raw, rules.charset.as_deref(), true).map(|decoded| decoded.text);
    // Of what is no message at all nobody knows whom it is about.
    let Ok(message) = text.and_then(Message::parse) else { return Ok(Vec::new()) };
    Ok(patients(service, &message, &rules).await?.iter().map(patient_key).collect())
}

/// Returns the rules of the feed of a message; the usual ones where it is of none, or its settings are wrong.
async fn rules(service: &Service, kept: &Kept) -> Result<Rules, Fault> {
    let base = &service.settings().canonical_base;
    let feed = match &kept.message.feed {
        Some(id) => service.store().hl7_feed(id).await?,
        None => None,
    };
    let rules = feed.and_then(|feed| settings::rules(&feed.settings, base).ok());
    Ok(rules.unwrap_or_else(|| Rules { canonical_base: base.clone(), ..Rules::default() }))
}

/// Returns the patients whose numbers a message carries, as far as they are known here.
async fn patients(service: &Service, message: &Message, rules: &Rules) -> Result<Vec<ResourceId>, Fault> {
    let tokens = identifiers(message, rules);
    if tokens.is_empty() {
        return Ok(Vec::new());
    }
    let request = Request {
        interaction: Interaction::SearchType(ResourceType::PATIENT),
        query: vec![
            ("identifier".into(), tokens.join(",")),
            ("_elements".into(), "id".into()),
            ("_count".into(), PATIENTS_MAX.to_string()),
        ],
        body: Body::None,
        conditions: Conditions::default(),
        prefer: Prefer::default(),
        id: uuid::Uuid::new_v4().to_string().into(),
        address: "".into(),
    };
    // Who the patients are is for the audit alone, whatever the person may see.
    let reply = service.perform(&Principal::Unrestricted, request).await?;
    let bundle: Value =
        serde_json::from_slice(&reply.body).map_err(|e| Fault::internal("a search answered no JSON", e))?;
    let entries = bundle["entry"].as_array().into_iter().flatten();
    Ok(entries.filter_map(|entry| ResourceId::parse(entry["resource"]["id"].as_str()?)).collect())
}

/// Returns the identifiers of its patients as a search asks for them. What else is in the message may be wrong: each PID is read
/// as if nothing else had been sent.
fn identifiers(message: &Message, rules: &Rules) -> Vec<String> {
    let mark = message.marks().field;
    let mut header: Vec<&str> = message.header().line().split(mark).collect();
    if header.len() < 9 {
        return Vec::new();
    }
    let event = "ADT^A31^ADT_A05".replace('^', &message.marks().component.to_string());
    header[8] = &event;
    let header = header.join(&mark.to_string());
    let people = message.segments().filter(|segment| segment.name == "PID").take(PATIENTS_MAX);
    let mut tokens: Vec<String> = Vec::new();
    for person in people {
        let Ok(alone) = Message::parse(format!("{header}\r{}", person.line())) else { continue };
        let Ok(conversion) = convert(&alone, rules) else { continue };
        for (_, draft) in conversion.drafts.of_type("Patient") {
            if let Identity::Identifiers(identifiers) = &draft.identity {
                tokens.extend(identifiers.iter().map(|one| format!("{}|{}", plain(&one.system), plain(&one.value))));
            }
        }
    }
    tokens
}

/// R4 3.1.1.4.1.1: what means something in the value of a search.
fn plain(text: &str) -> String {
    text.replace('\\', "\\\\").replace(',', "\\,").replace('|', "\\|").replace('$', "\\$")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_a_broken_message_is_about_is_read_from_its_pid() {
        let read = |text: &str| identifiers(&Message::parse(text).unwrap(), &Rules::default());
        let own = read("MSH|^~\\&|LAB|H|||20260101||ORU^R01|1|P|2.5\rPID|||42^^^1.2.3&1.2.3&ISO||A^B\rOBX|x|??");
        assert!(own.len() == 1 && own[0].ends_with("|42"), "{own:?}");
        assert_eq!(read("MSH|^~\\&|LAB|H|||20260101||ORU^R01|1|P|2.5\rOBX|1"), [""; 0]);
        assert_eq!(read("MSH|^~\\&"), [""; 0]);
    }
}
