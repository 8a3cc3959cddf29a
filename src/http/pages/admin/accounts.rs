//! `/admin/accounts`: the list, one person and what can be done about them, and a form for another.

use super::super::super::State;
use super::super::{Form, Turned, Visit, answered, value};
use super::{ROWS_MAX, allowed, allowed_to_change, parameter};
use crate::access::role::{Right, Role};
use crate::account::admin::{self, By};
use crate::fault::{Fault, Kind};
use crate::page;
use crate::page::Frame;
use crate::page::admin_accounts::{AccountDetails, AccountRow, Accounts, NewAccount, RoleBox};
use crate::page::admin_clients::Fact;
use crate::store::identity::account::Account;
use crate::store::identity::client::Status;
use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse};
use uuid::Uuid;

/// People that a search goes through.
const SEARCHED_MAX: i64 = 10_000;
const PLACE: &str = "/admin/accounts";
const NEW: &str = "/admin/accounts/new";

pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource(PLACE).route(web::get().to(list)))
        .service(web::resource(NEW).route(web::get().to(blank)).route(web::post().to(add)))
        .service(web::resource("/admin/accounts/{id}").route(web::get().to(show)).route(web::post().to(change)));
}

async fn list(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        allowed(&visit, Right::ManageAccounts).await?;
        let (q, status) = (parameter(&visit, "q"), parameter(&visit, "status"));
        let mut found = visit.accounts.store.accounts(SEARCHED_MAX).await?;
        found.retain(|account| (status.is_empty() || account.status.name() == status) && is_found(account, &q));
        // Those that wait for somebody come first.
        found.sort_by_key(|account| account.status != Status::Waiting);
        let has_more = found.len() > ROWS_MAX;
        let rows = found.into_iter().take(ROWS_MAX).map(row).collect();
        Ok(visit.page(200, &Accounts { frame: visit.frame(), q, status, rows, has_more }))
    };
    answered(&http, &state, work).await
}

fn row(account: Account) -> AccountRow {
    let (id, status, roles) = (account.id.to_string(), account.status.name(), roles(&account).join(", "));
    AccountRow { id, name: account.name, login: account.login, status, roles }
}

fn roles(account: &Account) -> Vec<String> {
    account.roles.iter().map(|role| role.name().to_string()).collect()
}

fn is_found(account: &Account, q: &str) -> bool {
    let q = q.to_lowercase();
    let record = record(account).unwrap_or_default();
    q.is_empty() || [&account.login, &account.name, &record].iter().any(|text| text.to_lowercase().contains(&q))
}

fn record(account: &Account) -> Option<String> {
    account.fhir_user.as_ref().map(|(t, id)| format!("{t}/{id}"))
}

async fn show(http: HttpRequest, state: web::Data<State>, id: Path<String>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        let session = allowed(&visit, Right::ManageAccounts).await?;
        details(&visit, &By::person(session, &visit.visitor()), known(&id)?, None).await
    };
    answered(&http, &state, work).await
}

fn known(id: &str) -> Result<Uuid, Fault> {
    Uuid::try_parse(id).map_err(|_| gone())
}

fn gone() -> Fault {
    Fault::new(Kind::NotFound, "there is no such person")
}

/// Returns the page of one person.
async fn details(visit: &Visit, by: &By, id: Uuid, link: Option<String>) -> Result<HttpResponse, Turned> {
    let account = visit.accounts.store.account(id).await?.ok_or_else(gone)?;
    let passkeys = visit.accounts.store.passkeys_of(id).await?.len();
    let page = AccountDetails {
        frame: visit.frame(),
        id: id.to_string(),
        name: account.name.clone(),
        status: account.status.name(),
        link,
        facts: facts(&account, passkeys),
        is_open: by.may_change(&account),
        deeds: deeds(&account, passkeys),
        roles: boxes(by, &account.roles),
    };
    Ok(visit.page(200, &page))
}

fn facts(account: &Account, passkeys: usize) -> Vec<Fact> {
    let app = account.totp.is_some().then(|| "authenticator app".to_string());
    let keys = (passkeys > 0).then(|| format!("passkeys: {passkeys}"));
    let factors: Vec<String> = app.into_iter().chain(keys).collect();
    let all = [
        ("Login", vec![account.login.clone()]),
        ("Email", account.email.iter().cloned().collect()),
        ("Record", record(account).into_iter().collect()),
        ("Roles", roles(account)),
        ("Since", vec![page::when(account.created)]),
        ("Second factor", if factors.is_empty() { vec!["none".to_string()] } else { factors }),
    ];
    all.into_iter().filter(|(_, values)| !values.is_empty()).map(|(name, values)| Fact { name, values }).collect()
}

