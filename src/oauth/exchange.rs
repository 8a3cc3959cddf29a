//! An access token is exchanged for a narrower one: fewer scopes, or what one Consent opens.
//!
//! RFC 8693. A token that stands on a Consent names it, its patient and its purpose, lives a quarter of an hour at most, and
//! opens `patient/` scopes alone. That the Consent still holds is asked again whenever the token is used; not here.

use super::answer::{self, Answer};
use super::call::{Call, resource_scopes};
use super::refusal::{Error, Refusal};
use super::{Claims, Server, glass, standing};
use crate::access::scope::{Context, Scope};
use crate::fhir::{Instant, ResourceId};
use crate::search::period;
use crate::store::identity::client::Client;
use serde_json::Value;

pub const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// How long a token lives at most that was exchanged, or handed out by an operation.
pub const LIFE_S_MAX: i64 = 900;
/// The purpose of use that rests on broken glass alone.
pub const BREAK_THE_GLASS: &str = "BTG";

/// What a Consent gives to the person who asks.
#[derive(Debug, PartialEq, Eq)]
pub struct Basis {
    pub patient: String,
    pub purpose: Option<String>,
    /// In seconds since 1970; none: it has no end.
    pub ends_s: Option<i64>,
}

/// What of a token is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    pub scope: Option<&'a str>,
    pub purpose: Option<&'a str>,
}

/// Returns the id of the Consent that is asked for by its address; none where none is.
pub fn consent_id(server: &Server, call: &Call<'_>) -> Result<Option<ResourceId>, Refusal> {
    let Some(resource) = call.field("resource") else { return Ok(None) };
    let id = resource.strip_prefix(&server.settings.base_url).and_then(|rest| rest.strip_prefix("/Consent/"));
    let id = id.and_then(ResourceId::parse);
    id.map(Some).ok_or_else(|| {
        let text = format!("'resource' must be {}/Consent/[id]", server.settings.base_url);
        Refusal::new(Error::InvalidTarget, text)
    })
}

/// Returns the answer to a client that sent its verified access token. `consent` is what `resource` names, read with the
/// rights of that token.
pub async fn exchange(
    server: &Server,
    client: &Client,
    call: &Call<'_>,
    subject: Claims,
    consent: Option<(&ResourceId, &Value)>,
) -> Result<Answer, Refusal> {
    let wrong = |text: &str| Refusal::new(Error::InvalidRequest, text);
    if call.required("subject_token_type")? != ACCESS_TOKEN {
        return Err(wrong("'subject_token_type' must be that of an access token"));
    }
    if call.field("requested_token_type").is_some_and(|kind| kind != ACCESS_TOKEN) {
        return Err(wrong("'requested_token_type' can only be that of an access token"));
    }
    if call.field("actor_token").is_some() {
        return Err(wrong("'actor_token' is not supported"));
    }
    if subject.client_id.as_deref() != Some(client.id.as_str()) {
        return Err(wrong("'subject_token' was not given to this client"));
    }
    let subject = as_it_stands(server, client, call.at, subject).await?;
    let exp = (call.at_s() + LIFE_S_MAX).min(subject.exp);
    let next = Claims { iat: call.at_s(), exp, jti: uuid::Uuid::new_v4().to_string(), ..subject };
    let asked = Asked { scope: call.field("scope"), purpose: call.field("purpose_of_use") };
    let next = match consent {
        Some(consent) => on_consent(server, next, consent, asked, call.at).await?,
        None => {
            let next = Claims { scope: standing::narrowed(&next.scope, asked.scope)?, ..next };
            match asked.purpose {
                None => next,
                Some(_) => broken(server, next, call).await?,
            }
        }
    };
    if next.scope.is_empty() {
        return Err(Refusal::new(Error::InvalidScope, "nothing is left of the scopes"));
    }
    let mut answer = answer::plain(server, &next)?;
    answer.body["issued_token_type"] = ACCESS_TOKEN.into();
    Ok(answer)
}

