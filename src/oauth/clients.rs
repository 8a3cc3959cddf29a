//! The administration of clients: one function for each deed, used by the command line, the pages and registration.
//!
//! What is taken from a client ends its tokens on every process within a second. Each deed is in the audit.

use super::register::metadata::{self, Rules};
use super::{Refusal, refusal};
use crate::fault::Fault;
use crate::fhir::Instant;
use crate::store::Store;
use crate::store::audit::Entry;
use crate::store::identity::client::{AuthMethod, Client, Metadata, Status};
use crate::store::identity::revocation::Revoked;
use serde_json::Value;

/// Who does it, for the audit.
pub struct By<'a> {
    pub principal: &'a str,
    pub request: &'a str,
}

/// What is done to a client that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    Approve,
    Activate,
    Suspend,
    /// Other metadata, or another secret.
    Change,
}

impl Deed {
    fn name(self) -> &'static str {
        match self {
            Deed::Approve => "approved",
            Deed::Activate => "activated",
            Deed::Suspend => "suspended",
            Deed::Change => "changed",
        }
    }
}

/// A new secret: for the client, once, and for the database.
pub struct Given {
    pub plain: String,
    pub kept: String,
}

/// Adds a client by hand: the checks of a registration, but with an id of its own and active at once.
pub async fn add(
    store: &Store,
    id: &str,
    body: &Value,
    base_url: &str,
    by: &By<'_>,
) -> Result<(Client, Option<String>), Refusal> {
    if !is_id(id) {
        let text = "id: must be 1 to 100 letters, digits, '.', '_', '~' or '-'";
        return Err(Refusal::new(refusal::Error::InvalidClientMetadata, text));
    }
    let metadata = metadata::read(body, &Rules { base_url, registry: store.registry() })?;
    let given = secret_of(&metadata).await?;
    let (secret, plain) = given.map_or((None, None), |given| (Some(given.kept), Some(given.plain)));
    let client = Client { id: id.to_string(), status: Status::Active, secret, metadata, created: Instant::now() };
    if !store.add_client(&client).await? {
        let text = format!("id: there is a client '{id}' already");
        return Err(Refusal::new(refusal::Error::InvalidClientMetadata, text));
    }
    // A removal that was cut short, or done by hand, may have left what people allowed the last client of this name.
    store.end_authorizations_of(None, None, Some(id)).await?;
    note(store, id, "added", by).await?;
    Ok((client, plain))
}

/// Returns the grants that redirect URIs and scopes call for, where nobody names any.
pub fn grants_for(has_redirects: bool, scope: &str) -> Vec<String> {
    let acts_alone = scope.split_ascii_whitespace().any(|scope| scope.starts_with("system/"));
    let app = (has_redirects || !acts_alone).then_some("authorization_code");
    let system = acts_alone.then_some("client_credentials");
    app.into_iter().chain(system).map(String::from).collect()
}

/// Approves, activates or suspends a client; none when it is gone.
pub async fn set_status(store: &Store, id: &str, deed: Deed, by: &By<'_>) -> Result<Option<Client>, Fault> {
    let Some(mut client) = store.client(id).await? else { return Ok(None) };
    client.status = if deed == Deed::Suspend { Status::Suspended } else { Status::Active };
    change(store, &client, deed, by).await?;
    Ok(Some(client))
}

/// Gives a client another secret, which ends what it had with the old one; none where it has none or is gone.
pub async fn renew_secret(store: &Store, id: &str, by: &By<'_>) -> Result<Option<String>, Fault> {
    let Some(mut client) = store.client(id).await? else { return Ok(None) };
    let Some(given) = secret_of(&client.metadata).await? else { return Ok(None) };
    client.secret = Some(given.kept);
    change(store, &client, Deed::Change, by).await?;
    end_tokens(store, id).await?;
    Ok(Some(given.plain))
}

/// Keeps a changed client. One that may not act any more loses what it had.
pub async fn change(store: &Store, client: &Client, deed: Deed, by: &By<'_>) -> Result<(), Fault> {
    store.change_client(client).await?;
    if client.status != Status::Active {
        end_tokens(store, &client.id).await?;
    }
    note(store, &client.id, deed.name(), by).await
}

/// Removes a client and all it had; false when it was gone.
pub async fn remove(store: &Store, id: &str, by: &By<'_>) -> Result<bool, Fault> {
    let was_there = store.remove_client(id).await?;
    // Also where an earlier removal was cut short before this.
    end_tokens(store, id).await?;
    if was_there {
        note(store, id, "removed", by).await?;
    }
    Ok(was_there)
}

async fn end_tokens(store: &Store, id: &str) -> Result<(), Fault> {
    store.end_authorizations_of(None, None, Some(id)).await?;
    store.revoke(Revoked::Client, id).await?;
    Ok(())
}

/// Writes the audit row at once: a command ends before a queue would be written.
async fn note(store: &Store, id: &str, what: &str, by: &By<'_>) -> Result<(), Fault> {
    let entry = Entry::event("client", by.request, by.principal, 200).of_client(id).with_detail(what);
    store.audit(&[entry]).await?;
    Ok(())
}

/// Returns a new secret for a client that authenticates by one.
pub async fn secret_of(metadata: &Metadata) -> Result<Option<Given>, Fault> {
    match metadata.token_endpoint_auth_method {
        AuthMethod::SecretBasic | AuthMethod::SecretPost => {
            let plain = crate::account::secret();
            let kept = seal(&plain).map_err(|e| Fault::internal("failed to hash a secret", e))?;
            Ok(Some(Given { plain, kept }))
        }
        AuthMethod::None | AuthMethod::PrivateKey => Ok(None),
    }
}

/// Returns the argon2id of a secret. Its 256 random bits cannot be guessed, so that the cost may be small: it is paid at
/// every request for a token.
fn seal(plain: &str) -> Result<String, argon2::password_hash::Error> {
    use argon2::password_hash::PasswordHasher;
    use argon2::{Algorithm, Argon2, Params, Version};
    let params = Params::new(4096, 1, 1, None)?;
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    Ok(argon.hash_password(plain.as_bytes())?.to_string())
}

/// Ids stand in addresses, forms and logs.
fn is_id(id: &str) -> bool {
    (1..=100).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._~-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_kept_as_argon2id_and_opens_with_itself_alone() {
        use argon2::password_hash::PasswordVerifier;
        use argon2::password_hash::phc::PasswordHash;
        let kept = seal("one").expect("a short secret can be hashed");
        assert!(kept.starts_with("$argon2id$v=19$m=4096,t=1,p=1$"), "{kept}");
        let hash = PasswordHash::new(&kept).expect("it is in PHC notation");
        assert!(argon2::Argon2::default().verify_password(b"one", &hash).is_ok());
        assert!(argon2::Argon2::default().verify_password(b"two", &hash).is_err());
    }

    #[test]
    fn ids_are_plain() {
        for (id, good) in
            [("my-app", true), ("a.b_c~1", true), ("", false), ("a b", false), ("a/b", false), ("ä", false)]
        {
            assert_eq!(is_id(id), good, "{id}");
        }
        assert!(!is_id(&"a".repeat(101)));
    }
}
