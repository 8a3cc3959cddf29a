//! Pages of those who sign in: password, second factor, a new password by link, and the same again for what needs it.

use super::Frame;
use askama::Template;

#[derive(Template)]
#[template(path = "login.html", config = "src/page/askama.toml")]
pub struct Login {
    pub frame: Frame,
    /// Where to go afterwards.
    pub next: String,
    /// What was typed before, when it was wrong.
    pub login: String,
    /// Whether browsers take passkeys at this address.
    pub has_passkeys: bool,
    /// Ways to sign in elsewhere: address and words.
    pub ways: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "factor.html", config = "src/page/askama.toml")]
pub struct Factor {
    pub frame: Frame,
    pub next: String,
    pub wants_code: bool,
    pub wants_passkey: bool,
    /// Why there are no passkeys at this address.
    pub unusable: Option<String>,
}

#[derive(Template)]
#[template(path = "reset.html", config = "src/page/askama.toml")]
pub struct Reset {
    pub frame: Frame,
    pub token: String,
    /// For the browser's own list of passwords.
    pub login: String,
}

#[derive(Template)]
#[template(path = "step_up.html", config = "src/page/askama.toml")]
pub struct StepUp {
    pub frame: Frame,
    pub next: String,
    pub login: String,
    pub wants_password: bool,
    pub wants_code: bool,
    /// A passkey is enough by itself.
    pub wants_passkey: bool,
    /// Why there are no passkeys at this address.
    pub unusable: Option<String>,
    /// Ways to confirm elsewhere: address and words.
    pub ways: Vec<(String, String)>,
}
