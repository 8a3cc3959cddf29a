//! How our own pages ask the server: as the person who is signed in, by the one door, so that access policy decides and the
//! audit knows.
//!
//! Searches, reads and operations as any client sends them; see R4 <https://hl7.org/fhir/R4/http.html>.

use super::{State, Visit, adapt};
use crate::access::Principal;
use crate::access::principal::Token;
use crate::access::role;
use crate::access::scope::Scope;
use crate::account::Session;
use crate::fault::{Fault, Kind};
use crate::fhir::reference::Literal;
use crate::fhir::{ResourceId, ResourceType};
use crate::health_id::{self, HealthId};
use crate::http::peer;
use crate::rest::conditions::VersionMatch;
use crate::rest::{Body, Conditions, Interaction, Prefer, Request, query};
use crate::service::Service;
use actix_web::HttpRequest;
use serde_json::{Value, json};
use std::sync::Arc;

/// The request of a browser that something is asked for.
#[derive(Debug, Clone)]
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
    /// The record of the person: `Practitioner/1`.
    pub person: Option<String>,
}

impl Asker {
    /// Returns who asks for the page of this visit.
    pub async fn of(state: &State, visit: &Visit, session: &Session) -> Result<Asker, Fault> {
        Asker::new(&state.service, session, Origin::of(&visit.http)).await
    }

    pub async fn new(service: &Service, session: &Session, origin: Origin) -> Result<Asker, Fault> {
        let own = match &session.account.fhir_user {
            Some((t, id)) if *t == ResourceType::PATIENT => Some(id.clone()),
            Some((t, id)) if t.name() == "RelatedPerson" => related_to(service, session, &origin, *t, id).await?,
            _ => None,
        };
        let principal = Principal::Token(Arc::new(Token {
            subject: session.account.id.to_string(),
            scopes: Scope::parse("user/*.cruds").into_iter().collect(),
            patient: own.clone(),
            person: Some(session.person()),
            ..Token::default()
        }));
        let person = session.account.fhir_user.as_ref().map(|(t, id)| format!("{t}/{id}"));
        Ok(Asker { principal, origin, own, person })
    }

    /// Returns the same person under a grant of broken glass.
    pub fn breaking(&self, grant: &str) -> Asker {
        let principal = match &self.principal {
            Principal::Token(token) => Principal::Token(Arc::new(Token {
                purpose: Some("BTG".into()),
                glass: Some(grant.into()),
                subject: token.subject.clone(),
                scopes: token.scopes.clone(),
                patient: token.patient.clone(),
                person: token.person.clone(),
                ..Token::default()
            })),
            other => other.clone(),
        };
        Asker { principal, origin: self.origin.clone(), own: self.own.clone(), person: self.person.clone() }
    }

    /// Returns the id of the patient who has a Health ID, whoever may see that: for who is to open the record of somebody who
    /// cannot be asked. Nothing else of the patient is read.
    pub async fn holder(&self, service: &Service, number: &HealthId) -> Result<Option<String>, Fault> {
        let Principal::Token(token) = &self.principal else { return Ok(None) };
        let scopes = Scope::parse("system/Patient.s").into_iter().collect();
        let principal =
            Principal::Token(Arc::new(Token { subject: token.subject.clone(), scopes, ..Token::default() }));
        let system = Asker { principal, origin: self.origin.clone(), own: None, person: None };
        let identifier = format!("{}|{}", health_id::system(&service.settings().base_url), number.as_str());
        let found =
            system.found(service, ResourceType::PATIENT, &[("identifier", &identifier), ("_elements", "id")]).await?;
        Ok(found.first().and_then(|patient| patient["id"].as_str()).map(str::to_string))
    }

    /// Returns the patient whose record the person may speak for, or why there is no page of this kind for them.
    pub fn own_patient(&self) -> Result<&ResourceId, Fault> {
        let text = "this page is for patients and those who speak for them: your account is not linked to a patient";
        self.own.as_ref().ok_or_else(|| Fault::new(Kind::Forbidden, text))
    }

    /// Returns whether the roles of the person search this type at all.
    pub fn may_search(&self, t: ResourceType) -> bool {
        let person = self.principal.person();
        person.is_none_or(|person| role::ceiling(&person.roles, t).contains('s'))
    }

    /// Returns the answer to a search of one type, as a Bundle.
    pub async fn search(&self, service: &Service, t: ResourceType, pairs: &[(&str, &str)]) -> Result<Value, Fault> {
        let query = pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        self.ask(service, Interaction::SearchType(t), query).await
    }

    /// Returns what a search finds; nothing where the person may not search this type.
    pub async fn found(&self, service: &Service, t: ResourceType, pairs: &[(&str, &str)]) -> Result<Vec<Value>, Fault> {
        match self.search(service, t, pairs).await {
            Ok(bundle) => Ok(matches(&bundle)),
            Err(fault) if fault.kind() == Kind::Forbidden => Ok(Vec::new()),
            Err(fault) => Err(fault),
        }
    }

