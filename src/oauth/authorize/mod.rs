//! The authorize endpoint: an app's request from its first check to the code that answers it.
//!
//! RFC 6749 4.1 with the counsel of RFC 9700, SMART App Launch 2.2, OpenID Connect Core 3.1.2. What is decided without the
//! database is in [`request`], [`step`] and [`super::scope`]; here it meets what is stored.

pub mod redirect;
pub mod request;
pub mod step;

use super::refusal::Error;
use super::scope::{self, Bounds, Offer};
use super::{Refusal, Server, launch};
use crate::account::sign_in::network;
use crate::account::{Session, Visitor, secret};
use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::store::audit::Entry;
use crate::store::identity::attempt::Limit;
use crate::store::identity::authorization::{Allowed, Authorization, Code};
use crate::store::identity::client::{Client, Status};
use crate::store::identity::once::Once;
use crate::store::identity::{hash, hex};
use request::{Fields, Request, field};
use uuid::Uuid;

/// How long a request waits for its person.
const REQUEST_S: i64 = 15 * 60;
/// How long a code is good.
const CODE_S: i64 = 60;
/// Each request is kept for a while, so that nobody may send them without end.
const REQUESTS: Limit = Limit { count: 600, within_s: 60 };

/// A request that goes nowhere.
#[derive(Debug)]
pub enum Stop {
    /// The person is told.
    Page(Fault),
    /// The app is told: the address to send the browser to.
    Redirect(String),
}

impl<E: Into<Fault>> From<E> for Stop {
    fn from(error: E) -> Stop {
        Stop::Page(error.into())
    }
}

/// Checks and keeps a request; returns the id under which the pages find it.
pub async fn begin(server: &Server, fields: &Fields, visitor: &Visitor) -> Result<String, Stop> {
    match admit(server, fields, visitor).await {
        Ok(request) => {
            let id = secret();
            server.store.keep_once(Once::Request, &id, &data(&request)?, REQUEST_S).await?;
            Ok(id)
        }
        Err(stop) => {
            let (status, why) = match &stop {
                Stop::Page(fault) => (fault.status(), fault.to_string()),
                Stop::Redirect(to) => (400, error_of(to)),
            };
            // Whoever is named was not found good: the id may be anything, so only a known one is written down.
            let entry = Entry::event("authorize", &visitor.request, "anonymous", status).with_detail(why);
            let named = field(fields, "client_id").filter(|_| matches!(stop, Stop::Redirect(_)));
            server.recorder.note(named.map_or(entry.clone(), |id| entry.of_client(id))).await;
            Err(stop)
        }
    }
}

async fn admit(server: &Server, fields: &Fields, visitor: &Visitor) -> Result<Request, Stop> {
    if let Some(seconds) = server.store.attempt(&format!("authorize:{}", network(&visitor.address)), REQUESTS).await? {
        return Err(Fault::new(Kind::Throttled, "too many apps ask from this address; wait a little")
            .after(seconds)
            .into());
    }
    let page = |text: &str| Stop::Page(Fault::new(Kind::Invalid, text));
    let (id, redirect_uri) = request::whose(fields).map_err(|text| page(&text))?;
    let client = match server.store.client(id).await? {
        Some(client) if client.status == Status::Active => client,
        Some(client) if client.status == Status::Waiting => {
            return Err(page("This app waits for an administrator of this place to approve it."));
        }
        _ => return Err(page("This app is not known here.")),
    };
    if !redirect::is_registered(&client.metadata, redirect_uri) {
        return Err(page("This app wants to go back to an address that it is not registered with."));
    }
    let issuer = &server.settings.base_url;
    let told = |refusal: Refusal| {
        let is_once = fields.iter().filter(|(name, _)| name == "state").count() == 1;
        let state = field(fields, "state").filter(|state| is_once && state.len() <= request::STATE_MAX);
        Stop::Redirect(redirect::of_refusal(redirect_uri, &refusal, state, issuer))
    };
    let mut request = request::check(fields, &client, issuer, Instant::now().0 / 1_000_000).map_err(told)?;
    if let Some(handle) = field(fields, "launch") {
        request.launch = Some(launch::take(&server.store, handle, &client.id).await.map_err(told)?);
    }
    Ok(request)
}

/// Returns a request and its client, while both are there.
pub async fn find(server: &Server, id: &str) -> Result<(Request, Client), Fault> {
    let gone = || {
        let text = "this request of an app has ended, or was answered already: go back to the app and begin again";
        Fault::new(Kind::NotFound, text)
    };
    let data = server.store.look_once(Once::Request, id).await?.ok_or_else(gone)?;
    let request: Request =
        serde_json::from_value(data).map_err(|e| Fault::internal("a kept request cannot be read", e))?;
    let client = server.store.client(&request.client).await?;
    let client = client.filter(|client| client.status == Status::Active).ok_or_else(gone)?;
    Ok((request, client))
}

/// Keeps what a person has chosen on the way.
pub async fn keep(server: &Server, id: &str, request: &Request) -> Result<(), Fault> {
    server.store.change_once(Once::Request, id, &data(request)?).await?;
    Ok(())
}

