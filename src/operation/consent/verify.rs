//! That it is really the person who consents: a second factor shown a moment ago, or a code sent along.
//!
//! R4 `Consent.verification`; RFC 6238 for codes.

use super::super::parameters::Parameters;
use crate::access::Principal;
use crate::account::Visitor;
use crate::fault::{Fault, Kind};
use crate::fhir::Instant;
use crate::interaction::Context;
use crate::store::identity::account::Account;

/// Methods of RFC 8176 that are second factors.
const SECOND: [&str; 2] = ["otp", "hwk"];

/// Returns whether a second factor was shown. Whoever has one must; whoever has none must have signed in a moment ago.
pub async fn verified(ctx: &Context<'_>, parameters: &Parameters) -> Result<bool, Fault> {
    if *ctx.grant.principal() == Principal::Unrestricted {
        return Ok(false);
    }
    let (Some(person), Some(accounts)) = (ctx.grant.principal().person(), ctx.accounts) else {
        return Err(Fault::new(Kind::Forbidden, "consent is given by a person who is signed in"));
    };
    let account = account(ctx).await?;
    if let Some(code) = parameters.text("verification")? {
        let account = account.ok_or_else(|| Fault::new(Kind::Forbidden, "there is no account that the code is of"))?;
        let visitor = Visitor { address: String::new(), device: String::new(), request: ctx.request.id.clone() };
        accounts.check_code(&account, code, &visitor).await?;
        return Ok(true);
    }
    let age_s = Instant::now().0 / 1_000_000 - person.authenticated_s;
    let is_fresh = age_s <= accounts.settings.fresh_s_max;
    if is_fresh && person.methods.iter().any(|method| SECOND.contains(&&**method)) {
        return Ok(true);
    }
    let has_second = match &account {
        Some(account) => account.totp.is_some() || !ctx.store.passkeys_of(account.id).await?.is_empty(),
        None => true,
    };
    if is_fresh && !has_second {
        return Ok(false);
    }
    let text = "this needs a code of the authenticator app as the parameter 'verification', or a sign-in with a second \
                factor a moment ago";
    Err(Fault::new(Kind::Forbidden, text))
}

async fn account(ctx: &Context<'_>) -> Result<Option<Account>, Fault> {
    match uuid::Uuid::parse_str(ctx.grant.principal().name()) {
        Ok(id) => Ok(ctx.store.account(id).await?),
        Err(_) => Ok(None),
    }
}
