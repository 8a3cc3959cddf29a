//! `/admin/clients`: the list, one client and what can be done to it, and a form for another.

use super::super::super::State;
use super::super::{Form, Turned, Visit, answered, value};
use super::{ROWS_MAX, allowed, allowed_to_change, parameter};
use crate::access::role::Right;
use crate::account::Accounts;
use crate::fault::{Fault, Kind};
use crate::oauth::clients::{self, By, Deed};
use crate::page;
use crate::page::admin_clients::{ClientDetails, ClientRow, Clients, Fact, NewClient};
use crate::store::identity::client::{AuthMethod, Client, Status};
use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};

/// Clients that a search goes through.
const SEARCHED_MAX: i64 = 10_000;
const PLACE: &str = "/admin/clients";

pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource(PLACE).route(web::get().to(list)))
        .service(web::resource("/admin/clients/new").route(web::get().to(blank)).route(web::post().to(add)))
        .service(web::resource("/admin/clients/{id}").route(web::get().to(show)).route(web::post().to(change)));
}

async fn list(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        allowed(&visit, Right::ManageClients).await?;
        let (q, status) = (parameter(&visit, "q"), parameter(&visit, "status"));
        let mut found = visit.accounts.store.clients(SEARCHED_MAX).await?;
        found.retain(|client| (status.is_empty() || client.status.name() == status) && is_found(client, &q));
        // Those that wait for somebody come first.
        found.sort_by_key(|client| client.status != Status::Waiting);
        let has_more = found.len() > ROWS_MAX;
        let rows = found.into_iter().take(ROWS_MAX).map(row).collect();
        Ok(visit.page(200, &Clients { frame: visit.frame(), q, status, rows, has_more }))
    };
    answered(&http, &state, work).await
}

fn row(client: Client) -> ClientRow {
    let (name, status, since) = (client.metadata.client_name, client.status.name(), page::when(client.created));
    ClientRow { id: client.id, name, status, since }
}

fn is_found(client: &Client, q: &str) -> bool {
    let q = q.to_lowercase();
    let it = &client.metadata;
    let mut texts = [&client.id, &it.client_name].into_iter().chain(&it.redirect_uris).chain(&it.contacts);
    q.is_empty() || texts.any(|text| text.to_lowercase().contains(&q))
}

async fn show(http: HttpRequest, state: web::Data<State>, id: Path<String>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        allowed(&visit, Right::ManageClients).await?;
        details(&visit, &id, None).await
    };
    answered(&http, &state, work).await
}

/// Returns the page of one client.
async fn details(visit: &Visit, id: &str, secret: Option<String>) -> Result<HttpResponse, Turned> {
    let client = visit.accounts.store.client(id).await?.ok_or_else(gone)?;
    let (name, status) = (client.metadata.client_name.clone(), client.status.name());
    let page = ClientDetails {
        frame: visit.frame(),
        secret,
        facts: facts(&client),
        seen: seen(&visit.accounts, &client)?,
        deeds: deeds(&client),
        id: client.id,
        name,
        status,
    };
    Ok(visit.page(200, &page))
}

/// Returns what tells one state of a client's metadata from another: the form brings it back, so that nobody approves what
/// came after they looked.
fn seen(accounts: &Accounts, client: &Client) -> Result<String, Fault> {
    let text = serde_json::to_string(&client.metadata).map_err(|e| Fault::internal("a client cannot be written", e))?;
    Ok(super::super::hex(&accounts.seal.hash("client", &format!("{} {text}", client.id))))
}

fn facts(client: &Client) -> Vec<Fact> {
    let it = &client.metadata;
    let proof = match it.token_endpoint_auth_method {
        AuthMethod::None => "nothing: a public client",
        AuthMethod::SecretBasic | AuthMethod::SecretPost => "a secret",
        AuthMethod::PrivateKey => "its own keys",
    };
    let keys = it.jwks.as_ref().and_then(|set| set.get("keys")).and_then(Value::as_array);
    let kids = keys.into_iter().flatten().filter_map(|key| key.get("kid").and_then(Value::as_str));
    let one = |text: &Option<String>| text.iter().cloned().collect();
    let all = [
        ("Id", vec![client.id.clone()]),
        ("Since", vec![page::when(client.created)]),
        ("Proves who it is by", vec![proof.to_string()]),
        ("Asks tokens with", it.grant_types.clone()),
        ("May have at most", it.scope.split(' ').map(String::from).collect()),
        ("Redirect addresses", it.redirect_uris.clone()),
        ("Launch addresses", it.launch_uris.clone()),
        ("Address of its keys", one(&it.jwks_uri)),
        ("Its keys", kids.map(String::from).collect()),
        ("Contacts", it.contacts.clone()),
        ("Home page", one(&it.client_uri)),
        ("Terms", one(&it.tos_uri)),
        ("Privacy", one(&it.policy_uri)),
        ("Software", one(&it.software_id)),
    ];
    let told = all.into_iter().filter(|(_, values)| values.iter().any(|value| !value.is_empty()));
    told.map(|(name, values)| Fact { name, values }).collect()
}

