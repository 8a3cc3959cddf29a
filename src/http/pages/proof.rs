//! Whether it is really the person: a factor shown a moment ago, a second one where there is one.

use super::sign_in::path_with;
use super::{Turned, Visit, elsewhere};
use crate::account::Session;
use crate::account::sign_in::Second;
use crate::fault::Fault;

/// Methods of RFC 8176 that are second factors.
const SECONDS: [&str; 2] = ["otp", "hwk"];

/// What is left to prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Nothing: it was shown a moment ago.
    Shown,
    /// A code of the authenticator app does; so does the page that asks for factors.
    Code,
    /// The page that asks for factors has to be passed.
    StepUp,
    /// There is no second factor that could be shown.
    NoSecond,
}

/// Returns what is left to prove by a person who wants something that others must not do in their name. Without a second factor the
/// password does, unless `demands_second`.
pub async fn proof(visit: &Visit, session: &Session, demands_second: bool) -> Result<Proof, Fault> {
    let seconds = visit.accounts.second_factors(&session.account).await?;
    let is_fresh = session.is_fresh(&visit.accounts.settings);
    let has_shown = session.row.methods.iter().any(|method| SECONDS.contains(&method.as_str()));
    Ok(match (seconds.is_empty(), is_fresh) {
        (true, _) if demands_second => Proof::NoSecond,
        (true, true) => Proof::Shown,
        (true, false) => Proof::StepUp,
        (false, true) if has_shown => Proof::Shown,
        (false, _) if seconds.contains(&Second::Code) => Proof::Code,
        (false, _) => Proof::StepUp,
    })
}

/// Returns the address of the page that asks for factors and leads back.
pub fn step_up(back: &str) -> String {
    path_with("/step-up", back)
}

/// Goes on where it is proven, and by the page that asks for factors otherwise.
pub async fn demand(visit: &Visit, session: &Session, back: &str) -> Result<(), Turned> {
    match proof(visit, session, false).await? {
        Proof::Shown => Ok(()),
        _ => Err(elsewhere(visit.go(&step_up(back)))),
    }
}
