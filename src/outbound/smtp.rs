//! Mail, handed to one relay by SMTP.
//!
//! RFC 5321, with STARTTLS (RFC 3207) or TLS from the start (RFC 8314). A password never travels unencrypted, but to this machine.

use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;
use url::Url;

const TIME_MAX: Duration = Duration::from_secs(20);

/// A relay and who writes. Holds a password: its Debug shows none.
#[derive(Clone)]
pub struct Relay {
    host: String,
    port: u16,
    user: Option<(String, String)>,
    encryption: Encryption,
    from: Mailbox,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encryption {
    /// From the first byte: `smtps://`.
    Wrapped,
    /// Before anything is said: `smtp://`.
    StartTls,
    /// None, to a relay on this machine.
    None,
}

/// Why a mail was not handed over. The words are for logs; no address is in them.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    #[error("the mail cannot be written: {0}")]
    Content(&'static str),
    #[error("the relay cannot be used: {0}")]
    Relay(String),
    /// With the code of the relay, where it answered one.
    #[error("the relay did not take the mail ({})", .0.map_or("no answer".to_string(), |code| code.to_string()))]
    Refused(Option<u16>),
}

/// A mail of plain text.
#[derive(Debug)]
pub struct Letter<'a> {
    /// Stays the same when it is sent again.
    pub id: &'a str,
    pub to: &'a str,
    pub subject: &'a str,
    pub text: &'a str,
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} ({:?})", self.host, self.port, self.encryption)
    }
}

impl Relay {
    /// Returns the relay of an address such as `smtp://user:password@mail.example:587`; none where it is none, or has a password
    /// that would travel unencrypted.
    pub fn parse(url: &str, from: &str) -> Option<Relay> {
        let url = Url::parse(url).ok()?;
        let from: Mailbox = from.trim().parse().ok()?;
        let host = url.host_str()?.trim_matches(['[', ']']).to_string();
        let is_local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        let (encryption, port) = match url.scheme() {
            "smtps" => (Encryption::Wrapped, 465),
            "smtp" if is_local => (Encryption::None, 25),
            "smtp" => (Encryption::StartTls, 587),
            _ => return None,
        };
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return None;
        }
        let user = match (plain(url.username())?, url.password()) {
            (user, _) if user.is_empty() => None,
            (user, password) => Some((user, plain(password.unwrap_or_default())?)),
        };
        Some(Relay { host, port: url.port().unwrap_or(port), user, encryption, from })
    }

    /// Hands a letter over; when this returns, the relay has taken it.
    pub async fn send(&self, letter: &Letter<'_>) -> Result<(), SmtpError> {
        let to = letter.to.parse().map_err(|_| SmtpError::Content("the address of the receiver is none"))?;
        let domain = self.from.email.domain();
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(letter.subject)
            .message_id(Some(format!("<{}@{domain}>", letter.id)))
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text.to_string())
            .map_err(|_| SmtpError::Content("its parts do not make a mail"))?;
        let sent = self.transport()?.send(message).await;
        sent.map(drop).map_err(|error| SmtpError::Refused(error.status().map(u16::from)))
    }

    fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, SmtpError> {
        let tls = || TlsParameters::new(self.host.clone()).map_err(|e| SmtpError::Relay(e.to_string()));
        let tls = match self.encryption {
            Encryption::Wrapped => Tls::Wrapper(tls()?),
            Encryption::StartTls => Tls::Required(tls()?),
            Encryption::None => Tls::None,
        };
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.host);
        let builder = builder.port(self.port).tls(tls).timeout(Some(TIME_MAX));
        Ok(match self.user.clone() {
            Some((user, password)) => builder.credentials(Credentials::new(user, password)).build(),
            None => builder.build(),
        })
    }
}

/// Returns a part of a URL without its percent signs.
fn plain(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_travel_encrypted_or_not_at_all() {
        for (url, relay) in [
            ("smtp://mail.example", Some("mail.example:587 (StartTls)")),
            ("smtp://user:p%40ss@mail.example:2525", Some("mail.example:2525 (StartTls)")),
            ("smtps://user:pass@mail.example", Some("mail.example:465 (Wrapped)")),
            ("smtp://127.0.0.1:2525", Some("127.0.0.1:2525 (None)")),
            ("smtp://[::1]", Some("::1:25 (None)")),
            ("smtp://localhost", Some("localhost:25 (None)")),
            ("smtp://127.0.0.1.example", Some("127.0.0.1.example:587 (StartTls)")),
            ("smtp://mail.example?tls=none", None),
            ("smtp://mail.example/box", None),
            ("http://mail.example", None),
            ("smtp://", None),
            ("mail.example", None),
        ] {
            let found = Relay::parse(url, "Clinic <clinic@example.org>").map(|relay| format!("{relay:?}"));
            assert_eq!(found.as_deref(), relay, "{url}");
        }
        let relay = Relay::parse("smtp://us%2Fer:p%40ss@mail.example", "clinic@example.org").unwrap();
        assert_eq!(relay.user, Some(("us/er".to_string(), "p@ss".to_string())));
        assert!(Relay::parse("smtp://mail.example", "nobody").is_none());
    }
}
