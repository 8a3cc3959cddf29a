//! The pages: HTML for people, with cookies, and therefore with guards that the API does not need.
//!
//! Every form carries a CSRF token bound to the cookie of its visitor. Cookies are HttpOnly and SameSite=Lax, and over https
//! Secure with the `__Host-` prefix. The policy of content lets nothing in but our own style and scripts.

mod account;
mod admin;
mod apps;
mod ask;
mod authorize;
mod card;
mod classes;
mod clinician;
mod emergency;
mod event;
mod federation;
mod health_id;
mod menu;
mod names;
mod passkey;
mod patient;
mod proof;
mod reset;
mod sessions;
mod sign_in;
mod step_up;
mod told;

use super::{State, adapt, oauth};
use crate::account::{Accounts, Session, Visitor};
use crate::fault::{Fault, Kind};
use crate::page::{self, Frame, Message};
use crate::store::audit::Entry;
use crate::store::identity::hex;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

/// The cookie of a session.
const SESSION: &str = "medilink";
/// The cookie of a visitor who is not signed in: what CSRF tokens of the first forms are bound to.
const VISIT: &str = "medilink-visit";

pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/assets/style.css", web::get().to(style))
        .route("/assets/icon.svg", web::get().to(icon))
        .route("/favicon.ico", web::get().to(icon))
        .route(menu::HOME, web::get().to(home));
    account::routes(config);
    admin::routes(config);
    apps::routes(config);
    authorize::routes(config);
    card::routes(config);
    clinician::routes(config);
    emergency::routes(config);
    federation::routes(config);
    passkey::routes(config);
    patient::routes(config);
    reset::routes(config);
    sessions::routes(config);
    sign_in::routes(config);
    step_up::routes(config);
}

pub use health_id::routes_below;

/// One request of a browser.
pub struct Visit {
    pub http: HttpRequest,
    pub accounts: Accounts,
    pub session: Option<Session>,
    /// The CSRF token of the forms on the answer.
    pub csrf: String,
    /// A cookie of a visitor that is new and goes out with the answer.
    new_visit: Option<String>,
}

pub type Form = Vec<(String, String)>;

/// Why a handler ends before its end.
pub enum Turned {
    /// Something has to be done on another page first.
    Elsewhere(Box<HttpResponse>),
    Fault(Fault),
}

fn elsewhere(response: HttpResponse) -> Turned {
    Turned::Elsewhere(Box::new(response))
}

impl<E: Into<Fault>> From<E> for Turned {
    fn from(error: E) -> Turned {
        Turned::Fault(error.into())
    }
}

impl Visit {
    /// Returns the visit of a request that changes nothing.
    pub async fn look(http: &HttpRequest, state: &State) -> Result<Visit, Fault> {
        let server = state.oauth.as_ref();
        let server =
            server.ok_or_else(|| Fault::new(Kind::NotFound, "this server runs without security: it has no pages"))?;
        let accounts = server.accounts.clone();
        let secret = cookie(http, &accounts, SESSION);
        let session = match &secret {
            Some(secret) => accounts.session(secret).await?,
            None => None,
        };
        let known = if session.is_some() { secret } else { cookie(http, &accounts, VISIT) };
        let (bound, new_visit) = match known {
            Some(known) => (known, None),
            None => {
                let fresh = crate::account::secret();
                (fresh.clone(), Some(fresh))
            }
        };
        let csrf = hex(&accounts.seal.hash("csrf", &bound));
        Ok(Visit { http: http.clone(), accounts, session, csrf, new_visit })
    }

    /// Returns the visit and the form of a POST, once it is sure that the form is one of ours.
    pub async fn post(http: &HttpRequest, state: &State, payload: web::Payload) -> Result<(Visit, Form), Fault> {
        let visit = Visit::look(http, state).await?;
        let text = String::from_utf8(oauth::bytes(payload).await?.to_vec())
            .map_err(|_| Fault::new(Kind::Invalid, "the form is not UTF-8"))?;
        let form = crate::rest::query::parse(&text)?;
        visit.demand_ours(value(&form, "csrf").unwrap_or(""))?;
        Ok((visit, form))
    }

    /// Checks that a request that changes something comes from a page of this visit, which `told` it the CSRF token.
    fn demand_ours(&self, told: &str) -> Result<(), Fault> {
        let origin = self.http.headers().get(header::ORIGIN).map(|v| v.to_str().unwrap_or("?"));
        let is_ours = origin.is_none_or(|origin| origin == self::origin(&self.accounts));
        let holds = aws_lc_rs::constant_time::verify_slices_are_equal(told.as_bytes(), self.csrf.as_bytes()).is_ok();
        if !is_ours || !holds || self.new_visit.is_some() {
            let text = "This form was not filled in on a page of this visit, or the visit has ended. Go back, reload the \
                        page and try again.";
            return Err(Fault::new(Kind::Forbidden, text));
        }
        Ok(())
    }

