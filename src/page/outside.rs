//! The page of the outside sign-ins that are linked to an account.

use super::Frame;
use askama::Template;

#[derive(Template)]
#[template(path = "outside.html", config = "src/page/askama.toml")]
pub struct Outside {
    pub frame: Frame,
    /// What people call the provider of this place.
    pub provider: Option<String>,
    pub identities: Vec<Identity>,
    /// Whether links may be made and taken away now; otherwise the person confirms first that it is they.
    pub is_fresh: bool,
}

/// A link: whose word it is, and whom they mean.
pub struct Identity {
    pub issuer: String,
    pub subject: String,
}
