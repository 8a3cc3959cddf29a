//! Passkeys: keys that a device keeps, and uses for this site alone once it has verified its owner.
//!
//! W3C Web Authentication Level 3 <https://www.w3.org/TR/webauthn-3/>. The device verifies its owner each time, so that a
//! passkey is two factors at once. Sign-in asks for a key without naming a person: nothing tells who has one.
//!
//! What a challenge began is kept under a secret and the visit of the browser that began it, and is good once.

use super::sign_in::too_late;
use super::{Accounts, Session, Settings, Visitor, secret};
use crate::fault::{Fault, Kind};
use crate::fhir::Instant;
use crate::store::audit::Entry;
use crate::store::identity::account::Account;
use crate::store::identity::attempt::Limit;
use crate::store::identity::client::Status;
use crate::store::identity::once::Once;
use crate::store::identity::passkey::{PasskeyRow, Removal, Way};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;
use webauthn_rs::prelude::{
    AuthenticationResult, DiscoverableAuthentication, Passkey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, WebauthnError,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

/// How long a device and its owner may take.
const CHALLENGE_S: i64 = 600;
const TRIES: Limit = Limit { count: 60, within_s: 300 };
const KEYS_MAX: usize = 20;
const NAME_CHARS_MAX: usize = 60;
const OF_ANOTHER: &str = "this is somebody else's passkey";
const REFUSED: &str = "this passkey was not accepted; try again, or sign in another way";

/// What a challenge is for; kept until its answer comes.
#[derive(Serialize, Deserialize)]
enum Ceremony {
    Add { account: Uuid, name: String, state: PasskeyRegistration },
    Use { account: Option<Uuid>, state: DiscoverableAuthentication },
}

/// The answer of a browser to a challenge.
pub struct Answer<'a> {
    /// The name that the challenge was given out under.
    pub state: &'a str,
    /// What ties a challenge to one browser.
    pub visit: &'a str,
    /// The PublicKeyCredential as JSON.
    pub credential: Value,
}

/// Returns what makes and checks challenges, or in words why there are no passkeys at this address.
///
/// The relying party is the host of our pages. Browsers know none without a name, and trust http on `localhost` alone.
pub fn relying_party(settings: &Settings) -> Result<Webauthn, String> {
    let url = Url::parse(&settings.root_url).ok();
    let port = url.as_ref().and_then(Url::port).map_or_else(String::new, |port| format!(":{port}"));
    let Some((url, host)) = url.as_ref().and_then(|url| Some((url, url.domain()?))) else {
        return Err(format!(
            "Passkeys need a host name, and this server is reached by a number. On your own machine let the server use \
             http://localhost{port} as its address."
        ));
    };
    if url.scheme() != "https" && host != "localhost" {
        return Err("Passkeys need an address that begins with https.".to_string());
    }
    WebauthnBuilder::new(host, url)
        .map(|builder| builder.rp_name(&settings.name))
        .and_then(WebauthnBuilder::build)
        .map_err(|e| format!("Passkeys cannot be used at this address: {e}."))
}