/// Ties what was chosen to the session: what was chosen in another one is forgotten. Returns whether that was so.
pub fn bind(request: &mut Request, session: &Session) -> bool {
    let name = hex(&session.row.hash);
    let is_other = request.picked.session != name;
    if is_other {
        request.picked = request::Picked { session: name, ..request::Picked::default() };
    }
    is_other
}

/// Returns what a person is offered to allow.
pub fn offer(server: &Server, request: &Request, client: &Client, session: &Session) -> Offer {
    let bounds = Bounds {
        registered: &client.metadata.scope,
        roles: &session.account.roles,
        is_linked: session.account.fhir_user.is_some(),
        is_launched: request.launch.is_some(),
        registry: server.store.registry(),
    };
    scope::negotiate(&request.scope, &bounds)
}

/// Grants these scopes; returns the address that brings the app its code. Of all who answer a request, one is the first.
pub async fn allow(
    server: &Server,
    id: &str,
    request: &Request,
    session: &Session,
    granted: &[String],
    visitor: &Visitor,
) -> Result<String, Fault> {
    if !scope::is_useful(granted) {
        let refusal = Refusal::new(Error::AccessDenied, "the person allowed nothing of what was asked");
        return refuse(server, id, request, Some(session), refusal, visitor).await;
    }
    take(server, id).await?;
    let (code, now) = (secret(), Instant::now());
    let is_offline = granted.iter().any(|scope| scope == "offline_access");
    let authorization = Authorization {
        id: Uuid::now_v7(),
        client: request.client.clone(),
        account: Some(session.account.id),
        session: (!is_offline).then_some(session.row.hash),
        allowed: allowed(server, request, session, granted),
        created: now,
        used: now,
        ended: None,
    };
    server.store.add_authorization(&authorization).await?;
    let ends = Instant(now.0 + CODE_S * 1_000_000);
    let (redirect_uri, challenge) = (request.redirect_uri.clone(), request.challenge.clone());
    let kept = Code { hash: hash(&code), authorization: authorization.id, redirect_uri, challenge, ends };
    server.store.add_code(&kept).await?;
    let entry = event(request, Some(session), 200, visitor);
    let detail = format!("authorization {}; scopes: {}", authorization.id, granted.join(" "));
    let about = authorization.allowed.patient.as_deref().and_then(ResourceId::parse);
    let resource_type = about.is_some().then_some(ResourceType::PATIENT);
    server.recorder.note(Entry { resource_type, id: about, ..entry }.with_detail(detail)).await;
    Ok(redirect::of_code(&request.redirect_uri, &code, &request.state, &server.settings.base_url))
}

/// Refuses a request; returns the address that tells the app so.
pub async fn refuse(
    server: &Server,
    id: &str,
    request: &Request,
    session: Option<&Session>,
    refusal: Refusal,
    visitor: &Visitor,
) -> Result<String, Fault> {
    take(server, id).await?;
    let entry = event(request, session, refusal.error.status(), visitor);
    server.recorder.note(entry.with_detail(format!("{}: {}", refusal.error.code(), refusal.description))).await;
    let issuer = &server.settings.base_url;
    Ok(redirect::of_refusal(&request.redirect_uri, &refusal, Some(&request.state), issuer))
}

/// Returns what goes into the tokens and beside them.
fn allowed(server: &Server, request: &Request, session: &Session, granted: &[String]) -> Allowed {
    let has_patient = granted.iter().any(|scope| scope.starts_with("patient/") || scope.starts_with("launch"));
    let launch = request.launch.clone().unwrap_or_default();
    Allowed {
        scope: granted.join(" "),
        auth_time_s: session.row.auth_at.0 / 1_000_000,
        amr: session.row.methods.clone(),
        nonce: request.nonce.clone(),
        patient: request.patient().filter(|_| has_patient).map(str::to_string),
        encounter: request.encounter().filter(|_| has_patient).map(str::to_string),
        fhir_context: launch.fhir_context,
        intent: launch.intent,
        // Nothing around the app shows who the patient is, unless an EHR says that it does.
        need_patient_banner: Some(launch.need_patient_banner.unwrap_or(true)).filter(|_| has_patient),
        smart_style_url: Some(super::discovery::style_url(&server.settings.root_url)),
        ..Allowed::default()
    }
}

async fn take(server: &Server, id: &str) -> Result<(), Fault> {
    let taken = server.store.take_once(Once::Request, id).await?;
    let gone = || Fault::new(Kind::NotFound, "this request was answered already: go back to the app");
    taken.map(drop).ok_or_else(gone)
}

fn event(request: &Request, session: Option<&Session>, status: u16, visitor: &Visitor) -> Entry {
    let person = session.map_or_else(|| "anonymous".to_string(), |session| session.account.id.to_string());
    Entry::event("authorize", &visitor.request, &person, status).of_client(&request.client)
}

fn data(request: &Request) -> Result<serde_json::Value, Fault> {
    serde_json::to_value(request).map_err(|e| Fault::internal("a request cannot be kept", e))
}

/// Returns the error that a redirect carries, for the audit; the rest may hold what the app sent.
fn error_of(to: &str) -> String {
    let pairs = to.split_once('?').map(|(_, query)| query.split('&')).into_iter().flatten();
    let error = pairs.filter_map(|pair| pair.strip_prefix("error=")).next_back();
    error.unwrap_or("refused").to_string()
}