    /// Returns the session, or the answer that sends the visitor to the sign-in page and back here afterwards.
    pub fn signed_in(&self) -> Result<&Session, Turned> {
        self.session.as_ref().ok_or_else(|| {
            let here = self.http.uri().path_and_query().map_or("/account", |p| p.as_str());
            let here = if self.http.method() == actix_web::http::Method::GET { here } else { "/account" };
            let mut to = "/login?next=".to_string();
            crate::rest::query::encode(&mut to, here);
            elsewhere(self.go(&to))
        })
    }

    /// Returns the session where a factor was shown lately, or the answer that has one shown and leads to `next` then.
    pub fn fresh(&self, next: &str) -> Result<&Session, Turned> {
        let session = self.signed_in()?;
        if session.is_fresh(&self.accounts.settings) {
            return Ok(session);
        }
        let mut to = "/step-up?next=".to_string();
        crate::rest::query::encode(&mut to, next);
        Err(elsewhere(self.go(&to)))
    }

    /// Returns where the request comes from.
    pub fn visitor(&self) -> Visitor {
        oauth::visitor(&self.http)
    }

    /// Returns a parameter of the URL.
    pub fn param(&self, name: &str) -> Option<String> {
        let pairs = crate::rest::query::parse(self.http.query_string()).ok()?;
        value(&pairs, name).map(str::to_string)
    }

    /// Returns a form once more, with what was wrong with it; a fault that no other entry mends goes on as it is.
    pub fn again<P: Template>(&self, fault: Fault, form: impl FnOnce(Frame) -> P) -> Result<HttpResponse, Turned> {
        if !matches!(fault.kind(), Kind::Forbidden | Kind::Throttled | Kind::BusinessRule | Kind::Duplicate) {
            return Err(fault.into());
        }
        let frame = Frame { error: Some(in_words(&fault)), ..self.frame() };
        let mut response = self.page(fault.status(), &form(frame));
        if let Some(seconds) = fault.retry_after_s() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        Ok(response)
    }

    /// Returns the frame of a page for this visitor.
    pub fn frame(&self) -> Frame {
        Frame {
            place: self.accounts.settings.name.clone(),
            person: self.session.as_ref().map(|session| session.account.name.clone()),
            menu: menu::menu(self.session.as_ref()),
            csrf: self.csrf.clone(),
            notice: None,
            error: None,
        }
    }

    /// Returns a page.
    pub fn page(&self, status: u16, page: &impl Template) -> HttpResponse {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let Ok(html) = page.render() else {
            tracing::error!("a page could not be written");
            return HttpResponse::InternalServerError().finish();
        };
        let mut response = HttpResponse::build(status).content_type("text/html; charset=utf-8").body(html);
        self.finish(&mut response);
        response
    }

    /// Returns a page of a few words.
    pub fn message(&self, status: u16, title: &str, words: &[&str], links: &[(&str, &str)]) -> HttpResponse {
        let words = words.iter().map(ToString::to_string).collect();
        let links = links.iter().map(|(to, words)| (to.to_string(), words.to_string())).collect();
        self.page(status, &Message { frame: self.frame(), title: title.to_string(), words, links })
    }

    /// Returns a redirect to an address of ours, or of an app whose registration names it.
    pub fn go(&self, to: &str) -> HttpResponse {
        let mut response = HttpResponse::SeeOther().insert_header((header::LOCATION, to)).finish();
        self.finish(&mut response);
        response
    }

    /// Puts the cookie of a new session on an answer; the visit of before ends.
    pub fn sign_in(&self, response: &mut HttpResponse, secret: &str) {
        // A header that cannot be written is no cookie; then the person signs in again.
        let _ = response.add_cookie(&self.cookie(SESSION, secret));
        self.forget(response, VISIT);
    }

    /// Takes the cookie of the session away.
    pub fn sign_out(&self, response: &mut HttpResponse) {
        self.forget(response, SESSION);
    }

    fn forget(&self, response: &mut HttpResponse, name: &str) {
        let mut cookie = self.cookie(name, "");
        cookie.make_removal();
        let _ = response.add_cookie(&cookie);
    }

    fn cookie(&self, name: &str, value: &str) -> Cookie<'static> {
        let secure = is_secure(&self.accounts);
        Cookie::build(cookie_name(&self.accounts, name), value.to_string())
            .path("/")
            .http_only(true)
            .secure(secure)
            .same_site(SameSite::Lax)
            .finish()
    }

    fn finish(&self, response: &mut HttpResponse) {
        if let Some(visit) = &self.new_visit {
            let _ = response.add_cookie(&self.cookie(VISIT, visit));
        }
        guard(&self.http, response);
    }
}