impl Accounts {
    /// Returns the options by which a browser makes a key for a signed-in person whose factor is fresh.
    pub async fn begin_passkey(&self, session: &Session, name: &str, visit: &str) -> Result<Value, Fault> {
        self.demand_fresh(session)?;
        let party = party(&self.settings)?;
        let name = name.trim();
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
            let text = format!("give the passkey a name of up to {NAME_CHARS_MAX} letters, such as 'My phone'");
            return Err(Fault::new(Kind::Invalid, text));
        }
        let account = &session.account;
        let known = self.store.passkeys_of(account.id).await?;
        if known.len() >= KEYS_MAX {
            return Err(Fault::new(Kind::BusinessRule, format!("a person may have {KEYS_MAX} passkeys; remove one")));
        }
        let known = known.into_iter().map(|row| row.id).collect();
        let (options, state) = party
            .start_passkey_registration(account.id, &account.login, &account.name, Some(known))
            .map_err(|e| Fault::internal("failed to begin a passkey", e))?;
        let mut options = json(&options)?;
        // Asked for as well as may be, so that signing in needs no name: devices without room make one all the same.
        options["publicKey"]["authenticatorSelection"]["residentKey"] = json!("preferred");
        self.challenge(options, &Ceremony::Add { account: account.id, name: name.to_string(), state }, visit).await
    }

    /// Adds the key that a browser has made.
    pub async fn add_passkey(&self, session: &Session, answer: Answer<'_>, visitor: &Visitor) -> Result<(), Fault> {
        self.demand_fresh(session)?;
        let party = party(&self.settings)?;
        let Some(Ceremony::Add { account, name, state }) = self.answered(&answer).await? else { return Err(over()) };
        if account != session.account.id {
            return Err(over());
        }
        let credential: RegisterPublicKeyCredential = read(answer.credential)?;
        let key = party.finish_passkey_registration(&credential, &state).map_err(|e| {
            Fault::new(Kind::Invalid, "this passkey could not be added; try again, or with another device")
                .with_source(e)
        })?;
        let id = key.cred_id().to_vec();
        let row = PasskeyRow { id, account, name, data: json(&key)?, created: Instant::now(), used: None };
        if !self.store.add_passkey(&row).await? {
            return Err(Fault::new(Kind::Duplicate, "this device has a passkey here already"));
        }
        self.tell("passkey", visitor, &account.to_string(), 201, "added").await;
        Ok(())
    }

    /// Takes a key away, unless its owner could not sign in without it.
    pub async fn remove_passkey(&self, session: &Session, id: &[u8], visitor: &Visitor) -> Result<(), Fault> {
        self.demand_fresh(session)?;
        let account = session.account.id;
        match self.store.remove_way(account, Way::Passkey(id)).await? {
            Removal::Done => self.tell("passkey", visitor, &account.to_string(), 204, "removed").await,
            Removal::NotThere => return Err(Fault::new(Kind::NotFound, "this passkey is not there any more")),
            Removal::Last => {
                let text = "this is your only way to sign in: set a password or add another passkey first";
                return Err(Fault::new(Kind::BusinessRule, text));
            }
        }
        Ok(())
    }

    /// Returns the options by which a browser uses a key: one of this person's, or of whoever it has keys of.
    pub async fn ask_passkey(&self, of: Option<&Account>, visit: &str, visitor: &Visitor) -> Result<Value, Fault> {
        self.count_passkey(visitor).await?;
        let party = party(&self.settings)?;
        let (mut options, state) =
            party.start_discoverable_authentication().map_err(|e| Fault::internal("failed to ask for a passkey", e))?;
        // The person has pressed a button: the browser asks at once instead of offering names in a field.
        options.mediation = None;
        let mut options = json(&options)?;
        if let Some(account) = of {
            let keys = self.store.passkeys_of(account.id).await?;
            let keys = keys.iter().map(|row| json!({"type": "public-key", "id": name_of(&row.id)})).collect();
            options["publicKey"]["allowCredentials"] = Value::Array(keys);
        }
        self.challenge(options, &Ceremony::Use { account: of.map(|account| account.id), state }, visit).await
    }

    /// Begins a session for the owner of the key that a browser has used, and returns the secret of its cookie.
    pub async fn sign_in_by_passkey(&self, answer: Answer<'_>, visitor: &Visitor) -> Result<String, Fault> {
        let (account, methods) = self.used(answer, visitor).await?;
        self.begin_session(&account, &methods, visitor).await
    }

    /// Ends a sign-in that waits for a second factor by a passkey, and returns the secret of the session.
    pub async fn finish_by_passkey(
        &self,
        waiting: &str,
        answer: Answer<'_>,
        visitor: &Visitor,
    ) -> Result<String, Fault> {
        let found = self.waiting(waiting).await?.ok_or_else(too_late)?;
        let (account, shown) = self.used(answer, visitor).await?;
        if account.id != found.account.id {
            return Err(Fault::new(Kind::Forbidden, OF_ANOTHER));
        }
        self.finish_sign_in(waiting, &shown, visitor).await
    }

    /// Notes in a session that its person has shown a passkey just now.
    pub async fn step_up_by_passkey(
        &self,
        session: &Session,
        answer: Answer<'_>,
        visitor: &Visitor,
    ) -> Result<(), Fault> {
        let (account, shown) = self.used(answer, visitor).await?;
        if account.id != session.account.id {
            return Err(Fault::new(Kind::Forbidden, OF_ANOTHER));
        }
        self.step_up(session, &shown, visitor).await
    }

    /// Checks the use of a key; returns its owner and the factors that were shown.
    async fn used(&self, answer: Answer<'_>, visitor: &Visitor) -> Result<(Account, Vec<&'static str>), Fault> {
        self.count_passkey(visitor).await?;
        let party = party(&self.settings)?;
        let Some(Ceremony::Use { account: of, state }) = self.answered(&answer).await? else { return Err(over()) };
        let credential: PublicKeyCredential = read(answer.credential)?;
        let row = self.store.passkey(credential.get_credential_id()).await?;
        let Some(row) = row.filter(|row| is_owner(row.account, of, credential.get_user_unique_id())) else {
            return Err(self.refused(visitor, "anonymous", "a passkey that is not known").await);
        };
        let who = row.account.to_string();
        let mut key: Passkey = serde_json::from_value(row.data.clone())
            .map_err(|e| Fault::internal(format!("failed to read a passkey of account {who}"), e))?;
        let result = match party.finish_discoverable_authentication_v2(&credential, state, &key) {
            Ok(result) => result,
            Err(WebauthnError::CredentialPossibleCompromise) => {
                return Err(self.refused(visitor, &who, "the counter of a passkey went back: it may be a copy").await);
            }
            Err(error) => return Err(self.refused(visitor, &who, &format!("passkey: {error}")).await),
        };
        let account = self.store.account(row.account).await?.filter(|account| account.status == Status::Active);
        let Some(account) = account else {
            return Err(self.refused(visitor, &who, "a passkey of an account that is not active").await);
        };
        key.update_credential(&result);
        if !self.store.passkey_used(&row, &json(&key)?, Instant::now()).await? {
            return Err(self.refused(visitor, &who, "a passkey was used twice at once").await);
        }
        Ok((account, methods(&result)))
    }

    /// Keeps what a challenge is for and returns what the browser is told.
    async fn challenge(&self, mut options: Value, ceremony: &Ceremony, visit: &str) -> Result<Value, Fault> {
        let name = secret();
        self.store.keep_once(Once::Passkey, &format!("{name} {visit}"), &json(ceremony)?, CHALLENGE_S).await?;
        options["state"] = json!(name);
        Ok(options)
    }

    async fn answered(&self, answer: &Answer<'_>) -> Result<Option<Ceremony>, Fault> {
        let kept = self.store.take_once(Once::Passkey, &format!("{} {}", answer.state, answer.visit)).await?;
        let read = |kept| serde_json::from_value(kept).map_err(|e| Fault::internal("failed to read a challenge", e));
        kept.map(read).transpose()
    }

    async fn count_passkey(&self, visitor: &Visitor) -> Result<(), Fault> {
        match self.store.attempt(&format!("passkey {}", super::sign_in::network(&visitor.address)), TRIES).await? {
            None => Ok(()),
            Some(seconds) => Err(Fault::new(Kind::Throttled, "too many tries; wait a little").after(seconds)),
        }
    }

    pub(super) fn demand_fresh(&self, session: &Session) -> Result<(), Fault> {
        let text = "this needs you to confirm first that it is you";
        session.is_fresh(&self.settings).then_some(()).ok_or_else(|| Fault::new(Kind::Forbidden, text))
    }

    async fn refused(&self, visitor: &Visitor, who: &str, why: &str) -> Fault {
        self.tell("sign-in", visitor, who, 401, why).await;
        Fault::new(Kind::Unauthorized, REFUSED)
    }

    pub(super) async fn tell(&self, action: &'static str, visitor: &Visitor, who: &str, status: u16, detail: &str) {
        self.recorder.note(Entry::event(action, &visitor.request, who, status).with_detail(detail)).await;
    }
}

