//! The sessions of a person as the person sees them, and how they end.

use super::{Accounts, Session, Visitor};
use crate::fault::Fault;
use crate::fhir::Instant;
use crate::store::identity::Hash;
use crate::store::identity::account::Account;
use crate::store::identity::revocation::Revoked;
use crate::store::identity::session::SessionRow;
use uuid::Uuid;

impl Accounts {
    /// Returns the sessions of a person that have not ended, the latest used first.
    pub async fn sessions(&self, account: &Account) -> Result<Vec<SessionRow>, Fault> {
        let now = Instant::now();
        let idle_since = Instant(now.0 - self.settings.session_idle_s * 1_000_000);
        Ok(self.store.sessions_of(account.id, now, idle_since).await?)
    }

    /// Ends the session that asks.
    pub async fn sign_out(&self, session: &Session, visitor: &Visitor) -> Result<(), Fault> {
        self.end_session(session).await?;
        self.note("sign-out", &session.account.id.to_string(), 200, "signed out", visitor).await;
        Ok(())
    }

    /// Ends a session of this person by its hash, and what was allowed for as long as it lasts.
    pub async fn end_session_of(&self, account: &Account, hash: Hash, visitor: &Visitor) -> Result<bool, Fault> {
        if !self.store.end_session(hash, account.id).await? {
            return Ok(false);
        }
        self.store.end_authorizations_of(None, Some(hash), None).await?;
        self.note("sign-out", &account.id.to_string(), 200, "a session was ended from the list", visitor).await;
        Ok(true)
    }

    /// Ends all sessions of this person but the one that asks.
    pub async fn end_other_sessions(&self, session: &Session, visitor: &Visitor) -> Result<u64, Fault> {
        let (account, hash) = (session.account.id, Some(session.row.hash));
        let ended = self.store.end_sessions(account, hash).await?;
        self.store.end_online_authorizations(account, hash).await?;
        self.note("sign-out", &account.to_string(), 200, &format!("{ended} other sessions ended"), visitor).await;
        Ok(ended)
    }

    /// Ends all that a person is signed in to: sessions, what apps were allowed, and every token.
    pub async fn end_everything(&self, account: Uuid) -> Result<(), Fault> {
        self.store.end_sessions(account, None).await?;
        self.end_apps(account).await
    }

    /// Ends what apps were allowed by a person, and every token.
    pub async fn end_apps(&self, account: Uuid) -> Result<(), Fault> {
        self.store.end_authorizations_of(Some(account), None, None).await?;
        self.end_tokens(account).await
    }

    /// Ends the access tokens of a person; what apps were allowed goes on with new ones.
    pub async fn end_tokens(&self, account: Uuid) -> Result<(), Fault> {
        Ok(self.store.revoke(Revoked::Account, &account.to_string()).await?)
    }
}

/// Returns what a User-Agent says in words: "Firefox on Linux".
pub fn device_words(agent: &str) -> String {
    // The first that is found counts: many browsers also say the names of others.
    const BROWSERS: &[(&str, &str)] = &[
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("CriOS/", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ];
    const SYSTEMS: &[(&str, &str)] = &[
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "Mac"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ];
    let find =
        |names: &[(&str, &'static str)]| names.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
    match (find(BROWSERS), find(SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_string(),
        (None, Some(system)) => format!("A program on {system}"),
        (None, None) => "An unknown program".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::device_words;

    #[test]
    fn a_device_is_named_by_its_browser_and_system() {
        for (agent, words) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Edg/130.0",
                "Edge on Windows",
            ),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"),
            ("Mozilla/5.0 (Linux; Android 15) Chrome/130.0 Mobile Safari/537.36", "Chrome on Android"),
            ("curl/8.5.0", "curl"),
            ("", "An unknown program"),
            ("<script>alert(1)</script>", "An unknown program"),
        ] {
            assert_eq!(device_words(agent), words, "{agent}");
        }
    }
}
