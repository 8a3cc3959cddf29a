//! HL7 v2 over TLS, with and without certificates of senders.

use super::{Sender, framed, message};
use crate::app::TestApp;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An authority and what it vouches for.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
struct Identity {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Authority {
    fn new(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key can be made");
        Authority(CertifiedIssuer::self_signed(params, key).expect("an authority can be made"))
    }

    fn vouch(&self, name: &str) -> Identity {
        let mut params = CertificateParams::new(["localhost".to_string()]).expect("a name of a host");
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate can be made");
        Identity { certificate: certificate.der().clone(), key }
    }
}

/// Returns a server, and who vouches for its certificate; it asks for certificates of `clients`.
fn server(clients: Option<&Authority>) -> (TestApp, Authority, PathBuf) {
    let folder = std::env::temp_dir().join(format!("medilink-it-tls-{}-{}", std::process::id(), clients.is_some()));
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    let authority = Authority::new("Servers");
    let identity = authority.vouch("server");
    let pem = |label: &str, der: &[u8]| {
        use base64::Engine;
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
    };
    let file = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("a file can be written");
        path.display().to_string()
    };
    let mut builder = TestApp::builder()
        .mllp()
        .set("mllp-tls-cert", &file("cert.pem", pem("CERTIFICATE", &identity.certificate)))
        .set("mllp-tls-key", &file("key.pem", identity.key.serialize_pem()));
    if let Some(clients) = clients {
        builder = builder.set("mllp-tls-client-ca", &file("clients.pem", pem("CERTIFICATE", clients.0.der())));
    }
    (builder.start(), authority, folder)
}

fn remove(folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// Returns a sender that trusts `authority` and shows `identity`.
fn connect(address: SocketAddr, authority: &Authority, identity: Option<&Identity>) -> Sender<Stream> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.0.der().clone()).expect("an authority can be trusted");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("versions that are safe").with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let key = PrivateKeyDer::Pkcs8(identity.key.serialize_der().into());
            builder.with_client_auth_cert(vec![identity.certificate.clone()], key).expect("a key of its certificate")
        }
    };
    let name = "localhost".try_into().expect("a name of a host");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a connection can be begun");
    let stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(super::TIME_MAX)).expect("a time can be set");
    Sender::over(StreamOwned::new(connection, stream))
}

/// Returns whether a message is answered.
fn is_let_in(mut sender: Sender<Stream>) -> bool {
    use std::io::{Read, Write};
    let sent = sender.stream.write_all(&framed(&message("1"))).and_then(|()| sender.stream.flush());
    let mut first = [0];
    let is_answered = sent.and_then(|()| sender.stream.read(&mut first)).is_ok_and(|read| read == 1);
    if is_answered {
        sender.seen.extend(first);
        assert_eq!(sender.answered().as_deref(), Some("1"));
        sender.send(&[framed(&message("2")), framed(&message("3"))].concat());
        assert_eq!((sender.answered().as_deref(), sender.answered().as_deref()), (Some("2"), Some("3")));
    }
    is_answered
}

#[test]
fn without_an_authority_of_senders_anybody_sends_over_tls() {
    let (app, authority, folder) = server(None);
    assert!(is_let_in(connect(app.mllp(), &authority, None)));
    assert!(
        !is_let_in(connect(app.mllp(), &Authority::new("Servers"), None)),
        "who trusts another server is not let in"
    );
    let mut plain = Sender::connect(app.mllp());
    plain.send(&framed(&message("1")));
    let mut seen = Vec::new();
    let _ = std::io::Read::read_to_end(&mut plain.stream, &mut seen);
    assert!(!seen.windows(3).any(|bytes| bytes == b"MSA"), "nothing is taken that is not over TLS");
    remove(&folder);
}

#[test]
fn with_one_a_sender_shows_a_certificate_of_it() {
    let clients = Authority::new("Senders");
    let (app, authority, folder) = server(Some(&clients));
    assert!(is_let_in(connect(app.mllp(), &authority, Some(&clients.vouch("lab")))));
    assert!(!is_let_in(connect(app.mllp(), &authority, None)));
    let stranger = Authority::new("Senders").vouch("lab");
    assert!(!is_let_in(connect(app.mllp(), &authority, Some(&stranger))));
    assert!(is_let_in(connect(app.mllp(), &authority, Some(&clients.vouch("ward")))), "others go on");
    remove(&folder);
}
