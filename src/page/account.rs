//! Pages of a person's own account.

use super::Frame;
use askama::Template;

#[derive(Template)]
#[template(path = "account.html", config = "src/page/askama.toml")]
pub struct Overview {
    pub frame: Frame,
    pub login: String,
    pub name: String,
    pub email: Option<String>,
    /// The FHIR resource that the person is: `Practitioner/1`.
    pub person: Option<String>,
    pub roles: Vec<String>,
    pub has_password: bool,
    pub has_authenticator: bool,
    pub codes_left: i64,
    pub passkeys: usize,
    /// What people call the outside provider of this place.
    pub provider: Option<String>,
    pub is_linked: bool,
    pub sessions: usize,
}

#[derive(Template)]
#[template(path = "password.html", config = "src/page/askama.toml")]
pub struct Password {
    pub frame: Frame,
    pub login: String,
    /// A person without a password sets one without knowing another.
    pub has_password: bool,
}

#[derive(Template)]
#[template(path = "authenticator.html", config = "src/page/askama.toml")]
pub struct Authenticator {
    pub frame: Frame,
    pub is_set: bool,
    pub codes_left: i64,
}

/// An authenticator app on its way in.
#[derive(Template)]
#[template(path = "authenticator_setup.html", config = "src/page/askama.toml")]
pub struct AuthenticatorSetup {
    pub frame: Frame,
    /// SVG; none where it could not be drawn, and the secret has to be typed.
    pub qr: Option<String>,
    /// In groups of four letters.
    pub secret: String,
    pub uri: String,
    pub sealed: String,
}

/// Shown once.
#[derive(Template)]
#[template(path = "recovery_codes.html", config = "src/page/askama.toml")]
pub struct RecoveryCodes {
    pub frame: Frame,
    pub codes: Vec<String>,
}

#[derive(Template)]
#[template(path = "sessions.html", config = "src/page/askama.toml")]
pub struct Sessions {
    pub frame: Frame,
    pub sessions: Vec<SessionLine>,
}

pub struct SessionLine {
    pub id: String,
    pub device: String,
    pub address: String,
    pub began: String,
    pub seen: String,
    /// It is the one that asks.
    pub is_this: bool,
}
