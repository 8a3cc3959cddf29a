//! Signing in through one outside OpenID provider, whose people are linked to accounts here one by one.
//!
//! OpenID Connect Core 1.0 3.1 with PKCE (RFC 7636) and the issuer in the answer (RFC 9207). Nobody is linked by an e-mail
//! address or a name: the provider's `sub` alone says who somebody is, and an account is linked by its owner or by an
//! administrator.

mod provider;

pub use provider::Provider;

use super::sign_in::Step;
use super::{Accounts, Session, Settings, Visitor, secret};
use crate::fault::{Fault, Kind};
use crate::fhir::Instant;
use crate::store::identity::account::Account;
use crate::store::identity::attempt::Limit;
use crate::store::identity::client::Status;
use crate::store::identity::hash;
use crate::store::identity::once::Once;
use crate::store::identity::passkey::{Removal, Way};
use provider::{Refused, Vouched};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How long a person may take at the provider.
const AWAY_S: i64 = 900;
const TRIES: Limit = Limit { count: 30, within_s: 300 };

/// Where the provider sends people back to, below the address of our pages.
pub const RETURN_PATH: &str = "/login/outside/done";

/// What is kept while a person is at the provider.
#[derive(Serialize, Deserialize)]
struct Journey {
    nonce: String,
    verifier: String,
    next: String,
    /// Who wants to link the outside identity to their account; none who wants to sign in.
    link: Option<Uuid>,
}

/// What the provider sends people back with.
#[derive(Debug, Default)]
pub struct Returned<'a> {
    pub state: &'a str,
    pub code: Option<&'a str>,
    pub error: Option<&'a str>,
    pub issuer: Option<&'a str>,
    /// What ties the journey to one browser.
    pub visit: &'a str,
}

/// How a journey ends well.
pub enum Arrival {
    /// The person is known.
    Known(Box<Known>),
    /// The identity is linked to the account of the person who asked for it.
    Linked,
}

/// Returns the address and the words of the way to sign in through the provider. `?next=` may follow the address.
pub fn button(settings: &Settings) -> Option<(&'static str, String)> {
    settings.federation.as_ref().map(|provider| ("/login/outside", format!("Sign in with {}", provider.name)))
}

/// Somebody whom the provider vouches for, and who has an account here.
pub struct Known {
    pub account: Account,
    /// The factors that the provider stands for.
    pub methods: Vec<&'static str>,
    /// When they were shown, where the provider says.
    pub shown: Option<Instant>,
    /// Where the person wanted to go.
    pub next: String,
}

impl Accounts {
    /// Returns the address at the provider that a browser goes to: to sign in, or to link an identity to a session's account.
    /// `is_again` has a person whom the provider knows still show a factor once more.
    pub async fn begin_federation(
        &self,
        link: Option<&Session>,
        is_again: bool,
        next: &str,
        visit: &str,
        visitor: &Visitor,
    ) -> Result<String, Fault> {
        let provider = self.provider()?;
        self.count_federation(visitor).await?;
        if let Some(session) = link {
            self.demand_fresh(session)?;
        }
        let state = secret();
        let going = provider.address(&self.return_url(), &state, is_again).await.map_err(|e| away(provider, &e))?;
        let link = link.map(|session| session.account.id);
        let journey = Journey { nonce: going.nonce, verifier: going.verifier, next: next.to_string(), link };
        let kept = serde_json::to_value(&journey).map_err(|e| Fault::internal("failed to keep a journey", e))?;
        self.store.keep_once(Once::Federation, &format!("{state} {visit}"), &kept, AWAY_S).await?;
        Ok(going.address)
    }

    /// Takes in who comes back from the provider. `session` is whose browser it is, if anybody's.
    pub async fn finish_federation(
        &self,
        returned: &Returned<'_>,
        session: Option<&Session>,
        visitor: &Visitor,
    ) -> Result<Arrival, Fault> {
        let provider = self.provider()?;
        self.count_federation(visitor).await?;
        let kept = self.store.take_once(Once::Federation, &format!("{} {}", returned.state, returned.visit)).await?;
        let Some(kept) = kept else {
            let why = "outside sign-in: the state is not of this browser, was used, or has ended";
            return Err(self.turned_away(visitor, why, Fault::new(Kind::Forbidden, STRANGE)).await);
        };
        let journey: Journey =
            serde_json::from_value(kept).map_err(|e| Fault::internal("failed to read a journey", e))?;
        let vouched = match self.vouched(provider, returned, journey.nonce, journey.verifier).await {
            Ok(vouched) => vouched,
            Err(Refused::Away(error)) => return Err(away(provider, &error)),
            Err(Refused::Denied(why)) => {
                let words = format!("{} did not confirm who you are. You can try again.", provider.name);
                let why = format!("outside sign-in: {why}");
                return Err(self.turned_away(visitor, &why, Fault::new(Kind::Forbidden, words)).await);
            }
        };
        match journey.link {
            Some(id) => {
                self.link(provider, session.filter(|session| session.account.id == id), &vouched, visitor).await
            }
            None => self.known(provider, vouched, journey.next, visitor).await,
        }
    }

    /// Signs in who is known, or lets that wait for the second factor of theirs that the provider did not stand in for.
    pub async fn sign_in_known(&self, known: &Known, visitor: &Visitor) -> Result<Step, Fault> {
        if known.methods.contains(&"mfa") || self.second_factors(&known.account).await?.is_empty() {
            return Ok(Step::Done(self.begin_outside_session(known, visitor).await?));
        }
        Ok(Step::Factor(self.begin_waiting(&known.account, &known.methods).await?))
    }

