//! A refresh token is exchanged for the next one, and a new access token.
//!
//! RFC 6749 6, RFC 9700 4.14.2: a token that comes again was stolen, or the thief's came first. Then the whole family ends.
//! One exception: an answer may be lost on its way. For ten seconds a used token is taken once more, while its successor was
//! never used; that successor ends thereby. So of two holders one is always left with a token whose use ends the family.

use super::answer::{self, Answer};
use super::call::{Call, invalid_grant};
use super::refusal::Refusal;
use super::{Server, audit, dpop, glass, standing};
use crate::store::identity::authorization::Succession;
use crate::store::identity::client::Client;
use crate::store::identity::hash;

const GRACE_S: i64 = 10;

pub async fn refresh(server: &Server, client: &Client, call: &Call<'_>) -> Result<Answer, Refusal> {
    let told = hash(call.required("refresh_token")?);
    let device_key = dpop::device_key(server, call).await?;
    let unknown = || invalid_grant("the refresh token is not known or has ended");
    let known = server.store.look_refresh_token(told).await?.ok_or_else(unknown)?;
    let standing = standing::look(server, known.authorization, client, call.at).await?;
    if call.at >= known.ends {
        return Err(unknown());
    }
    if let Some(bound) = &standing.authorization.allowed.device_key
        && device_key.as_ref() != Some(bound)
    {
        audit::alert(server, client, call, "a refresh token was sent without proof of its device's key").await;
        return Err(invalid_grant("the refresh token is bound to a device: send a DPoP proof with its key"));
    }
    let scope = standing::narrowed(&standing.scope, call.field("scope"))?;
    let who = standing.account.fhir_user.as_ref().map(|(t, id)| format!("{t}/{id}"));
    let broken = glass::asked(server, who.as_deref(), call).await?;
    let fresh = crate::account::secret();
    let ends = answer::refresh_ends(client, &standing).ok_or_else(unknown)?;
    let next = Succession { used: told, next: hash(&fresh), ends };
    if !server.store.rotate_refresh_token(next).await? && !server.store.repeat_refresh_token(next, GRACE_S).await? {
        server.store.end_authorizations(&[known.authorization]).await?;
        audit::alert(server, client, call, "a used refresh token came again; its whole family was ended").await;
        return Err(invalid_grant("the refresh token was used before; the authorization has ended"));
    }
    let beside = answer::Beside { refresh_token: Some(&fresh), nonce: None, glass: broken.as_ref() };
    answer::answer(server, &standing, &scope, beside)
}
