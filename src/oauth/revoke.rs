//! A client gives a token back.
//!
//! RFC 7009: a refresh token ends with all that its authorization gave, an access token alone. What is not known, and what is
//! another client's, is left as it is; the answer is the same.

use super::Claims;
use super::Server;
use super::call::Call;
use super::refusal::Refusal;
use crate::store::audit::Entry;
use crate::store::identity::client::Client;
use crate::store::identity::hash;
use crate::store::identity::revocation::Revoked;

/// Ends a token. `access` are the claims where it is an access token that this server accepts.
pub async fn revoke(
    server: &Server,
    client: &Client,
    call: &Call<'_>,
    token: &str,
    access: Option<&Claims>,
) -> Result<(), Refusal> {
    let what = match access {
        Some(claims) if claims.client_id.as_deref() == Some(client.id.as_str()) => {
            server.store.revoke(Revoked::Token, &claims.jti).await?;
            format!("the access token {} was revoked", claims.jti)
        }
        Some(_) => return Ok(()),
        None => {
            let Some(known) = server.store.look_refresh_token(hash(token)).await? else { return Ok(()) };
            let authorization = server.store.authorization(known.authorization).await?;
            let Some(authorization) = authorization.filter(|found| found.client == client.id) else { return Ok(()) };
            server.store.end_authorizations(&[authorization.id]).await?;
            format!("the authorization {} was ended", authorization.id)
        }
    };
    let entry = Entry::event("revoke", &call.visitor.request, &client.id, 200).of_client(&client.id);
    server.recorder.note(entry.with_detail(what)).await;
    Ok(())
}