fn deeds(account: &Account, passkeys: usize) -> Vec<(&'static str, &'static str)> {
    let mut deeds = match account.status {
        Status::Waiting => vec![("approve", "Approve"), ("suspend", "Refuse")],
        Status::Active => vec![("suspend", "Suspend")],
        Status::Suspended => vec![("activate", "Activate again")],
    };
    deeds.push(("reset", "Make a link to set a password"));
    if account.totp.is_some() || passkeys > 0 {
        deeds.push(("factors", "Remove second factors and make a link"));
    }
    deeds
}

/// Returns tick boxes for the roles that may be given, those held ticked.
fn boxes(by: &By, held: &[Role]) -> Vec<RoleBox> {
    let given = Role::ALL.into_iter().filter(|role| by.may_give(*role));
    given.map(|role| RoleBox { name: role.name(), is_ticked: held.contains(&role) }).collect()
}

async fn change(http: HttpRequest, state: web::Data<State>, id: Path<String>, payload: web::Payload) -> HttpResponse {
    let work = async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let id = known(&id)?;
        let here = format!("{PLACE}/{id}");
        let session = allowed_to_change(&visit, Right::ManageAccounts, &here).await?;
        let (accounts, by) = (&visit.accounts, By::person(session, &visit.visitor()));
        let done = match value(&form, "do") {
            Some("approve") => accounts.approve(id, &by).await.map(drop),
            Some("activate") => accounts.activate(id, &by).await.map(drop),
            Some("suspend") => accounts.suspend(id, &by).await.map(drop),
            Some("roles") => accounts.set_roles(id, &ticked(&form)?, &by).await.map(drop),
            Some(deed @ ("reset" | "factors")) => {
                let link = match deed {
                    "reset" => accounts.reset_link(id, &by).await,
                    _ => accounts.remove_factors(id, &by).await,
                };
                match link {
                    Ok(link) => return details(&visit, &by, id, Some(link)).await,
                    Err(fault) => Err(fault),
                }
            }
            _ => Err(Fault::new(Kind::Invalid, "the form does not say what to do")),
        };
        if let Err(fault) = done {
            super::refused(&visit, session, &fault).await;
            return Err(fault.into());
        }
        Ok(visit.go(&here))
    };
    answered(&http, &state, work).await
}

fn ticked(form: &Form) -> Result<Vec<Role>, Fault> {
    let names = form.iter().filter(|(name, _)| name == "role").map(|(_, value)| Role::parse(value));
    names.collect::<Option<Vec<Role>>>().ok_or_else(|| Fault::new(Kind::Invalid, "the form names a role that is none"))
}

async fn blank(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        let session = allowed_to_change(&visit, Right::ManageAccounts, NEW).await?;
        let by = By::person(session, &visit.visitor());
        Ok(visit.page(200, &form_page(visit.frame(), &by, &admin::NewAccount::default())))
    };
    answered(&http, &state, work).await
}

async fn add(http: HttpRequest, state: web::Data<State>, payload: web::Payload) -> HttpResponse {
    let work = async {
        let (visit, form) = Visit::post(&http, &state, payload).await?;
        let session = allowed_to_change(&visit, Right::ManageAccounts, NEW).await?;
        let by = By::person(session, &visit.visitor());
        let told = |name: &str| value(&form, name).map(|text| text.trim().to_string());
        let new = admin::NewAccount {
            login: told("login").unwrap_or_default(),
            name: told("name").unwrap_or_default(),
            email: told("email"),
            roles: ticked(&form)?,
            fhir_user: told("fhir_user").filter(|text| !text.is_empty()),
            password: None,
        };
        match visit.accounts.add(&new, &by).await {
            Ok(account) => {
                let link = visit.accounts.reset_link(account.id, &by).await?;
                details(&visit, &by, account.id, Some(link)).await
            }
            Err(fault) => {
                super::refused(&visit, session, &fault).await;
                visit.again(fault, |frame| form_page(frame, &by, &new))
            }
        }
    };
    answered(&http, &state, work).await
}

fn form_page(frame: Frame, by: &By, new: &admin::NewAccount) -> NewAccount {
    NewAccount {
        frame,
        login: new.login.clone(),
        name: new.name.clone(),
        email: new.email.clone().unwrap_or_default(),
        fhir_user: new.fhir_user.clone().unwrap_or_default(),
        roles: boxes(by, &new.roles),
    }
}