fn deeds(client: &Client) -> Vec<(&'static str, &'static str)> {
    let mut deeds = match client.status {
        Status::Waiting => vec![("approve", "Approve"), ("suspend", "Refuse")],
        Status::Active => vec![("suspend", "Suspend")],
        Status::Suspended => vec![("activate", "Activate again")],
    };
    if client.secret.is_some() {
        deeds.push(("secret", "Make a new secret"));
    }
    deeds
}

async fn change(http: HttpRequest, state: web::Data<State>, id: Path<String>, payload: web::Payload) -> HttpResponse {
    let work = async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let mut here = format!("{PLACE}/");
        crate::rest::query::encode(&mut here, &id);
        let session = allowed_to_change(&visit, Right::ManageClients, &here).await?;
        let (store, request) = (&visit.accounts.store, visit.visitor().request);
        let by = By { principal: &session.account.id.to_string(), request: &request };
        let deed = match value(&form, "do") {
            Some("approve") => Deed::Approve,
            Some("activate") => Deed::Activate,
            Some("suspend") => Deed::Suspend,
            Some("secret") => {
                let secret = clients::renew_secret(store, &id, &by).await?.ok_or_else(gone)?;
                return details(&visit, &id, Some(secret)).await;
            }
            Some("remove") if value(&form, "sure") == Some("yes") => {
                clients::remove(store, &id, &by).await?;
                return Ok(visit.go(PLACE));
            }
            _ => return Err(Fault::new(Kind::Invalid, "the form does not say what to do").into()),
        };
        let client = store.client(&id).await?.ok_or_else(gone)?;
        if deed != Deed::Suspend && value(&form, "seen") != Some(&seen(&visit.accounts, &client)?) {
            let text = "this client has changed what it says of itself since you looked: go back, reload, look again";
            return Err(Fault::new(Kind::Conflict, text).into());
        }
        clients::set_status(store, &id, deed, &by).await?.ok_or_else(gone)?;
        Ok(visit.go(&here))
    };
    answered(&http, &state, work).await
}

fn gone() -> Fault {
    Fault::new(Kind::NotFound, "there is no such client")
}

async fn blank(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        allowed_to_change(&visit, Right::ManageClients, "/admin/clients/new").await?;
        Ok(visit.page(200, &NewClient { frame: visit.frame(), ..NewClient::default() }))
    };
    answered(&http, &state, work).await
}

async fn add(http: HttpRequest, state: web::Data<State>, payload: web::Payload) -> HttpResponse {
    let work = async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let session = allowed_to_change(&visit, Right::ManageClients, "/admin/clients/new").await?;
        let accounts = &visit.accounts;
        let by = By { principal: &session.account.id.to_string(), request: &visit.visitor().request };
        let id = value(&form, "id").unwrap_or("").trim();
        let done = match metadata(&form) {
            Ok(body) => clients::add(&accounts.store, id, &body, &accounts.settings.base_url, &by)
                .await
                .map_err(|refusal| refusal.description),
            Err(text) => Err(text),
        };
        match done {
            Ok((client, secret)) => details(&visit, &client.id, secret).await,
            Err(text) => Ok(visit.page(400, &again(&visit, &form, text))),
        }
    };
    answered(&http, &state, work).await
}

/// Returns the form as it was filled in, with what is wrong.
fn again(visit: &Visit, form: &Form, error: String) -> NewClient {
    let told = |name: &str| value(form, name).unwrap_or("").to_string();
    let mut frame = visit.frame();
    frame.error = Some(error);
    NewClient {
        frame,
        id: told("id"),
        client_name: told("client_name"),
        redirect_uris: told("redirect_uris"),
        launch_uris: told("launch_uris"),
        scope: told("scope"),
        proof: told("proof"),
        jwks: told("jwks"),
        jwks_uri: told("jwks_uri"),
    }
}

/// Returns the form as a registration would say the same.
fn metadata(form: &Form) -> Result<Value, String> {
    let lines = |name: &str| -> Vec<&str> {
        value(form, name).unwrap_or("").lines().map(str::trim).filter(|line| !line.is_empty()).collect()
    };
    let method = match value(form, "proof") {
        Some("public") => "none",
        Some("secret") => "client_secret_basic",
        Some("keys") => "private_key_jwt",
        _ => return Err("Say how the client proves who it is.".to_string()),
    };
    let (redirects, scope) = (lines("redirect_uris"), value(form, "scope").unwrap_or(""));
    let mut body = Map::new();
    body.insert("client_name".into(), json!(value(form, "client_name")));
    body.insert("token_endpoint_auth_method".into(), json!(method));
    body.insert("grant_types".into(), json!(clients::grants_for(!redirects.is_empty(), scope)));
    body.insert("redirect_uris".into(), json!(redirects));
    body.insert("launch_uris".into(), json!(lines("launch_uris")));
    body.insert("scope".into(), json!(scope));
    body.insert("jwks_uri".into(), json!(value(form, "jwks_uri").map(str::trim)));
    if let Some(text) = value(form, "jwks").map(str::trim).filter(|text| !text.is_empty()) {
        let set = serde_json::from_str(text).map_err(|e| format!("jwks: it is not JSON: {e}"))?;
        body.insert("jwks".into(), set);
    }
    Ok(Value::Object(body))
}
