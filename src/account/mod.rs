//! People: how they show who they are, and how long that holds.
//!
//! Everything guessable is counted in the database, so that all processes share one limit. What refuses says the same in
//! the same time whether the person exists or not.

pub mod admin;
pub mod factor;
pub mod federation;
pub mod issue;
pub mod passkey;
pub mod password;
pub mod reset;
pub mod seal;
pub mod session;
pub mod sign_in;

use crate::access::Principal;
use crate::access::principal::{Person, Token};
use crate::access::scope::Scope;
use crate::audit::Recorder;
use crate::fault::Fault;
use crate::fhir::Instant;
use crate::store::Store;
use crate::store::audit::Entry;
use crate::store::identity::account::Account;
use crate::store::identity::client::Status;
use crate::store::identity::hash;
use crate::store::identity::session::SessionRow;
use seal::Seal;
use std::sync::Arc;

const SECOND_US: i64 = 1_000_000;

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
    /// An outside identity provider that people may sign in through.
    pub federation: Option<Arc<federation::Provider>>,
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
    /// Signs tokens that operations hand out; none where security is off, and in commands.
    pub issuer: Option<Arc<dyn issue::Issuer>>,
}

/// A signed-in person.
#[derive(Debug, Clone)]
pub struct Session {
    pub row: SessionRow,
    pub account: Account,
}

impl Accounts {
    pub fn new(store: Store, settings: Arc<Settings>, recorder: Recorder, seal: Arc<Seal>) -> Accounts {
        Accounts { store, settings, recorder, seal, issuer: None }
    }

    /// Lets operations hand out tokens.
    pub fn with_issuer(self, issuer: Option<Arc<dyn issue::Issuer>>) -> Accounts {
        Accounts { issuer, ..self }
    }

    /// Returns the session of a cookie, while it lasts and its account is active. Notes that it was used.
    pub async fn session(&self, secret: &str) -> Result<Option<Session>, Fault> {
        let Some(row) = self.store.session(hash(secret)).await? else { return Ok(None) };
        let now = Instant::now();
        let unused_us = now.0 - row.seen.0;
        if now >= row.ends || unused_us > self.settings.session_idle_s * SECOND_US {
            return Ok(None);
        }
        let account = self.store.account(row.account).await?;
        let Some(account) = account.filter(|account| account.status == Status::Active) else { return Ok(None) };
        // Once a minute is often enough to know that it is in use, where an idle session lasts much longer than that.
        if unused_us > (self.settings.session_idle_s / 10).clamp(1, 60) * SECOND_US {
            self.store.session_seen(row.hash, now).await?;
        }
        Ok(Some(Session { row, account }))
    }

    /// Begins a session and returns the secret for its cookie: always a new one, so that none can be fixed beforehand.
    ///
    /// `methods` are the factors shown: `pwd`, `otp`, `hwk`, `fed`.
    pub async fn begin_session(&self, account: &Account, methods: &[&str], visitor: &Visitor) -> Result<String, Fault> {
        let (secret, now) = (secret(), Instant::now());
        let row = SessionRow {
            hash: hash(&secret),
            account: account.id,
            auth_at: now,
            methods: methods.iter().map(ToString::to_string).collect(),
            created: now,
            seen: now,
            ends: Instant(now.0 + self.settings.session_s_max * SECOND_US),
            device: visitor.device.clone(),
            address: visitor.address.clone(),
        };
        self.store.add_session(&row).await?;
        let entry = Entry::event("sign-in", &visitor.request, &account.id.to_string(), 200);
        self.recorder.note(entry.with_detail(format!("factors: {}", methods.join(" ")))).await;
        Ok(secret)
    }

    /// Ends a session, and what was allowed for as long as it lasts.
    pub async fn end_session(&self, session: &Session) -> Result<(), Fault> {
        self.store.end_authorizations_of(None, Some(session.row.hash), None).await?;
        self.store.end_session(session.row.hash, session.account.id).await?;
        Ok(())
    }
}

impl Session {
    /// Returns the person as policy sees them.
    pub fn person(&self) -> Person {
        Person {
            roles: self.account.roles.clone(),
            fhir_user: self.account.fhir_user.clone(),
            reads_itself: false,
            authenticated_s: self.row.auth_at.0 / 1_000_000,
            methods: self.row.methods.iter().map(|method| method.as_str().into()).collect(),
        }
    }

    /// Returns who our own pages ask as: the person with all that their roles allow.
    pub fn principal(&self) -> Principal {
        Principal::Token(Arc::new(self.token()))
    }

    /// The same of a person who has broken the glass: what is asked is asked for that.
    pub fn principal_breaking(&self, grant: &str) -> Principal {
        let (purpose, glass) = (Some("BTG".into()), Some(grant.into()));
        Principal::Token(Arc::new(Token { purpose, glass, ..self.token() }))
    }

    fn token(&self) -> Token {
        let own = self.account.fhir_user.as_ref().filter(|(t, _)| *t == crate::fhir::ResourceType::PATIENT);
        Token {
            subject: self.account.id.to_string(),
            token_id: String::new(),
            scopes: Scope::parse("user/*.cruds").into_iter().collect(),
            patient: own.map(|(_, id)| id.clone()),
            person: Some(self.person()),
            ..Token::default()
        }
    }

    /// Returns whether a factor was shown so lately that what needs a fresh one may go on.
    pub fn is_fresh(&self, settings: &Settings) -> bool {
        Instant::now().0 - self.row.auth_at.0 <= settings.fresh_s_max * 1_000_000
    }
}

/// Returns a new secret of 256 bits, in letters that a URL may carry.
pub fn secret() -> String {
    use aws_lc_rs::rand::{SecureRandom, SystemRandom};
    use base64::Engine;
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).expect("the system's random source is there, or nothing here can be safe");
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
