//! The server's signing key: made at first start, kept in `data_dir/keys`, readable by its owner alone.

use std::path::Path;

/// The key pair that signs access tokens.
pub struct Keys {
    pub encoding: jsonwebtoken::EncodingKey,
    pub decoding: jsonwebtoken::DecodingKey,
    /// Names the key in the header of a token.
    pub id: String,
}

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("failed to {action} {path}: {source}")]
    Io { action: &'static str, path: String, source: std::io::Error },
    #[error("{path} does not hold an EC P-256 key in PKCS #8: {reason}")]
    Damaged { path: String, reason: String },
}

impl Keys {
    /// Loads the key of a data directory, making it when there is none.
    pub fn load_or_create(data_dir: &Path) -> Result<Keys, KeyError> {
        let folder = data_dir.join("keys");
        let path = folder.join("signing.p8");
        let shown = path.display().to_string();
        let io = |action: &'static str| {
            let path = shown.clone();
            move |source| KeyError::Io { action, path, source }
        };
        std::fs::create_dir_all(&folder).map_err(io("create the folder of"))?;
        if !path.exists() {
            write_new(&path, &generate()).map_err(io("write"))?;
        }
        let pkcs8 = std::fs::read(&path).map_err(io("read"))?;
        Keys::from_pkcs8(&pkcs8).map_err(|reason| KeyError::Damaged { path: shown, reason })
    }

    fn from_pkcs8(pkcs8: &[u8]) -> Result<Keys, String> {
        use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
        use sha2::{Digest, Sha256};
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map_err(|e| e.to_string())?;
        let point = pair.public_key().as_ref();
        let id = Sha256::digest(point).iter().take(8).map(|b| format!("{b:02x}")).collect();
        Ok(Keys {
            encoding: jsonwebtoken::EncodingKey::from_ec_der(pkcs8),
            decoding: jsonwebtoken::DecodingKey::from_ec_der(point),
            id,
        })
    }
}

fn generate() -> Vec<u8> {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .expect("the system's random source is there, or nothing here can be safe");
    document.as_ref().to_vec()
}

/// Writes a file that only its owner can read. Two processes that start together both end with one key: the file
/// appears whole, under its name, once.
fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let draft = path.with_extension(format!("new-{}", std::process::id()));
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let linked = match std::fs::hard_link(&draft, path) {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        done => done,
    };
    std::fs::remove_file(&draft)?;
    linked
}
