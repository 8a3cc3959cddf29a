//! The authenticator app, and the recovery codes for when it is gone.
//!
//! RFC 6238: SHA-1, 30 seconds, 6 digits, one step to either side, each code good once. The secret is sealed, the
//! recovery codes are hashed under a key: who has the database alone has neither.

use super::{Accounts, Visitor};
use crate::fault::{Fault, Kind};
use crate::fhir::Instant;
use crate::store::identity::account::Account;
use crate::store::identity::attempt::Limit;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use totp_rs::{Algorithm, Builder, Secret, Totp};

/// Wrong codes of one person, recovery codes among them.
const CODES: Limit = Limit { count: 5, within_s: 900 };
const RECOVERY_CODES: usize = 10;
const RECOVERY_LENGTH: usize = 10;
/// Without `l` and `o`, which are taken for digits.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// How long an authenticator app may take to be set up.
const SETUP_S: i64 = 900;

/// An authenticator app that is being set up.
pub struct Setup {
    /// The secret to type, in base32.
    pub secret: String,
    /// `otpauth://…`, to be scanned.
    pub uri: String,
    /// All of it, sealed, for the form that confirms it.
    pub sealed: String,
}

impl Accounts {
    /// Begins to set up an authenticator app; nothing is kept until a code confirms it.
    pub fn begin_totp(&self, account: &Account) -> Result<Setup, Fault> {
        let mut bytes = Instant::now().0.to_be_bytes().to_vec();
        bytes.extend(Secret::generate().as_bytes());
        let sealed = self.seal.seal(&setup_of(account), &bytes);
        self.reopen_totp(account, &URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Returns what the form of a setup that has begun holds.
    pub fn reopen_totp(&self, account: &Account, sealed: &str) -> Result<Setup, Fault> {
        let ended = || Fault::new(Kind::Forbidden, "Setting up the app took too long. Begin again.");
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok().and_then(|bytes| self.seal.open(&setup_of(account), &bytes));
        let bytes = bytes.ok_or_else(ended)?;
        let (at, secret) = bytes.split_first_chunk::<8>().ok_or_else(ended)?;
        if Instant::now().0 - i64::from_be_bytes(*at) > SETUP_S * 1_000_000 {
            return Err(ended());
        }
        let totp = self.totp(account, secret)?;
        let uri = totp.to_url().map_err(|e| Fault::internal("failed to write the address of an authenticator", e))?;
        Ok(Setup { secret: totp.secret().to_base32(), uri, sealed: sealed.to_string() })
    }

    /// Keeps the authenticator app once it shows the right code; returns the recovery codes, which nobody sees again.
    pub async fn confirm_totp(
        &self,
        account: &Account,
        setup: &Setup,
        code: &str,
        visitor: &Visitor,
    ) -> Result<Vec<String>, Fault> {
        let secret =
            Secret::try_from_base32(&setup.secret).map_err(|e| Fault::internal("a secret of ours is broken", e))?;
        let step = self.totp(account, secret.as_bytes())?.check(&plain(code), seconds());
        let step = step.ok_or_else(|| {
            let words =
                "This is not the code that the app should show. Check the clock of the phone, then type the next code.";
            Fault::new(Kind::BusinessRule, words)
        })?;
        let sealed = self.seal.seal(&totp_of(account), secret.as_bytes());
        if !self.store.set_totp(account.id, &sealed, step as i64).await? {
            return Err(Fault::new(Kind::Conflict, "An authenticator app is set up already."));
        }
        self.note("factor", &account.id.to_string(), 200, "authenticator added", visitor).await;
        self.new_recovery_codes(account, visitor).await
    }

    /// Removes the authenticator app and the recovery codes.
    pub async fn remove_totp(&self, account: &Account, visitor: &Visitor) -> Result<(), Fault> {
        self.store.remove_totp(account.id).await?;
        self.note("factor", &account.id.to_string(), 200, "authenticator removed", visitor).await;
        Ok(())
    }

    /// Makes recovery codes; those of before are good no longer.
    pub async fn new_recovery_codes(&self, account: &Account, visitor: &Visitor) -> Result<Vec<String>, Fault> {
        let codes: Vec<String> = (0..RECOVERY_CODES).map(|_| recovery_code()).collect();
        let hashes: Vec<[u8; 32]> = codes.iter().map(|code| self.recovery_hash(account, &plain(code))).collect();
        self.store.set_recovery_codes(account.id, &hashes).await?;
        self.note("factor", &account.id.to_string(), 200, "recovery codes made", visitor).await;
        Ok(codes)
    }

    /// Uses up a code of the authenticator app, or a recovery code.
    pub async fn check_code(&self, account: &Account, code: &str, visitor: &Visitor) -> Result<(), Fault> {
        let key = format!("code:{}", account.id);
        self.limited(&key, CODES, "factor", visitor).await?;
        let (code, who) = (plain(code), account.id.to_string());
        let is_recovery = code.len() == RECOVERY_LENGTH;
        let is_right = if is_recovery {
            self.store.use_recovery_code(account.id, self.recovery_hash(account, &code)).await?
        } else {
            self.use_totp(account, &code).await?
        };
        if !is_right {
            self.note("factor", &who, 403, "the code is wrong or was used before", visitor).await;
            return Err(Fault::new(Kind::Forbidden, "The code is wrong, or was used before."));
        }
        if is_recovery {
            self.note("factor", &who, 200, "a recovery code was used", visitor).await;
        }
        self.store.forget_attempts(&key).await?;
        Ok(())
    }

    async fn use_totp(&self, account: &Account, code: &str) -> Result<bool, Fault> {
        let Some(sealed) = &account.totp else { return Ok(false) };
        let secret = self.seal.open(&totp_of(account), sealed).ok_or_else(|| {
            Fault::internal("failed to open the secret of an authenticator", "it was sealed under another key")
        })?;
        let Some(step) = self.totp(account, &secret)?.check(code, seconds()) else { return Ok(false) };
        Ok(self.store.use_totp_step(account.id, sealed, step as i64).await?)
    }

    fn totp(&self, account: &Account, secret: &[u8]) -> Result<Totp, Fault> {
        // A colon parts the name of the place from the login.
        let place = self.settings.name.replace(':', " ");
        let secret = Secret::new(secret.into());
        let draft = Builder::new().with_algorithm(Algorithm::SHA1).with_digits(6).with_skew(1).with_step_duration(30);
        let draft =
            draft.with_secret(secret).with_account_name(account.login.replace(':', " ")).with_issuer(Some(place));
        draft.build().map_err(|e| Fault::internal("an authenticator cannot be worked with", e))
    }

    fn recovery_hash(&self, account: &Account, code: &str) -> [u8; 32] {
        self.seal.hash("recovery", &format!("{} {code}", account.id))
    }
}

fn setup_of(account: &Account) -> String {
    format!("totp-setup {}", account.id)
}

fn totp_of(account: &Account) -> String {
    format!("totp {}", account.id)
}

/// Returns a code as it is compared: as people type it, with spaces, dashes and capitals, or without.
fn plain(code: &str) -> String {
    code.chars().filter(|c| c.is_alphanumeric()).take(64).flat_map(char::to_lowercase).collect()
}

/// Returns a code of 50 random bits, in two halves that are easy to read.
fn recovery_code() -> String {
    use aws_lc_rs::rand::{SecureRandom, SystemRandom};
    let mut bytes = [0; RECOVERY_LENGTH];
    SystemRandom::new().fill(&mut bytes).expect("the system's random source is there, or nothing here can be safe");
    let letters: String = bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
    let (first, second) = letters.split_at(RECOVERY_LENGTH / 2);
    format!("{first}-{second}")
}

fn seconds() -> u64 {
    u64::try_from(Instant::now().0 / 1_000_000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238 appendix B, SHA-1; the last six of its eight digits.
        let secret = Secret::new(b"12345678901234567890".as_slice().into());
        let totp = Builder::new().with_digits(6).with_step_duration(30).with_secret(secret).build_noncompliant();
        for (time, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (2_000_000_000, "279037")]
        {
            assert_eq!(totp.generate(time).to_string(), code);
        }
    }

    #[test]
    fn recovery_codes_are_read_as_they_are_typed() {
        let code = recovery_code();
        assert_eq!((code.len(), plain(&code).len()), (11, RECOVERY_LENGTH));
        assert_ne!(code, recovery_code());
        for typed in ["abcde-fgh23", "ABCDE FGH23", " abcdefgh23 "] {
            assert_eq!(plain(typed), "abcdefgh23");
        }
        assert_eq!(plain("123 456"), "123456");
    }
}
