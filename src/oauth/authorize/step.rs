//! What comes next for a request: a sign-in, a choice, the question, or an answer without one.
//!
//! OpenID Connect Core 3.1.2.1 (`prompt`, `max_age`) and 3.1.2.6; SMART App Launch 2.2, launch context. Pure.

use super::request::Request;
use crate::account::Session;
use crate::fhir::ResourceType;
use crate::oauth::Refusal;
use crate::oauth::refusal::Error;
use crate::oauth::scope::Offer;
use crate::store::identity::authorization::Authorization;
use crate::store::identity::client::{AuthMethod, Client};

#[derive(Debug)]
pub enum Step {
    SignIn,
    /// Signed in, but too long ago for this app.
    ShowAgain,
    PickPatient,
    PickEncounter,
    Ask,
    /// The same was allowed before, and still is.
    GoOn,
    Refuse(Refusal),
}

impl Request {
    pub fn patient(&self) -> Option<&str> {
        let launched = self.launch.as_ref().and_then(|launch| launch.patient.as_deref());
        launched.or(self.picked.patient.as_deref())
    }

    pub fn encounter(&self) -> Option<&str> {
        let launched = self.launch.as_ref().and_then(|launch| launch.encounter.as_deref());
        launched.or(self.picked.encounter.as_deref())
    }
}

/// Returns what must be done before a request is looked at for this person; none when it can be.
pub fn before_offer(request: &Request, session: Option<&Session>) -> Option<Step> {
    let sign_in_again = |step: Step| match request.prompt.none {
        true => Step::Refuse(Refusal::new(Error::LoginRequired, "the person is not signed in, or not lately enough")),
        false => step,
    };
    let Some(session) = session else { return Some(sign_in_again(Step::SignIn)) };
    if request.launch.as_ref().is_some_and(|launch| launch.user != session.account.id) {
        let text = "the EHR opened this launch for another person than the one who is signed in";
        return Some(Step::Refuse(Refusal::new(Error::AccessDenied, text)));
    }
    let shown_s = session.row.auth_at.0 / 1_000_000;
    let is_old = request.max_age_s.is_some_and(|max| request.received_s - shown_s > max);
    let is_before = request.prompt.login && shown_s < request.received_s;
    (is_old || is_before).then(|| sign_in_again(Step::ShowAgain))
}

/// Returns what comes next, once the person is known. `earlier` is what they have allowed already.
pub fn after_offer(
    request: &Request,
    client: &Client,
    session: &Session,
    offer: &Offer,
    earlier: &[Authorization],
) -> Step {
    if offer.is_empty() {
        let text = "nothing of what the app asks may be allowed by this person";
        return Step::Refuse(Refusal::new(Error::AccessDenied, text));
    }
    let wants_patient = offer.is_about_patient() || offer.has("launch/patient") || offer.has("launch/encounter");
    let wants_encounter = offer.has("launch/encounter") && !request.picked.no_encounter;
    let step = if wants_patient && request.patient().is_none() {
        Step::PickPatient
    } else if wants_encounter && request.encounter().is_none() {
        Step::PickEncounter
    } else if is_standing(request, client, session, offer, earlier) {
        return Step::GoOn;
    } else {
        Step::Ask
    };
    if request.prompt.none {
        return Step::Refuse(Refusal::new(Error::InteractionRequired, "the person has to be asked"));
    }
    step
}

/// Returns whether the person need not be asked, having allowed this client exactly this, and not ended it.
///
/// That is so where an EHR opened the app for somebody of its staff, and where the app wants no page and the patient is the
/// same. Only an app that nobody else can pass for is believed: one with a secret, or with an address of its own on the web
/// (RFC 9700 4.14, RFC 8252 8.6).
fn is_standing(
    request: &Request,
    client: &Client,
    session: &Session,
    offer: &Offer,
    earlier: &[Authorization],
) -> bool {
    let is_known =
        client.metadata.token_endpoint_auth_method != AuthMethod::None || request.redirect_uri.starts_with("https://");
    let is_patient = session.account.fhir_user.as_ref().is_some_and(|(t, _)| *t == ResourceType::PATIENT);
    let is_staff = request.launch.is_some() && !is_patient;
    if request.prompt.consent || !is_known || !(is_staff || request.prompt.none) {
        return false;
    }
    let mut wanted = offer.whole();
    wanted.sort_unstable();
    earlier.iter().any(|one| {
        let mut allowed: Vec<&str> = one.allowed.scope.split_ascii_whitespace().collect();
        allowed.sort_unstable();
        one.client == client.id
            && one.ended.is_none()
            && allowed == wanted
            && (is_staff || one.allowed.patient.as_deref() == request.patient())
    })
}

#[cfg(test)]
mod tests;
