//! The page of a person's passkeys.

use super::Frame;
use askama::Template;

/// A passkey cannot be used without a script.
pub const SCRIPT: &str = include_str!("passkey.js");

#[derive(Template)]
#[template(path = "passkey.html", config = "src/page/askama.toml")]
pub struct Passkeys {
    pub frame: Frame,
    pub keys: Vec<Key>,
    /// Why there can be none at this address.
    pub unusable: Option<String>,
    /// Whether keys may be added and removed now; otherwise the person confirms first that it is they.
    pub is_fresh: bool,
}

/// Signing in with a passkey, or confirming by one that it is still the same person.
#[derive(Template)]
#[template(path = "passkey_use.html", config = "src/page/askama.toml")]
pub struct UsePasskey {
    pub frame: Frame,
    /// Where to go afterwards.
    pub next: String,
    /// Where to go for another way.
    pub another: String,
    pub unusable: Option<String>,
}

/// A key in the list.
pub struct Key {
    pub id: String,
    pub name: String,
    /// Days, as people write them.
    pub created: String,
    pub used: Option<String>,
}