    /// Begins a session for who is known, and returns the secret of its cookie.
    ///
    /// It is as fresh as the provider says; where that says nothing, it is not fresh: the person may have signed in there
    /// hours ago.
    async fn begin_outside_session(&self, known: &Known, visitor: &Visitor) -> Result<String, Fault> {
        let secret = self.begin_session(&known.account, &known.methods, visitor).await?;
        let now = Instant::now();
        let stale = Instant(now.0 - (self.settings.fresh_s_max + 1) * super::SECOND_US);
        let shown = known.shown.map_or(stale, |shown| shown.min(now));
        let methods: Vec<String> = known.methods.iter().map(ToString::to_string).collect();
        self.store.session_shown(hash(&secret), shown, &methods).await?;
        Ok(secret)
    }

    /// Asks the provider who it vouches for.
    async fn vouched(
        &self,
        provider: &Provider,
        returned: &Returned<'_>,
        nonce: String,
        verifier: String,
    ) -> Result<Vouched, Refused> {
        if returned.issuer.is_some_and(|issuer| issuer != provider.issuer) {
            return Err(Refused::Denied("the answer is of another issuer"));
        }
        let Some(code) = returned.code.filter(|_| returned.error.is_none()) else {
            return Err(Refused::Denied("the provider answered with an error"));
        };
        provider.vouched(&self.return_url(), code, nonce, verifier).await
    }

    async fn known(
        &self,
        provider: &Provider,
        vouched: Vouched,
        next: String,
        visitor: &Visitor,
    ) -> Result<Arrival, Fault> {
        let id = self.store.linked_account(&provider.issuer, &vouched.subject).await?;
        let account = match id {
            Some(id) => self.store.account(id).await?,
            None => None,
        };
        let Some(account) = account.filter(|account| account.status == Status::Active) else {
            let words = format!(
                "{} has confirmed who you are, but that is not linked to an active account here. Sign in with your password \
                 and link it under 'My account', or ask the administrator of this place to link it.",
                provider.name
            );
            let why = match id {
                None => "outside sign-in: not linked to an account",
                Some(_) => "outside sign-in: linked to an account that is not active",
            };
            return Err(self.turned_away(visitor, why, Fault::new(Kind::Forbidden, words)).await);
        };
        let methods = if vouched.by_several_factors { vec!["fed", "mfa"] } else { vec!["fed"] };
        Ok(Arrival::Known(Box::new(Known { account, methods, shown: vouched.shown, next })))
    }

    async fn link(
        &self,
        provider: &Provider,
        session: Option<&Session>,
        vouched: &Vouched,
        visitor: &Visitor,
    ) -> Result<Arrival, Fault> {
        let session = session.ok_or_else(|| Fault::new(Kind::Forbidden, STRANGE))?;
        let account = session.account.id;
        if !self.store.link_identity(&provider.issuer, &vouched.subject, account).await? {
            let text = format!("this sign-in of {} is linked to an account here already", provider.name);
            return Err(Fault::new(Kind::Duplicate, text));
        }
        self.tell("outside-identity", visitor, &account.to_string(), 201, "linked").await;
        Ok(Arrival::Linked)
    }

    /// Takes the link to an outside identity away, unless its person could not sign in without it.
    pub async fn unlink_identity(
        &self,
        session: &Session,
        issuer: &str,
        subject: &str,
        visitor: &Visitor,
    ) -> Result<(), Fault> {
        self.demand_fresh(session)?;
        let account = session.account.id;
        match self.store.remove_way(account, Way::Identity { issuer, subject }).await? {
            Removal::Done => self.tell("outside-identity", visitor, &account.to_string(), 204, "unlinked").await,
            Removal::NotThere => return Err(Fault::new(Kind::NotFound, "this link is not there any more")),
            Removal::Last => {
                let text = "this is your only way to sign in: set a password or add a passkey first";
                return Err(Fault::new(Kind::BusinessRule, text));
            }
        }
        Ok(())
    }

    fn provider(&self) -> Result<&Provider, Fault> {
        let text = "this place has no outside sign-in";
        self.settings.federation.as_deref().ok_or_else(|| Fault::new(Kind::NotFound, text))
    }

    fn return_url(&self) -> String {
        format!("{}{RETURN_PATH}", self.settings.root_url)
    }

    async fn count_federation(&self, visitor: &Visitor) -> Result<(), Fault> {
        match self.store.attempt(&format!("federation {}", super::sign_in::network(&visitor.address)), TRIES).await? {
            None => Ok(()),
            Some(seconds) => Err(Fault::new(Kind::Throttled, "too many tries; wait a little").after(seconds)),
        }
    }

    async fn turned_away(&self, visitor: &Visitor, why: &str, fault: Fault) -> Fault {
        self.tell("sign-in", visitor, "anonymous", fault.status(), why).await;
        fault
    }
}

const STRANGE: &str =
    "this sign-in was not begun in this browser, or took too long. Go to the sign-in page and begin again.";

fn away(provider: &Provider, error: &str) -> Fault {
    tracing::warn!(error, "the outside identity provider cannot be asked");
    let text = format!("{} cannot be reached at the moment. Try again later, or sign in another way.", provider.name);
    Fault::new(Kind::Unavailable, text)
}
