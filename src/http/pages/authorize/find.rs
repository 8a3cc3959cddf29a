//! What the picker and the consent page know of patients and visits: asked as the person who is signed in, so that access
//! policy decides and the audit knows.

use crate::access::Principal;
use crate::access::principal::Token;
use crate::access::scope::Scope;
use crate::account::Session;
use crate::fault::{Fault, Kind};
use crate::fhir::reference::Literal;
use crate::fhir::{ResourceId, ResourceType};
use crate::http::{adapt, peer};
use crate::page::picker::Row;
use crate::rest::{Body, Conditions, Interaction, Prefer, Request, query};
use crate::service::Service;
use actix_web::HttpRequest;
use serde_json::Value;
use std::sync::Arc;

/// Patients on one page.
const PATIENTS: &str = "10";
/// Visits to choose from: one that is longer ago is hardly what an app is opened for.
const VISITS: &str = "20";

/// Rows to choose from, and where the next ones begin.
pub type Found = (Vec<Row>, Option<String>);

/// The request of a browser that something is asked for.
pub struct Origin {
    request: Box<str>,
    address: Box<str>,
}

impl Origin {
    pub fn of(http: &HttpRequest) -> Origin {
        Origin { request: adapt::request_id(http), address: peer::address(http).into() }
    }
}

/// Who asks, and for which request of a browser.
pub struct Asker {
    principal: Principal,
    origin: Origin,
    /// The one patient who needs no choosing: the person, or whom they are related to.
    pub own: Option<ResourceId>,
}

impl Asker {
    pub async fn new(service: &Service, session: &Session, origin: Origin) -> Result<Asker, Fault> {
        let own = match &session.account.fhir_user {
            Some((t, id)) if *t == ResourceType::PATIENT => Some(id.clone()),
            Some((t, id)) if t.name() == "RelatedPerson" => related_to(service, session, &origin, *t, id).await?,
            _ => None,
        };
        let principal = Principal::Token(Arc::new(Token {
            subject: session.account.id.to_string(),
            scopes: Scope::parse("user/*.rs").into_iter().collect(),
            patient: own.clone(),
            person: Some(session.person()),
            ..Token::default()
        }));
        Ok(Asker { principal, origin, own })
    }

    async fn ask(
        &self,
        service: &Service,
        interaction: Interaction,
        query: Vec<(String, String)>,
    ) -> Result<Value, Fault> {
        ask(service, &self.principal, &self.origin, interaction, query).await
    }

    /// Returns a resource; none where it is not there or not for this person to see.
    pub async fn read(&self, service: &Service, t: ResourceType, id: &str) -> Result<Option<Value>, Fault> {
        let Some(id) = ResourceId::parse(id) else { return Ok(None) };
        seen(self.ask(service, Interaction::Read(t, id), Vec::new()).await)
    }
}

async fn ask(
    service: &Service,
    principal: &Principal,
    origin: &Origin,
    interaction: Interaction,
    query: Vec<(String, String)>,
) -> Result<Value, Fault> {
    let (conditions, prefer) = (Conditions::default(), Prefer::default());
    let request = Request {
        interaction,
        query,
        body: Body::None,
        conditions,
        prefer,
        id: origin.request.clone(),
        address: origin.address.clone(),
    };
    let reply = service.perform(principal, request).await?;
    serde_json::from_slice(&reply.body).map_err(|e| Fault::internal("an answer of ours is not JSON", e))
}

fn seen(found: Result<Value, Fault>) -> Result<Option<Value>, Fault> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(fault) if matches!(fault.kind(), Kind::NotFound | Kind::Deleted | Kind::Forbidden) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Returns the patient of a RelatedPerson. Which one an account is linked to was decided when it was made, so this one
/// resource is read without asking what the person may see: that follows from it.
async fn related_to(
    service: &Service,
    session: &Session,
    origin: &Origin,
    t: ResourceType,
    id: &ResourceId,
) -> Result<Option<ResourceId>, Fault> {
    let scopes = Scope::parse(&format!("system/{t}.r")).into_iter().collect();
    let subject = session.account.id.to_string();
    let principal = Principal::Token(Arc::new(Token { subject, scopes, ..Token::default() }));
    let found = seen(ask(service, &principal, origin, Interaction::Read(t, id.clone()), Vec::new()).await)?;
    let patient = found.as_ref().and_then(|found| found["patient"]["reference"].as_str());
    let patient = patient.and_then(|reference| local(service, reference, ResourceType::PATIENT));
    Ok(patient.as_deref().and_then(ResourceId::parse))
}

/// Returns the id of a reference to a resource of ours.
pub fn local(service: &Service, reference: &str, t: ResourceType) -> Option<String> {
    let literal = Literal::parse(reference)?;
    let is_here = literal.base.is_empty() || literal.base == service.settings().base_url;
    (is_here && literal.resource_type == t).then(|| literal.id.to_string())
}

/// Returns the patients that a search finds.
pub async fn patients(service: &Service, asker: &Asker, words: &str, after: Option<&str>) -> Result<Found, Fault> {
    let mut query = patient_query(words);
    // Who was merged into another Patient is found there.
    query.push(("active:not".into(), "false".into()));
    query.push(("_count".into(), PATIENTS.into()));
    query.extend(after.map(|after| ("_cursor".to_string(), after.to_string())));
    let bundle = asker.ask(service, Interaction::SearchType(ResourceType::PATIENT), query).await?;
    Ok((rows(&bundle, |patient| (person_name(patient), person_detail(patient))), next(&bundle)))
}