    pub(super) async fn ask(
        &self,
        service: &Service,
        interaction: Interaction,
        query: Vec<(String, String)>,
    ) -> Result<Value, Fault> {
        let request = Request {
            interaction,
            query,
            body: Body::None,
            conditions: Conditions::default(),
            prefer: Prefer::default(),
            id: self.origin.request.clone(),
            address: self.origin.address.clone(),
        };
        perform(service, &self.principal, request).await
    }

    /// Returns a resource; none where it is not there or not for this person to see.
    pub async fn read(&self, service: &Service, t: ResourceType, id: &str) -> Result<Option<Value>, Fault> {
        let Some(id) = ResourceId::parse(id) else { return Ok(None) };
        seen(self.ask(service, Interaction::Read(t, id), Vec::new()).await)
    }

    /// Makes a resource and returns it.
    pub async fn create(&self, service: &Service, t: ResourceType, resource: Value) -> Result<Value, Fault> {
        self.send(service, Interaction::Create(t), resource, None).await
    }

    /// Calls an operation with these parameters; `version` is what the person saw of the resource that it changes.
    pub async fn call(&self, service: &Service, at: &At<'_>, parameters: Vec<Value>) -> Result<Value, Fault> {
        let missing = || Fault::new(Kind::NotFound, "there is no such record");
        let id = match at.id {
            Some(id) => Some(ResourceId::parse(id).ok_or_else(missing)?),
            None => None,
        };
        let (name, resource_type) = (at.operation.to_string(), Some(at.resource_type));
        let interaction = Interaction::Operation { name, by_get: false, resource_type, id };
        let body = json!({"resourceType": "Parameters", "parameter": parameters});
        self.send(service, interaction, body, at.version).await
    }

    async fn send(
        &self,
        service: &Service,
        interaction: Interaction,
        mut body: Value,
        version: Option<i32>,
    ) -> Result<Value, Fault> {
        if body["parameter"].as_array().is_some_and(Vec::is_empty) {
            // R4 Parameters: a list is never empty.
            body = json!({"resourceType": "Parameters"});
        }
        let if_match = version.map(VersionMatch::Version);
        let request = Request {
            interaction,
            query: Vec::new(),
            body: Body::Value(Box::new(body)),
            conditions: Conditions { if_match, ..Conditions::default() },
            prefer: Prefer::default(),
            id: self.origin.request.clone(),
            address: self.origin.address.clone(),
        };
        perform(service, &self.principal, request).await
    }
}

/// Which operation is called, and where.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    pub operation: &'static str,
    pub resource_type: ResourceType,
    pub id: Option<&'a str>,
    pub version: Option<i32>,
}

impl<'a> At<'a> {
    pub fn one(resource_type: ResourceType, id: &'a str, operation: &'static str) -> At<'a> {
        At { operation, resource_type, id: Some(id), version: None }
    }

    pub fn type_of(resource_type: ResourceType, operation: &'static str) -> At<'a> {
        At { operation, resource_type, id: None, version: None }
    }
}

/// Returns the type of this name.
///
/// # Panics
/// Where R4 has no such type: names stand in the code alone.
pub fn type_of(name: &'static str) -> ResourceType {
    ResourceType::parse(name).expect("the name is one of R4's types")
}

async fn perform(service: &Service, principal: &Principal, request: Request) -> Result<Value, Fault> {
    let reply = service.perform(principal, request).await?;
    if reply.body.is_empty() {
        return Ok(Value::Null);
    }
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
    let asker = Asker { principal, origin: origin.clone(), own: None, person: None };
    let found = asker.read(service, t, id.as_str()).await?;
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

/// Returns the resources that a search was for, without those that came along.
pub fn matches(bundle: &Value) -> Vec<Value> {
    let entries = bundle["entry"].as_array().into_iter().flatten();
    entries.filter(|entry| entry["search"]["mode"] == "match").map(|entry| entry["resource"].clone()).collect()
}

/// Returns the cursor of the next page of a search.
pub fn next(bundle: &Value) -> Option<String> {
    let mut links = bundle["link"].as_array()?.iter();
    let url = links.find(|link| link["relation"] == "next")?["url"].as_str()?;
    let pairs = query::parse(url.split_once('?')?.1).ok()?;
    pairs.into_iter().find(|(name, _)| name == "_cursor").map(|(_, value)| value)
}

/// Returns the value of the first parameter of this name in the Parameters that an operation answered.
pub fn answer<'a>(parameters: &'a Value, name: &str) -> Option<&'a Value> {
    let list = parameters["parameter"].as_array()?;
    let found = list.iter().find(|parameter| parameter["name"] == name)?.as_object()?;
    found.iter().find(|(key, _)| key.starts_with("value")).map(|(_, value)| value)
}
