//! `medilink revoke`: ends tokens before their time, on every server of the database within a second.

use clap::Args;
use medilink::app::{self, Failure};
use medilink::config::{self, Settings};
use medilink::fhir::Instant;
use medilink::oauth::verify;
use medilink::store::audit::Entry;
use medilink::store::identity::revocation::Revoked;
use medilink::store::{Store, StoreError};

#[derive(Args)]
#[group(skip)]
pub struct Revoke {
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    pub settings: config::Args,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct What {
    /// This access token
    #[arg(long, value_name = "JWT")]
    token: Option<String>,
    /// The access token of this id (jti), as the audit names it
    #[arg(long, value_name = "ID")]
    jti: Option<String>,
    /// Everything that was given to apps in the name of this person: a login, or the subject of tokens
    #[arg(long, value_name = "LOGIN")]
    account: Option<String>,
    /// Everything that was given to this client
    #[arg(long, value_name = "ID")]
    client: Option<String>,
}

pub async fn run(revoke: Revoke, settings: &Settings) -> Result<(), Failure> {
    super::with_store(settings, async |store, database| {
        let failed = |e: StoreError| Failure(format!("failed to revoke: {e}"));
        let what = revoke.what;
        let detail = if let Some(token) = what.token {
            let keys = app::keys(&database.data_dir)?;
            let verified = verify::verify_now(&keys, store, &settings.base_url, token.trim()).await;
            let claims = verified.map_err(|e| Failure(e.to_string()))?.claims;
            let ends = Instant(claims.exp.saturating_mul(1_000_000));
            store.revoke_until(Revoked::Token, &claims.jti, ends).await.map_err(failed)?;
            format!("token {}", claims.jti)
        } else if let Some(jti) = what.jti {
            store.revoke(Revoked::Token, &jti).await.map_err(failed)?;
            format!("token {jti}")
        } else if let Some(name) = what.account {
            let id = end_account(store, name).await?;
            format!("all tokens of the account {id}")
        } else if let Some(client) = what.client {
            if store.client(&client).await.map_err(failed)?.is_none() {
                eprintln!("note: there is no client '{client}' now; what one of this name was given ends all the same");
            }
            store.revoke(Revoked::Client, &client).await.map_err(failed)?;
            store.end_authorizations_of(None, None, Some(&client)).await.map_err(failed)?;
            format!("all tokens of the client {client}")
        } else {
            return Err(Failure("nothing was named that could be revoked".to_string()));
        };
        let request = uuid::Uuid::new_v4().to_string();
        let entry = Entry::event("revoke", &request, "operator", 200).with_detail(detail.as_str());
        store.audit(&[entry]).await.map_err(failed)?;
        println!("revoked: {detail}");
        Ok(())
    })
    .await
}

/// Ends what was given in the name of a person; returns the subject of their tokens. Their sessions go on.
async fn end_account(store: &Store, name: String) -> Result<String, Failure> {
    let failed = |e: StoreError| Failure(format!("failed to revoke: {e}"));
    let account = store.account_by_login(&name).await.map_err(failed)?;
    // Subjects of operators' tokens are no logins: `Practitioner/1`, `operator`.
    let is_subject = name == "operator" || name.contains('/') || uuid::Uuid::parse_str(&name).is_ok();
    if account.is_none() && !is_subject {
        return Err(Failure(format!("there is no person with the login '{name}'; nothing was revoked")));
    }
    let id = account.as_ref().map_or(name, |account| account.id.to_string());
    store.revoke(Revoked::Account, &id).await.map_err(failed)?;
    if let Some(account) = account {
        store.end_authorizations_of(Some(account.id), None, None).await.map_err(failed)?;
    }
    Ok(id)
}