/// Returns the search for what a person typed: dates are birth dates, words with digits are numbers, others are names.
fn patient_query(words: &str) -> Vec<(String, String)> {
    let is_date = |word: &str| {
        let parts: Vec<&str> = word.split('-').collect();
        parts.len() == 3 && parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_digit())) && parts[0].len() == 4
    };
    let param = |word: &str| {
        let name = match word {
            word if is_date(word) => "birthdate",
            word if word.bytes().any(|b| b.is_ascii_digit()) => "identifier",
            _ => "name",
        };
        // R4 3.1.1.4: these stand for themselves when escaped.
        let value = word.replace('\\', "\\\\").replace(',', "\\,").replace('$', "\\$");
        (name.to_string(), value)
    };
    words.split_whitespace().take(8).map(param).collect()
}

/// Returns the visits of a patient, the newest first.
pub async fn visits(service: &Service, asker: &Asker, patient: &str) -> Result<Vec<Row>, Fault> {
    let pairs = [("patient", patient), ("_sort", "-date"), ("_count", VISITS)];
    let query = pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let bundle = asker.ask(service, Interaction::SearchType(ResourceType::ENCOUNTER), query).await?;
    Ok(rows(&bundle, |visit| (visit_name(visit), visit_detail(visit))))
}

fn rows(bundle: &Value, words: impl Fn(&Value) -> (String, String)) -> Vec<Row> {
    let entries = bundle["entry"].as_array().into_iter().flatten();
    let found = entries.filter(|entry| entry["search"]["mode"] == "match").map(|entry| &entry["resource"]);
    let row = |resource: &Value| {
        let (title, detail) = words(resource);
        Some(Row { value: resource["id"].as_str()?.to_string(), title, detail })
    };
    found.filter_map(row).collect()
}

fn next(bundle: &Value) -> Option<String> {
    let mut links = bundle["link"].as_array()?.iter();
    let url = links.find(|link| link["relation"] == "next")?["url"].as_str()?;
    let pairs = query::parse(url.split_once('?')?.1).ok()?;
    pairs.into_iter().find(|(name, _)| name == "_cursor").map(|(_, value)| value)
}

/// Returns the name of a person, as it is used.
pub fn person_name(person: &Value) -> String {
    let names: Vec<&Value> = person["name"].as_array().into_iter().flatten().collect();
    let of_use = |use_: &str| names.iter().find(|name| name["use"] == use_);
    let Some(name) = of_use("usual").or_else(|| of_use("official")).or_else(|| names.first()) else {
        return "A person without a name".into();
    };
    if let Some(text) = name["text"].as_str() {
        return text.to_string();
    }
    let given = name["given"].as_array().into_iter().flatten().filter_map(Value::as_str);
    given.chain(name["family"].as_str()).collect::<Vec<_>>().join(" ")
}

/// Returns what tells two people of one name apart.
pub fn person_detail(person: &Value) -> String {
    let born = person["birthDate"].as_str().map(|date| format!("born {date}"));
    let gender = person["gender"].as_str().filter(|gender| matches!(*gender, "female" | "male" | "other"));
    let city = person["address"][0]["city"].as_str();
    let told: Vec<String> = born.into_iter().chain([gender, city].into_iter().flatten().map(str::to_string)).collect();
    told.join(", ")
}

/// Returns when and what a visit was.
pub fn visit_name(visit: &Value) -> String {
    let text = |value: &Value| value["text"].as_str().or(value["coding"][0]["display"].as_str()).map(str::to_string);
    let day = visit["period"]["start"].as_str().and_then(|start| start.get(..10)).unwrap_or("A visit without a date");
    let kind = text(&visit["type"][0]).or_else(|| visit["class"]["display"].as_str().map(str::to_string));
    kind.map_or_else(|| day.to_string(), |kind| format!("{day}: {kind}"))
}

fn visit_detail(visit: &Value) -> String {
    let status = visit["status"].as_str().unwrap_or("").replace('-', " ");
    let place = visit["serviceProvider"]["display"].as_str().or(visit["location"][0]["location"]["display"].as_str());
    [Some(status.as_str()), place].into_iter().flatten().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_typed_becomes_a_search() {
        for (words, want) in [
            ("Miller", "name=Miller"),
            (" Ann  Miller 1970-01-31 ", "name=Ann name=Miller birthdate=1970-01-31"),
            ("A-1234", "identifier=A-1234"),
            ("http://h.example/mrn|77", "identifier=http://h.example/mrn|77"),
            ("Miller,Ann", "name=Miller\\,Ann"),
            ("", ""),
        ] {
            let pairs: Vec<String> = patient_query(words).iter().map(|(n, v)| format!("{n}={v}")).collect();
            assert_eq!(pairs.join(" "), want);
        }
    }

    #[test]
    fn people_and_visits_are_told_in_words() {
        let person = json!({
            "name": [{"family": "Old", "use": "old"}, {"given": ["Ann", "B."], "family": "Miller", "use": "official"}],
            "birthDate": "1970-01-31", "gender": "unknown", "address": [{"city": "Berne"}],
        });
        assert_eq!(
            (person_name(&person).as_str(), person_detail(&person).as_str()),
            ("Ann B. Miller", "born 1970-01-31, Berne")
        );
        assert_eq!(person_name(&json!({})), "A person without a name");
        let visit = json!({"period": {"start": "2026-01-02T10:00:00Z"}, "type": [{"text": "Check-up"}], "status": "in-progress"});
        assert_eq!(
            (visit_name(&visit).as_str(), visit_detail(&visit).as_str()),
            ("2026-01-02: Check-up", "in progress")
        );
        assert_eq!(visit_name(&json!({"period": {"start": "soon"}})), "A visit without a date");
    }
}