/// Returns the claims of a token made to stand on a Consent.
///
/// A purpose of BTG is given only to who has broken the glass: a Consent may name it for anybody, but opens nothing by that.
pub async fn on_consent(
    server: &Server,
    subject: Claims,
    (id, consent): (&ResourceId, &Value),
    asked: Asked<'_>,
    at: Instant,
) -> Result<Claims, Refusal> {
    let who = subject.fhir_user.as_deref().ok_or_else(|| target("the token speaks for no person"))?;
    let basis = stands_on(consent, who, asked.purpose, at.0 / 1_000_000)?;
    let mut exp = basis.ends_s.map_or(subject.exp, |end| end.min(subject.exp));
    let mut btg = None;
    if basis.purpose.as_deref() == Some(BREAK_THE_GLASS) {
        let glass = glass::open(server, Some(who), Some(&basis.patient), at).await?;
        exp = exp.min(glass.expires.0 / 1_000_000);
        btg = Some(glass.id);
    }
    let scope = scope_of_patient(&subject, &basis.patient, asked.scope)?;
    if scope.is_empty() {
        return Err(Refusal::new(Error::InvalidScope, "nothing is left of the scopes"));
    }
    Ok(Claims {
        scope,
        exp,
        btg,
        encounter: subject.encounter.filter(|_| subject.patient.as_ref() == Some(&basis.patient)),
        consent: Some(format!("Consent/{id}")),
        patient: Some(basis.patient),
        purpose_of_use: basis.purpose,
        ..subject
    })
}

/// Returns the claims with the purpose BTG, which alone can be asked for without a Consent.
async fn broken(server: &Server, subject: Claims, call: &Call<'_>) -> Result<Claims, Refusal> {
    let Some(glass) = glass::asked(server, subject.fhir_user.as_deref(), call).await? else { return Ok(subject) };
    Ok(glass::carried(subject, &glass))
}

/// Returns the claims with what has changed since they were signed: roles, scopes that these carry, the end of a session. A
/// token of an authorization that has ended, which may be heard of everywhere a moment later, gives nothing any more.
pub async fn as_it_stands(server: &Server, client: &Client, at: Instant, subject: Claims) -> Result<Claims, Refusal> {
    let Some(id) = subject.grant_id.as_deref().and_then(|id| uuid::Uuid::parse_str(id).ok()) else {
        return Ok(subject);
    };
    let standing = standing::look(server, id, client, at).await?;
    let roles = &standing.account.roles;
    let ends_s = standing.ends.map_or(i64::MAX, |ends| ends.0 / 1_000_000);
    Ok(Claims {
        scope: standing::within_roles(&subject.scope, roles),
        roles: roles.iter().map(|role| role.name().to_string()).collect(),
        exp: subject.exp.min(ends_s),
        ..subject
    })
}

/// Returns what an active Consent permits to a person at this moment, for this purpose or the first that it names.
///
/// This alone reads the Consent; what its nested provisions take back is for the policy to enforce on every request.
fn stands_on(consent: &Value, who: &str, purpose: Option<&str>, now_s: i64) -> Result<Basis, Refusal> {
    let text = |value: &Value, path: &str| value.pointer(path).and_then(Value::as_str).map(str::to_string);
    if text(consent, "/status").as_deref() != Some("active") {
        return Err(target("the Consent is not active"));
    }
    let patient = text(consent, "/patient/reference");
    let patient = patient.as_deref().and_then(|reference| reference.strip_prefix("Patient/"));
    let patient =
        patient.and_then(ResourceId::parse).ok_or_else(|| target("the Consent names no patient of this server"))?;
    let provision = &consent["provision"];
    if text(provision, "/type").as_deref() == Some("deny") {
        return Err(target("the Consent denies"));
    }
    let actors = provision["actor"].as_array().into_iter().flatten();
    if !actors.into_iter().any(|actor| text(actor, "/reference/reference").as_deref() == Some(who)) {
        return Err(target("the Consent does not name the person who asks"));
    }
    let moment = |path: &str| match text(provision, path) {
        None => Ok(None),
        Some(text) => period::parse(&text).map(Some).ok_or_else(|| target("the period of the Consent cannot be read")),
    };
    let (start, end) = (moment("/period/start")?, moment("/period/end")?);
    let ends_s = end.map(|end| end.hi / 1_000_000);
    if start.is_some_and(|start| start.lo / 1_000_000 > now_s) || ends_s.is_some_and(|end| end <= now_s) {
        return Err(target("the Consent does not hold now"));
    }
    let codes = provision["purpose"].as_array().into_iter().flatten();
    let codes: Vec<String> = codes.filter_map(|coding| text(coding, "/code")).collect();
    let purpose = match purpose {
        Some(asked) if codes.iter().any(|code| code == asked) => Some(asked.to_string()),
        Some(_) => return Err(target("the Consent is not for this purpose of use")),
        None => codes.into_iter().next(),
    };
    Ok(Basis { patient: patient.to_string(), purpose, ends_s })
}

