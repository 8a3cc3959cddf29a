//! People: how they show who they are, and how long that holds.
//!
//! Everything guessable is counted in the database, so that all processes share one limit. What refuses says the same in
//! the same time whether the person exists or not.

pub mod seal;

use crate::access::Principal;
use crate::access::principal::{Person, Token};
use crate::access::scope::Scope;
use crate::audit::Recorder;
use crate::fault::Fault;
use crate::store::Store;
use crate::store::identity::account::Account;
use crate::store::identity::session::SessionRow;
use seal::Seal;
use std::sync::Arc;

/// What an installation sets for people.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the pages are: the base URL without its last part; no slash at the end.
    pub root_url: String,
    /// The FHIR base URL, which is also the issuer of tokens.
    pub base_url: String,
    /// The name of this installation on its pages.
    pub name: String,
    /// A session that is not used for so long ends.
    pub session_idle_s: i64,
    /// A session ends after so long in any case.
    pub session_s_max: i64,
    /// How old a factor may be for what needs a fresh one.
    pub fresh_s_max: i64,
}

/// Where a request comes from, for limits, sessions and the audit.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The network address.
    pub address: String,
    /// The User-Agent, cut to a sensible length.
    pub device: String,
    /// The request id.
    pub request: Box<str>,
}

/// The people of one thread.
#[derive(Clone)]
pub struct Accounts {
    pub store: Store,
    pub settings: Arc<Settings>,
    pub recorder: Recorder,
    pub seal: Arc<Seal>,
}

/// A signed-in person.
#[derive(Debug, Clone)]
pub struct Session {
    pub row: SessionRow,
    pub account: Account,
}

impl Accounts {
    pub fn new(store: Store, settings: Arc<Settings>, recorder: Recorder, seal: Arc<Seal>) -> Accounts {
        Accounts { store, settings, recorder, seal }
    }

    /// Returns the session of a cookie, while it lasts and its account is active. Notes that it was used.
    pub async fn session(&self, _secret: &str) -> Result<Option<Session>, Fault> {
        todo!("accounts")
    }

    /// Begins a session and returns the secret for its cookie: always a new one, so that none can be fixed beforehand.
    ///
    /// `methods` are the factors shown: `pwd`, `otp`, `hwk`, `fed`.
    pub async fn begin_session(
        &self,
        _account: &Account,
        _methods: &[&str],
        _visitor: &Visitor,
    ) -> Result<String, Fault> {
        todo!("accounts")
    }

    /// Ends a session, and what was allowed for as long as it lasts.
    pub async fn end_session(&self, _session: &Session) -> Result<(), Fault> {
        todo!("accounts")
    }
}

impl Session {
    /// Returns the person as policy sees them.
    pub fn person(&self) -> Person {
        Person {
            roles: self.account.roles.clone(),
            fhir_user: self.account.fhir_user.clone(),
            authenticated_s: self.row.auth_at.0 / 1_000_000,
            methods: self.row.methods.iter().map(|method| method.as_str().into()).collect(),
        }
    }

    /// Returns who our own pages ask as: the person with all that their roles allow.
    pub fn principal(&self) -> Principal {
        let own = self.account.fhir_user.as_ref().filter(|(t, _)| *t == crate::fhir::ResourceType::PATIENT);
        Principal::Token(Arc::new(Token {
            subject: self.account.id.to_string(),
            token_id: String::new(),
            scopes: Scope::parse("user/*.cruds").into_iter().collect(),
            patient: own.map(|(_, id)| id.clone()),
            person: Some(self.person()),
            ..Token::default()
        }))
    }

    /// Returns whether a factor was shown so lately that what needs a fresh one may go on.
    pub fn is_fresh(&self, settings: &Settings) -> bool {
        crate::fhir::Instant::now().0 - self.row.auth_at.0 <= settings.fresh_s_max * 1_000_000
    }
}
