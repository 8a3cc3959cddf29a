//! The apps that a person has let in.

use super::Frame;
use askama::Template;

#[derive(Template)]
#[template(path = "apps.html", config = "src/page/askama.toml")]
pub struct Apps {
    pub frame: Frame,
    pub apps: Vec<App>,
}

pub struct App {
    /// The id of the client.
    pub client: String,
    pub name: String,
    pub since: String,
    pub used: String,
    /// Whose records it sees: words for each.
    pub whose: Vec<String>,
    /// What it may do, in plain words.
    pub deeds: Vec<String>,
    /// Whether it may go on when the person is not there.
    pub is_offline: bool,
}