/// Returns the name of a key in addresses and forms.
pub fn name_of(id: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(id)
}

/// Returns the key of a name.
pub fn id_of(name: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(name).ok()
}

/// WebAuthn 7.2 step 6: the key is of the person who was asked, or the device names its owner itself.
fn is_owner(owner: Uuid, asked: Option<Uuid>, told: Option<&[u8]>) -> bool {
    match (asked, told) {
        (None, None) => false,
        (asked, told) => asked.is_none_or(|id| id == owner) && told.is_none_or(|id| id == owner.as_bytes()),
    }
}

/// Returns what RFC 8176 calls a use of this key: kept in hardware or copied between devices, its owner verified.
fn methods(result: &AuthenticationResult) -> Vec<&'static str> {
    vec![if result.backup_eligible() { "swk" } else { "hwk" }, "user", "mfa"]
}

fn party(settings: &Settings) -> Result<Webauthn, Fault> {
    relying_party(settings).map_err(|words| Fault::new(Kind::NotSupported, words))
}

fn over() -> Fault {
    Fault::new(Kind::Forbidden, "this took too long, or was begun on another page: reload and try again")
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, Fault> {
    serde_json::from_value(value).map_err(|_| Fault::new(Kind::Invalid, "the credential is not of WebAuthn"))
}

fn json(value: &impl Serialize) -> Result<Value, Fault> {
    serde_json::to_value(value).map_err(|e| Fault::internal("failed to write JSON", e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(root_url: &str) -> Settings {
        Settings {
            root_url: root_url.to_string(),
            base_url: format!("{root_url}/fhir"),
            name: "Clinic".to_string(),
            session_idle_s: 60,
            session_s_max: 60,
            fresh_s_max: 60,
            federation: None,
        }
    }

    #[test]
    fn passkeys_need_a_name_that_browsers_trust() {
        for (root_url, want) in [
            ("https://clinic.example", None),
            ("https://clinic.example:8443/medilink", None),
            ("http://localhost:8080", None),
            ("http://127.0.0.1:8080", Some("http://localhost:8080")),
            ("https://[2001:db8::1]", Some("a host name")),
            ("http://clinic.example", Some("https")),
        ] {
            let found = relying_party(&settings(root_url)).err();
            assert_eq!(found.is_some(), want.is_some(), "{root_url}: {found:?}");
            assert!(want.is_none_or(|words| found.unwrap_or_default().contains(words)), "{root_url}");
        }
    }

    #[test]
    fn a_key_is_of_its_owner_alone() {
        let (owner, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for (asked, told, want) in [
            (None, None, false),
            (None, Some(owner), true),
            (None, Some(other), false),
            (Some(owner), None, true),
            (Some(owner), Some(owner), true),
            (Some(owner), Some(other), false),
            (Some(other), Some(owner), false),
        ] {
            let told = told.as_ref().map(|id| &id.as_bytes()[..]);
            assert_eq!(is_owner(owner, asked, told), want, "{asked:?} {told:?}");
        }
        assert!(!is_owner(owner, None, Some(b"short")));
    }
}