/// Returns `patient/` scopes for the patient of a Consent, asked or all, within those of the subject token: what it may do
/// as the user it may do for this patient, and what it may do for a patient only if that is the same one.
fn scope_of_patient(subject: &Claims, patient: &str, asked: Option<&str>) -> Result<String, Refusal> {
    let is_same = subject.patient.as_deref() == Some(patient);
    let has: Vec<Scope> = resource_scopes(&subject.scope)
        .into_iter()
        .filter(|scope| scope.context == Context::User || (is_same && scope.context == Context::Patient))
        .filter_map(|scope| Scope::parse(&scope.to_string().replacen("user/", "patient/", 1)))
        .collect();
    let Some(asked) = asked else {
        return Ok(has.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
    };
    let mut scopes = Vec::new();
    for text in asked.split_ascii_whitespace() {
        let scope = Scope::parse(text).filter(|scope| has.iter().any(|known| known.covers(scope)));
        let scope = scope.ok_or_else(|| {
            let text = "a token that stands on a Consent opens patient/ scopes, and no wider than the subject token";
            Refusal::new(Error::InvalidScope, text)
        })?;
        scopes.push(scope.to_string());
    }
    Ok(scopes.join(" "))
}

fn target(why: &str) -> Refusal {
    Refusal::new(Error::InvalidTarget, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn consent() -> Value {
        json!({
            "resourceType": "Consent", "status": "active", "patient": {"reference": "Patient/p1"},
            "provision": {
                "type": "permit",
                "period": {"start": "2026-01-01", "end": "2026-12-31T12:00:00Z"},
                "actor": [{"role": {}, "reference": {"reference": "Practitioner/d1"}}],
                "purpose": [{"code": "TREAT"}, {"code": "ETREAT"}]
            }
        })
    }

    /// 2026-06-01T00:00:00Z.
    const NOW_S: i64 = 1_780_272_000;

    #[test]
    fn a_token_stands_on_a_consent_that_holds_for_its_holder() {
        let basis = stands_on(&consent(), "Practitioner/d1", None, NOW_S).unwrap();
        assert_eq!((basis.patient.as_str(), basis.purpose.as_deref()), ("p1", Some("TREAT")));
        assert_eq!(basis.ends_s, Some(1_798_718_400));
        let other = stands_on(&consent(), "Practitioner/d1", Some("ETREAT"), NOW_S).unwrap();
        assert_eq!(other.purpose.as_deref(), Some("ETREAT"));
        assert!(stands_on(&consent(), "Practitioner/d1", Some("HMARKT"), NOW_S).is_err());
        assert!(stands_on(&consent(), "Practitioner/d2", None, NOW_S).is_err());
        for (pointer, value) in [
            ("/status", json!("inactive")),
            ("/status", json!("proposed")),
            ("/patient/reference", json!("https://other.example/Patient/p1")),
            ("/patient/reference", json!("Group/p1")),
            ("/provision/type", json!("deny")),
            ("/provision/actor", json!([])),
            ("/provision/period/end", json!("2026-05-31")),
            ("/provision/period/end", json!("soon")),
            ("/provision/period/start", json!("2026-07")),
        ] {
            let mut consent = consent();
            *consent.pointer_mut(pointer).unwrap() = value.clone();
            assert!(stands_on(&consent, "Practitioner/d1", None, NOW_S).is_err(), "{pointer} = {value}");
        }
    }

    #[test]
    fn the_scopes_of_a_consent_are_of_its_patient_and_no_wider() {
        let claims = |scope: &str, patient: Option<&str>| Claims {
            patient: patient.map(str::to_string),
            ..Claims::new("b", "s", scope, 60)
        };
        for (scope, patient, asked, want) in [
            ("openid user/*.rs", None, None, Some("patient/*.rs")),
            ("user/*.rs", None, Some("patient/Observation.rs"), Some("patient/Observation.rs")),
            ("user/*.rs", None, Some("patient/Observation.c"), None),
            ("user/*.rs", None, Some("user/Observation.rs"), None),
            ("user/*.rs", None, Some("openid"), None),
            ("patient/*.rs", Some("p1"), Some("patient/Observation.r"), Some("patient/Observation.r")),
            ("patient/*.rs", Some("p2"), Some("patient/Observation.r"), None),
            ("patient/*.rs", Some("p2"), None, Some("")),
            ("system/*.rs", None, None, Some("")),
        ] {
            let got = scope_of_patient(&claims(scope, patient), "p1", asked).ok();
            assert_eq!(got.as_deref(), want, "{scope} {patient:?} {asked:?}");
        }
    }
}