/// Adds what every page carries: nothing is loaded from elsewhere, framed elsewhere, kept, or told to others.
pub fn guard(http: &HttpRequest, response: &mut HttpResponse) {
    const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data: https:; connect-src 'self'; \
                          base-uri 'none'; frame-ancestors 'none'";
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("referrer-policy", "same-origin"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    // An app may open its sign-in in a window of its own and wait there for the answer. This header, on any page on the way
    // and with any value, would cut that window off from the app for good; so pages that no app leads through have it alone.
    if ["/account", "/admin", "/clinician", "/patient", "/home"].iter().any(|place| http.path().starts_with(place)) {
        let name = HeaderName::from_static("cross-origin-opener-policy");
        headers.insert(name, HeaderValue::from_static("same-origin"));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Ok(id) = HeaderValue::from_str(&adapt::request_id(http)) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
}

/// Returns what went wrong in words for people: without the paths of elements, which only a program reads.
pub fn in_words(fault: &Fault) -> String {
    let issues: Vec<&str> = fault.issues().iter().map(|issue| &*issue.diagnostics).collect();
    page::sentence(&issues.join("; "))
}

/// Answers a visitor with what went wrong, as a page.
pub async fn answered(
    http: &HttpRequest,
    state: &State,
    work: impl Future<Output = Result<HttpResponse, Turned>>,
) -> HttpResponse {
    let fault = match work.await {
        Ok(response) => return response,
        Err(Turned::Elsewhere(response)) => return *response,
        Err(Turned::Fault(fault)) => fault,
    };
    if fault.kind() == Kind::Internal {
        tracing::error!(?fault, "a page failed");
    }
    let title = match fault.status() {
        403 => "This is not allowed",
        404 => "There is nothing here",
        429 => "Too many tries",
        503 => "The server is busy",
        400..500 => "This cannot be done",
        _ => "The server failed",
    };
    record(http, state, &fault).await;
    let words = in_words(&fault);
    let mut response = match Visit::look(http, state).await {
        Ok(visit) => {
            // Nobody is left where nothing goes on.
            let on = if visit.session.is_some() { ("/account", "My account") } else { ("/login", "Sign in") };
            visit.message(fault.status(), title, &[&words], &[on])
        }
        Err(_) => {
            HttpResponse::build(StatusCode::from_u16(fault.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
                .content_type("text/plain; charset=utf-8")
                .body(words)
        }
    };
    if let Some(seconds) = fault.retry_after_s() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    guard(http, &mut response);
    response
}

/// Writes to the audit that a page, or a form on one, was refused; what the form held stays out of it.
pub async fn record(http: &HttpRequest, state: &State, fault: &Fault) {
    let Some(server) = state.oauth.as_ref().filter(|_| fault.kind() == Kind::Forbidden) else { return };
    let session = Visit::look(http, state).await.ok().and_then(|visit| visit.session);
    let who = session.map_or_else(|| "anonymous".to_string(), |session| session.account.id.to_string());
    let action = if http.method() == actix_web::http::Method::GET { "page" } else { "form" };
    let visitor = oauth::visitor(http);
    let detail = format!("{} {}; from {}", http.method(), http.path(), visitor.address);
    server.recorder.note(Entry::event(action, &visitor.request, &who, fault.status()).with_detail(detail)).await;
}

/// Returns the value of a field of a form, none where it is empty.
pub fn value<'a>(form: &'a [(String, String)], name: &str) -> Option<&'a str> {
    form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}

/// Returns where to go after signing in: an address of ours, never one of another host.
pub fn next(given: Option<&str>) -> &str {
    let is_ours = |next: &&str| {
        next.starts_with('/')
            && !next.starts_with("//")
            && !next.contains('\\')
            && next.bytes().all(|b| b.is_ascii_graphic())
    };
    given.filter(is_ours).unwrap_or(menu::HOME)
}

fn cookie(http: &HttpRequest, accounts: &Accounts, name: &str) -> Option<String> {
    http.cookie(&cookie_name(accounts, name)).map(|cookie| cookie.value().to_string()).filter(|value| !value.is_empty())
}

fn cookie_name(accounts: &Accounts, name: &str) -> String {
    if is_secure(accounts) { format!("__Host-{name}") } else { name.to_string() }
}

fn is_secure(accounts: &Accounts) -> bool {
    accounts.settings.root_url.starts_with("https://")
}

/// Returns the origin of our pages, as a browser writes it.
fn origin(accounts: &Accounts) -> String {
    url::Url::parse(&accounts.settings.root_url)
        .map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
}

/// Leads a person to where they begin.
async fn home(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    answered(&http, &state, async {
        let visit = Visit::look(&http, &state).await?;
        let to = menu::home(visit.signed_in()?);
        Ok(visit.go(to))
    })
    .await
}

async fn style(http: HttpRequest) -> HttpResponse {
    asset(&http, "text/css; charset=utf-8", page::STYLE)
}

async fn icon(http: HttpRequest) -> HttpResponse {
    asset(&http, "image/svg+xml", page::ICON)
}

/// Returns something that all pages share and that may be kept for a while.
fn asset(http: &HttpRequest, kind: &str, text: &'static str) -> HttpResponse {
    let cached = (header::CACHE_CONTROL, "public, max-age=3600");
    let mut response = HttpResponse::Ok().content_type(kind).insert_header(cached).body(text);
    guard(http, &mut response);
    response
}
