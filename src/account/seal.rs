//! What the database must not give away by itself: secrets sealed, and identifiers hashed, under a key in the data folder.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// The key of this installation. Servers on several machines share it by copying the file `data_dir/keys/seal`.
pub struct Seal {
    key: [u8; 32],
}

impl Seal {
    /// Loads the key of a data folder, making it when there is none.
    pub fn load_or_create(data_dir: &Path) -> std::io::Result<Seal> {
        let folder = data_dir.join("keys");
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let bytes = file(&folder.join("seal"))?;
        let key = bytes.try_into().map_err(|_| std::io::Error::other("the file 'keys/seal' is not of 32 bytes"))?;
        Ok(Seal { key })
    }

    /// Returns the keyed hash of a text, for a purpose: the same text has another hash for another purpose.
    pub fn hash(&self, purpose: &str, text: &str) -> [u8; 32] {
        use aws_lc_rs::hmac;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.key);
        let mut context = hmac::Context::with_key(&key);
        context.update(purpose.as_bytes());
        context.update(&[0]);
        context.update(text.as_bytes());
        context.sign().as_ref().try_into().expect("SHA-256 has 32 bytes")
    }

    /// Seals bytes for a purpose: AES-256-GCM under a key of that purpose, nonce first.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Vec<u8> {
        use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
        let key = RandomizedNonceKey::new(&AES_256_GCM, &self.hash("seal", purpose)).expect("the key is of 32 bytes");
        let mut sealed = plain.to_vec();
        let nonce: Nonce = key
            .seal_in_place_append_tag(Aad::from(purpose.as_bytes()), &mut sealed)
            .expect("sealing a short text has nothing to fail at");
        let nonce: &[u8; NONCE_LEN] = nonce.as_ref();
        [nonce.as_slice(), &sealed].concat()
    }

    /// Returns what was sealed for this purpose under this key.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
        let key = RandomizedNonceKey::new(&AES_256_GCM, &self.hash("seal", purpose)).ok()?;
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut rest = rest.to_vec();
        key.open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut rest).ok().map(|plain| plain.to_vec())
    }
}

impl Seal {
    /// Returns the key that the audit authenticates its rows under.
    pub fn audit_key(&self) -> [u8; 32] {
        self.hash("audit", "rows and links")
    }
}

/// Returns what the file holds; makes it, readable by its owner alone, when there is none.
fn file(path: &Path) -> std::io::Result<Vec<u8>> {
    use aws_lc_rs::rand::{SecureRandom, SystemRandom};
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    if !path.exists() {
        let mut fresh = [0; 32];
        SystemRandom::new().fill(&mut fresh).map_err(|_| std::io::Error::other("no source of randomness"))?;
        let draft = path.with_extension(format!("new-{}", std::process::id()));
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(&fresh)?;
        file.sync_all()?;
        // Of two processes that start together one gives the file its name; both read the same.
        match std::fs::hard_link(&draft, path) {
            Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(e),
            _ => std::fs::remove_file(&draft)?,
        }
    }
    std::fs::read(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_purpose_open_a_seal() {
        let (ours, theirs) = (Seal { key: [1; 32] }, Seal { key: [2; 32] });
        let sealed = ours.seal("totp", b"secret");
        assert_eq!(ours.open("totp", &sealed).as_deref(), Some(&b"secret"[..]));
        assert_eq!(ours.open("other", &sealed), None);
        assert_eq!(theirs.open("totp", &sealed), None);
        assert_eq!(ours.open("totp", &sealed[..5]), None);
        assert_ne!(ours.seal("totp", b"secret"), sealed, "each time with another nonce");
        assert_ne!(ours.hash("a", "x"), theirs.hash("a", "x"));
    }
}
