//! Signing in: a password or an outside provider's word, a second factor where there is one, a session. Each try is counted
//! before it is looked at.
//!
//! NIST SP 800-63B 3.2.2 for the limits. Who is refused learns neither whether the person exists nor, before the password
//! was right, what has become of the account.

use super::password::{self, Verdict};
use super::{Accounts, Session, Visitor, secret};
use crate::fault::{Fault, Kind};
use crate::fhir::Instant;
use crate::store::audit::Entry;
use crate::store::identity::account::Account;
use crate::store::identity::attempt::Limit;
use crate::store::identity::client::Status;
use crate::store::identity::hex;
use crate::store::identity::once::Once;
use serde_json::json;
use std::net::Ipv6Addr;
use uuid::Uuid;

/// Wrong passwords of one login.
const PASSWORDS: Limit = Limit { count: 5, within_s: 900 };
/// Wrong passwords from one address, for whomever.
const PASSWORDS_FROM: Limit = Limit { count: 20, within_s: 900 };
/// How long a sign-in waits for its second factor.
pub const BETWEEN_S: i64 = 600;

/// What a right password leads to.
pub enum Step {
    /// The secret of a new session.
    Done(String),
    /// The secret of a sign-in that waits for a second factor.
    Factor(String),
}

/// A second factor that a person has set up. One of them is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Second {
    /// A code of the authenticator app, or a recovery code in its place.
    Code,
    /// One of the person's passkeys.
    Passkey,
}

/// A sign-in that waits for its second factor.
pub struct Waiting {
    pub account: Account,
    /// The factors that were shown already.
    methods: Vec<String>,
}

impl Accounts {
    /// Returns the second factors of a person; none where the password is enough.
    pub async fn second_factors(&self, account: &Account) -> Result<Vec<Second>, Fault> {
        let has_passkey = !self.store.passkeys_of(account.id).await?.is_empty();
        let passkey = has_passkey.then_some(Second::Passkey);
        Ok(account.totp.iter().map(|_| Second::Code).chain(passkey).collect())
    }

    /// Signs a person in by password, as far as that goes.
    pub async fn sign_in(&self, login: &str, password: &str, visitor: &Visitor) -> Result<Step, Fault> {
        let account = self.check_password(login, password, visitor).await?;
        let refused = match account.status {
            Status::Active => None,
            Status::Waiting => Some("Your account waits for an administrator to approve it."),
            Status::Suspended => Some("Your account is suspended. Ask your administrator."),
        };
        if let Some(words) = refused {
            self.note("sign-in", &account.id.to_string(), 403, account.status.name(), visitor).await;
            return Err(Fault::new(Kind::Forbidden, words));
        }
        if self.second_factors(&account).await?.is_empty() {
            return Ok(Step::Done(self.begin_session(&account, &["pwd"], visitor).await?));
        }
        Ok(Step::Factor(self.begin_waiting(&account, &["pwd"]).await?))
    }

    /// Lets a sign-in wait for its second factor, and returns its secret. `methods` are the factors shown so far.
    pub async fn begin_waiting(&self, account: &Account, methods: &[&str]) -> Result<String, Fault> {
        let (waiting, mark) = (secret(), self.password_mark(account));
        let data = json!({"account": account.id.to_string(), "password": mark, "methods": methods});
        self.store.keep_once(Once::SignIn, &waiting, &data, BETWEEN_S).await?;
        Ok(waiting)
    }

    /// Returns the sign-in that waits for a second factor.
    pub async fn waiting(&self, waiting: &str) -> Result<Option<Waiting>, Fault> {
        let data = self.store.look_once(Once::SignIn, waiting).await?;
        let Some(data) = data else { return Ok(None) };
        let id = data["account"].as_str().and_then(|id| Uuid::parse_str(id).ok());
        let Some(id) = id else { return Ok(None) };
        // A password that was changed meanwhile was not shown here.
        let is_same = |account: &Account| data["password"].as_str() == Some(&self.password_mark(account));
        let account = self.store.account(id).await?;
        let account = account.filter(|account| account.status == Status::Active && is_same(account));
        let names = data["methods"].as_array().into_iter().flatten().filter_map(|name| name.as_str());
        Ok(account.map(|account| Waiting { account, methods: names.map(str::to_string).collect() }))
    }

