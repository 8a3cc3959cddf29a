//! Passwords set anew: by the person who knows the old one, and by a link that is good once.

use super::{Accounts, Session, Visitor, password, secret};
use crate::fault::{Fault, Kind};
use crate::store::identity::account::Account;
use crate::store::identity::once::Once;
use serde_json::json;
use uuid::Uuid;

/// How long a link is good.
pub const LINK_S: i64 = 1800;

impl Accounts {
    /// Returns a link that sets a new password once. Who hands it out has to know whom they hand it to.
    pub(super) async fn keep_reset(&self, account: &Account) -> Result<String, Fault> {
        let token = secret();
        let data = json!({"account": account.id.to_string(), "password": self.password_mark(account)});
        self.store.keep_once(Once::Reset, &token, &data, LINK_S).await?;
        Ok(format!("{}/reset?token={token}", self.settings.root_url))
    }

    /// Returns whose password a link sets, and leaves the link as it is: programs that look at links use none up.
    pub async fn look_reset(&self, token: &str) -> Result<Account, Fault> {
        let ended =
            || Fault::new(Kind::Forbidden, "This link was used, or is too old. Ask your administrator for another.");
        let data = self.store.look_once(Once::Reset, token).await?.ok_or_else(ended)?;
        let id = data["account"].as_str().and_then(|id| Uuid::parse_str(id).ok()).ok_or_else(ended)?;
        let account = self.store.account(id).await?;
        // Of several links the first that is used ends the others.
        account.filter(|account| data["password"].as_str() == Some(&self.password_mark(account))).ok_or_else(ended)
    }

    /// Sets a password by a link. Ends everything that the person was signed in to; a second factor stays asked for.
    pub async fn reset(&self, token: &str, new: &str, visitor: &Visitor) -> Result<(), Fault> {
        let account = self.look_reset(token).await?;
        password::check(new, &account.login, &account.name)?;
        let hash = password::hashed(new).await?;
        let is_first = self.store.take_once(Once::Reset, token).await?.is_some();
        if !is_first || !self.store.set_password(&account, &hash).await? {
            return Err(Fault::new(Kind::Forbidden, "This link was used. Ask your administrator for another."));
        }
        self.end_everything(account.id).await?;
        self.note("password", &account.id.to_string(), 200, "set by link", visitor).await;
        Ok(())
    }

    /// Changes the password of a signed-in person: ends their other sessions, and their apps where `ends_apps`.
    ///
    /// `current` is looked at where there is a password; a person without one has shown a fresh factor instead.
    pub async fn change_password(
        &self,
        session: &Session,
        current: &str,
        new: &str,
        ends_apps: bool,
        visitor: &Visitor,
    ) -> Result<(), Fault> {
        let mut account = session.account.clone();
        if account.password.is_some() {
            let known = self.check_password(&account.login, current, visitor).await;
            account = known.map_err(|fault| match fault.kind() {
                Kind::Forbidden => Fault::new(Kind::Forbidden, "The current password is wrong."),
                _ => fault,
            })?;
        } else if !session.is_fresh(&self.settings) {
            return Err(Fault::new(Kind::Forbidden, "Confirm first that it is you."));
        }
        password::check(new, &account.login, &account.name)?;
        let hash = password::hashed(new).await?;
        if !self.store.set_password(&account, &hash).await? {
            return Err(Fault::new(Kind::Conflict, "The password was changed elsewhere at the same time."));
        }
        self.note("password", &account.id.to_string(), 200, "changed", visitor).await;
        self.end_other_sessions(session, visitor).await?;
        if ends_apps { self.end_apps(account.id).await } else { Ok(()) }
    }
}
