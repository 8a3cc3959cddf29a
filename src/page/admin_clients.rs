//! Clients as administrators see them: the list, one of them, and a form for another.

use super::Frame;
use askama::Template;

#[derive(Template)]
#[template(path = "admin_clients.html", config = "src/page/askama.toml")]
pub struct Clients {
    pub frame: Frame,
    /// What was searched for.
    pub q: String,
    /// The status that is shown, by its word; empty for all.
    pub status: String,
    pub rows: Vec<ClientRow>,
    /// Whether there are more than are shown.
    pub has_more: bool,
}

pub struct ClientRow {
    pub id: String,
    pub name: String,
    pub status: &'static str,
    pub since: String,
}

#[derive(Template)]
#[template(path = "admin_client.html", config = "src/page/askama.toml")]
pub struct ClientDetails {
    pub frame: Frame,
    pub id: String,
    pub name: String,
    pub status: &'static str,
    /// Shown this once, after it was made.
    pub secret: Option<String>,
    pub facts: Vec<Fact>,
    /// Which state of it this is: what is approved is what was seen.
    pub seen: String,
    /// What can be done now: the word for the server and the words for people.
    pub deeds: Vec<(&'static str, &'static str)>,
}

/// What is known of something: its name, and one or more values.
pub struct Fact {
    pub name: &'static str,
    pub values: Vec<String>,
}

#[derive(Template, Default)]
#[template(path = "admin_client_new.html", config = "src/page/askama.toml")]
pub struct NewClient {
    pub frame: Frame,
    pub id: String,
    pub client_name: String,
    pub redirect_uris: String,
    pub launch_uris: String,
    pub scope: String,
    /// `public`, `secret` or `keys`.
    pub proof: String,
    pub jwks: String,
    pub jwks_uri: String,
}
