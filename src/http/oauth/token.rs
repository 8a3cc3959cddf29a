//! `/oauth/token`, `/oauth/introspect`, `/oauth/revoke`, `/oauth/userinfo`.

use super::{State, form, json, preflight, refused, server, visitor};
use crate::access::Principal;
use crate::account::Visitor;
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::oauth::answer::Answer;
use crate::oauth::introspect::{self, Asker};
use crate::oauth::refusal::Error;
use crate::oauth::{Call, Claims, Refusal, Server, call, exchange, revoke};
use crate::rest::{Body, Conditions, Interaction, Prefer, Request};
use crate::store::identity::client::{AuthMethod, Client};
use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use std::sync::Arc;

pub fn routes(config: &mut web::ServiceConfig) {
    let resource = |path: &str| web::resource(path).route(web::method(Method::OPTIONS).to(preflight));
    config
        .service(resource("/oauth/token").route(web::post().to(token)))
        .service(resource("/oauth/introspect").route(web::post().to(introspection)))
        .service(resource("/oauth/revoke").route(web::post().to(revocation)))
        .service(resource("/oauth/userinfo").route(web::get().to(userinfo)).route(web::post().to(userinfo)));
}

/// What of a request outlives its body.
struct Asked {
    form: Vec<(String, String)>,
    visitor: Visitor,
    authorization: Option<String>,
    dpop: Option<String>,
    at: Instant,
}

impl Asked {
    async fn read(http: &HttpRequest, payload: web::Payload) -> Result<Asked, Refusal> {
        let (authorization, dpop) = (header(http.headers(), "authorization")?, header(http.headers(), "dpop")?);
        let at = Instant::now();
        Ok(Asked { form: form(http, payload).await?, visitor: visitor(http), authorization, dpop, at })
    }

    fn call(&self) -> Call<'_> {
        let (authorization, dpop) = (self.authorization.as_deref(), self.dpop.as_deref());
        Call { form: &self.form, authorization, dpop, visitor: &self.visitor, at: self.at }
    }
}

/// Returns a header that may come once.
fn header(headers: &HeaderMap, name: &str) -> Result<Option<String>, Refusal> {
    let mut values = headers.get_all(name);
    let value = values.next().map(|value| value.to_str().map(str::to_string));
    match (value, values.next()) {
        (None, _) => Ok(None),
        (Some(Ok(value)), None) => Ok(Some(value)),
        _ => Err(Refusal::new(Error::InvalidRequest, format!("the header {name} may come once, in plain text"))),
    }
}

fn answered(http: &HttpRequest, done: Result<Value, Refusal>) -> HttpResponse {
    match done {
        Ok(body) => json(http, 200, &body),
        Err(refusal) => refused(http, &refusal),
    }
}

async fn token(http: HttpRequest, payload: web::Payload, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let server = server(&state)?;
        let asked = Asked::read(&http, payload).await?;
        let call = asked.call();
        let client = server.authenticate(&call).await?;
        let done = match call.field("grant_type") {
            Some(exchange::GRANT_TYPE) => exchanged(&state, server, &client, &call).await,
            _ => server.token(&client, &call).await,
        };
        Ok(server.audited(&client, &call, done).await?.body)
    };
    answered(&http, work.await)
}

/// RFC 8693: the Consent that `resource` names is read through the one door, as the holder of the subject token.
async fn exchanged(state: &State, server: &Server, client: &Client, call: &Call<'_>) -> Result<Answer, Refusal> {
    call::check_registered(client, exchange::GRANT_TYPE)?;
    let token = call.required("subject_token")?;
    let not_ours =
        || Refusal::new(Error::InvalidRequest, "'subject_token' is not an access token that is accepted here");
    let claims = accepted(server, token).await?.ok_or_else(not_ours)?;
    let principal = Principal::Token(Arc::new(claims.clone().token()));
    let id = exchange::consent_id(server, call)?;
    let consent = match &id {
        None => None,
        Some(id) => Some((id, consent(state, &principal, id, call.visitor).await?)),
    };
    exchange::exchange(server, client, call, claims, consent.as_ref().map(|(id, consent)| (*id, consent))).await
}

async fn consent(state: &State, principal: &Principal, id: &ResourceId, visitor: &Visitor) -> Result<Value, Refusal> {
    let request = Request {
        interaction: Interaction::Read(ResourceType::CONSENT, id.clone()),
        query: Vec::new(),
        body: Body::None,
        conditions: Conditions::default(),
        prefer: Prefer::default(),
        id: visitor.request.clone(),
        address: visitor.address.as_str().into(),
    };
    let unreadable = |_| Refusal::new(Error::InvalidTarget, "the Consent cannot be read with the subject token");
    let reply = state.service.perform(principal, request).await.map_err(unreadable)?;
    serde_json::from_slice(&reply.body)
        .map_err(|e| crate::fault::Fault::internal("failed to read a stored Consent", e).into())
}

/// Returns the claims of an access token that holds now; none where it does not.
async fn accepted(server: &Server, token: &str) -> Result<Option<Claims>, Refusal> {
    match server.verified(token).await {
        Ok(claims) => Ok(Some(claims)),
        Err(fault) if fault.status() == 401 => Ok(None),
        Err(fault) => Err(fault.into()),
    }
}

/// Returns the claims of the bearer token that a request carries.
async fn bearer_claims(server: &Server, authorization: Option<&str>) -> Result<Claims, Refusal> {
    let bearer = authorization.and_then(|header| header.split_once(' '));
    let token = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    let missing = || Refusal::new(Error::InvalidToken, "send 'Authorization: Bearer <access token>'");
    Ok(server.verified(token.ok_or_else(missing)?).await?)
}

async fn introspection(http: HttpRequest, payload: web::Payload, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let server = server(&state)?;
        let asked = Asked::read(&http, payload).await?;
        let call = asked.call();
        let scheme = call.authorization.and_then(|header| header.split_once(' ')).map(|(scheme, _)| scheme);
        let asker = if scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer")) {
            Asker::bearer(&bearer_claims(server, call.authorization).await?)
        } else {
            let client = server.authenticate(&call).await?;
            if client.metadata.token_endpoint_auth_method == AuthMethod::None {
                let text = "introspection wants a client that authenticates, or a bearer token";
                return Err(Refusal::new(Error::InvalidClient, text));
            }
            Asker::Client(client.id)
        };
        let token = call.required("token")?;
        let claims = accepted(server, token).await?;
        introspect::introspect(server, &asker, token, claims.as_ref()).await
    };
    answered(&http, work.await)
}

async fn revocation(http: HttpRequest, payload: web::Payload, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let server = server(&state)?;
        let asked = Asked::read(&http, payload).await?;
        let call = asked.call();
        let client = server.authenticate(&call).await?;
        let token = call.required("token")?;
        let claims = accepted(server, token).await?;
        revoke::revoke(server, &client, &call, token, claims.as_ref()).await?;
        Ok(json!({}))
    };
    answered(&http, work.await)
}

async fn userinfo(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let server = server(&state)?;
        let authorization = header(http.headers(), "authorization")?;
        introspect::userinfo(server, &bearer_claims(server, authorization.as_deref()).await?).await
    };
    answered(&http, work.await)
}
