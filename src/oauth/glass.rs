//! The purpose of use BTG at the token endpoint: for who has broken the glass, and for as long as that lasts.
//!
//! `purpose_of_use=BTG` with a refresh token or a token exchange; `patient` says whose record where the person has broken the glass
//! over several. Whether the grant is still open is asked again whenever the token is used.

use super::call::Call;
use super::exchange::BREAK_THE_GLASS;
use super::refusal::{Error, Refusal};
use super::{Claims, Server};
use crate::fhir::Instant;
use crate::store::identity::break_glass::Broken;

/// Returns the grant that a client asks a token for; none where it asks for no purpose.
pub async fn asked(server: &Server, who: Option<&str>, call: &Call<'_>) -> Result<Option<Broken>, Refusal> {
    match call.field("purpose_of_use") {
        None => Ok(None),
        Some(BREAK_THE_GLASS) => open(server, who, call.field("patient"), call.at).await.map(Some),
        Some(_) => Err(Refusal::new(Error::InvalidRequest, "'purpose_of_use' can only be BTG here")),
    }
}

/// Returns the one open grant of a person, over the record of this patient where one is named.
pub async fn open(server: &Server, who: Option<&str>, patient: Option<&str>, at: Instant) -> Result<Broken, Refusal> {
    let refused = |why: &str| Refusal::new(Error::InvalidTarget, why);
    let who = who.ok_or_else(|| refused("the token speaks for no person"))?;
    let mut open = server.store.open_glass(who, at).await?;
    open.retain(|glass| patient.is_none_or(|patient| glass.patient.as_str() == patient));
    match (open.pop(), open.is_empty()) {
        (Some(one), true) => Ok(one),
        (None, _) => Err(refused("the person has broken no glass here, or that has ended")),
        (Some(_), false) => {
            Err(refused("the person has broken the glass over several records: say whose in 'patient'"))
        }
    }
}

/// Returns claims that carry a grant, and end with it.
pub fn carried(claims: Claims, glass: &Broken) -> Claims {
    Claims {
        exp: claims.exp.min(glass.expires.0 / 1_000_000),
        purpose_of_use: Some(BREAK_THE_GLASS.into()),
        btg: Some(glass.id.clone()),
        ..claims
    }
}