    /// Ends a sign-in whose second factor was right, and returns the secret of the session.
    ///
    /// `shown` are the factors by their names in [`Accounts::begin_session`]; they join those of the first step.
    pub async fn finish_sign_in(&self, waiting: &str, shown: &[&str], visitor: &Visitor) -> Result<String, Fault> {
        let found = self.waiting(waiting).await?;
        let taken = self.store.take_once(Once::SignIn, waiting).await?;
        let Some((found, _)) = found.zip(taken) else { return Err(too_late()) };
        let methods: Vec<&str> = found.methods.iter().map(String::as_str).chain(shown.iter().copied()).collect();
        self.begin_session(&found.account, &methods, visitor).await
    }

    /// Returns the person of a login and a password, whatever the status of the account.
    pub async fn check_password(&self, login: &str, password: &str, visitor: &Visitor) -> Result<Account, Fault> {
        let login = login.trim().to_lowercase();
        // A password typed into the wrong field is not to stand in the table.
        let (key, from) =
            (format!("password:{}", self.mark("login", &login)), format!("password:{}", network(&visitor.address)));
        self.limited(&from, PASSWORDS_FROM, "sign-in", "anonymous", visitor).await?;
        self.limited(&key, PASSWORDS, "sign-in", "anonymous", visitor).await?;
        let account = self.store.account_by_login(&login).await?;
        let kept = account.as_ref().and_then(|account| account.password.as_deref());
        let verdict = password::verify(password, kept).await?;
        // The audit alone names the person whose password was guessed at.
        let who = account.as_ref().map_or_else(|| "anonymous".to_string(), |account| account.id.to_string());
        let Some(mut account) = account.filter(|_| verdict != Verdict::Wrong) else {
            self.note("sign-in", &who, 403, "the login or the password is wrong", visitor).await;
            return Err(Fault::new(Kind::Forbidden, "The login or the password is wrong."));
        };
        self.store.forget_attempts(&key).await?;
        self.store.give_back_attempt(&from).await?;
        if let Verdict::Rehashed(hash) = verdict
            && self.store.set_password(&account, &hash).await?
        {
            account.password = Some(hash);
        }
        Ok(account)
    }

    /// Notes that factors were shown again in a session, so that it is fresh.
    ///
    /// The factors of the session are then these alone: `auth_time` and `amr` are told together, and each factor that is told
    /// was shown at that time.
    pub async fn step_up(&self, session: &Session, methods: &[&str], visitor: &Visitor) -> Result<(), Fault> {
        let shown: Vec<String> = methods.iter().map(ToString::to_string).collect();
        self.store.session_shown(session.row.hash, Instant::now(), &shown).await?;
        let detail = format!("factors: {}", methods.join(" "));
        self.note("step-up", &session.account.id.to_string(), 200, &detail, visitor).await;
        Ok(())
    }

    /// Counts a try, and refuses it once there were too many.
    pub(super) async fn limited(
        &self,
        key: &str,
        limit: Limit,
        action: &'static str,
        who: &str,
        visitor: &Visitor,
    ) -> Result<(), Fault> {
        let Some(seconds) = self.store.attempt(key, limit).await? else { return Ok(()) };
        self.note(action, who, 429, "too many tries", visitor).await;
        let words = match seconds.div_ceil(60) {
            1 => "There were too many tries. Try again in a minute.".to_string(),
            minutes => format!("There were too many tries. Try again in {minutes} minutes."),
        };
        Err(Fault::new(Kind::Throttled, words).after(seconds))
    }

    /// Writes to the audit what a person did, or was refused.
    pub(super) async fn note(&self, action: &'static str, who: &str, status: u16, detail: &str, visitor: &Visitor) {
        let entry = Entry::event(action, &visitor.request, who, status);
        self.recorder.note(entry.with_detail(format!("{detail}; from {}", visitor.address))).await;
    }

    /// Returns what tells one password of a person from another, and nothing more.
    pub(super) fn password_mark(&self, account: &Account) -> String {
        self.mark("password", account.password.as_deref().unwrap_or(""))
    }

    fn mark(&self, purpose: &str, text: &str) -> String {
        hex(&self.seal.hash(purpose, text))
    }
}

/// Returns the refusal of a second factor that comes when nothing waits for it any more.
pub(super) fn too_late() -> Fault {
    Fault::new(Kind::Forbidden, "The sign-in took too long. Begin again.")
}

/// Returns what one guesser has many addresses of: for IPv6 the network of 64 bits, otherwise the address.
pub fn network(address: &str) -> String {
    match address.parse::<Ipv6Addr>() {
        Ok(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Err(_) => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::network;

    #[test]
    fn the_addresses_of_one_network_count_as_one() {
        for (address, want) in [
            ("192.0.2.9", "192.0.2.9"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
            ("", ""),
        ] {
            assert_eq!(network(address), want);
        }
    }
}
