//! Private keys: files of a data folder, readable by their owner alone.
//!
//! A file is named by its number (`rs256-1.p8`), holds PKCS #8, and is as old as its key. Of two processes that make the
//! same number, one gives the file its name and both read that. `signing.p8` is the P-256 key of the first releases: what it
//! signed is still verified.

use super::KeyError;
use super::public::Public;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents,
};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// The name of the key of the first releases. It counts as older than all others.
const FIRST: &str = "signing.p8";

/// A private key of this data folder.
pub struct Own {
    pub number: u32,
    pub path: PathBuf,
    /// Seconds since 1970.
    pub created_s: i64,
    pub public: Arc<Public>,
    pair: Pair,
}

enum Pair {
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Own {
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, aws_lc_rs::error::Unspecified> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ec(pair) => Ok(pair.sign(&random, message)?.as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
                Ok(signature)
            }
        }
    }
}

/// Returns the keys of a folder, the oldest first.
pub fn load(folder: &Path) -> Result<Vec<Arc<Own>>, KeyError> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io("list", folder))? {
        let path = entry.map_err(io("list", folder))?.path();
        if let Some(number) = path.file_name().and_then(|name| number_of(name.to_str()?)) {
            match read(&path, number) {
                // Another process has retired it meanwhile.
                Err(KeyError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
                own => found.push(Arc::new(own?)),
            }
        }
    }
    found.sort_by_key(|own| own.number);
    Ok(found)
}

/// Makes a key and gives it the file of this number, unless that is there already.
pub fn make(folder: &Path, number: u32) -> Result<(), KeyError> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(io("create", folder))?;
    let path = folder.join(format!("rs256-{number}.p8"));
    if path.exists() {
        return Ok(());
    }
    let pkcs8 = generate().map_err(|_| KeyError::Generation)?;
    write_new(&path, &pkcs8).map_err(io("write", &path))
}

pub fn remove(own: &Own) -> Result<(), KeyError> {
    match std::fs::remove_file(&own.path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(io("remove", &own.path)(e)),
        _ => Ok(()),
    }
}

fn number_of(name: &str) -> Option<u32> {
    if name == FIRST {
        return Some(0);
    }
    name.strip_prefix("rs256-")?.strip_suffix(".p8")?.parse().ok()
}

fn read(path: &Path, number: u32) -> Result<Own, KeyError> {
    let damaged = |reason: String| KeyError::Damaged { path: path.display().to_string(), reason };
    let pkcs8 = std::fs::read(path).map_err(io("read", path))?;
    let written = std::fs::metadata(path).and_then(|facts| facts.modified()).map_err(io("read the age of", path))?;
    let created_s = written.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
    let (pair, public) = if number == 0 {
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8).map_err(|e| damaged(e.to_string()))?;
        let point = pair.public_key().as_ref();
        let public = Public::of_point(point, Some(first_name(point)));
        (Pair::Ec(pair), public)
    } else {
        let pair = RsaKeyPair::from_pkcs8(&pkcs8).map_err(|e| damaged(e.to_string()))?;
        let RsaPublicKeyComponents { n, e } = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
        (Pair::Rsa(pair), Public::of_modulus(&n, &e))
    };
    let public = Arc::new(public.ok_or_else(|| damaged("its public half is not usable".to_string()))?);
    Ok(Own { number, path: path.to_path_buf(), created_s, public, pair })
}

/// Returns the name that the key of the first releases gave itself in its tokens: they go on.
fn first_name(point: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    crate::store::identity::hex(&Sha256::digest(point)[..8])
}

fn generate() -> Result<Vec<u8>, aws_lc_rs::error::Unspecified> {
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    let pair = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048)?;
    Ok(AsDer::<Pkcs8V1Der>::as_der(&pair)?.as_ref().to_vec())
}

/// Writes a file that only its owner can read: it appears whole, under its name, once.
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

fn io(action: &'static str, path: &Path) -> impl Fn(std::io::Error) -> KeyError {
    let path = path.display().to_string();
    move |source| KeyError::Io { action, path: path.clone(), source }
}
