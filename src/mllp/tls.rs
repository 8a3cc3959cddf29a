//! TLS of the listener: its certificate, and those that it asks its senders for.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{0}: {1}")]
    File(PathBuf, rustls::pki_types::pem::Error),
    #[error("{0}: there is no certificate")]
    Empty(PathBuf),
    #[error("{0}: {1}")]
    Authority(PathBuf, String),
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

/// Returns what a connection is secured with. With `client_ca` only those connect who show a certificate of one of its authorities.
pub fn config(cert: &Path, key: &Path, client_ca: Option<&Path>) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates(cert)?;
    let key_der = PrivateKeyDer::from_pem_file(key).map_err(|e| TlsError::File(key.to_path_buf(), e))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let wrong = |e: String| TlsError::Authority(path.to_path_buf(), e);
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|e| wrong(e.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|e| wrong(e.to_string()))?)
        }
    };
    Ok(Arc::new(builder.with_single_cert(chain, key_der)?))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |e| TlsError::File(path.to_path_buf(), e);
    let all: Vec<_> = CertificateDer::pem_file_iter(path).map_err(wrong)?.collect::<Result<_, _>>().map_err(wrong)?;
    if all.is_empty() { Err(TlsError::Empty(path.to_path_buf())) } else { Ok(all) }
}

/// Returns the common name in a certificate.
pub(super) fn common_name(certificate: &[u8]) -> Option<String> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let name = certificate.subject().iter_common_name().next()?.as_str().ok()?.trim().to_string();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair};

    #[test]
    fn the_common_name_is_read_where_there_is_one() {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["lab.example".to_string()]).unwrap();
        for (name, expected) in [("Labor Süd", Some("Labor Süd")), ("  ", None)] {
            params.distinguished_name.push(DnType::CommonName, name);
            let certificate = params.self_signed(&key).unwrap();
            assert_eq!(common_name(certificate.der()).as_deref(), expected);
        }
        params.distinguished_name.remove(DnType::CommonName);
        assert_eq!(common_name(params.self_signed(&key).unwrap().der()), None);
        assert_eq!(common_name(b"no certificate"), None);
    }

    #[test]
    fn a_file_that_is_no_good_is_named() {
        let nowhere = Path::new("/nonexistent/c.pem");
        let error = config(nowhere, nowhere, None).unwrap_err();
        assert!(error.to_string().starts_with("/nonexistent/c.pem: "), "{error}");
        let manifest = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        let error = config(manifest, nowhere, None).unwrap_err();
        assert!(error.to_string().ends_with("Cargo.toml: there is no certificate"), "{error}");
    }
}
