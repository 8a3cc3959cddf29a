//! The consent page: what an app asks, in plain words, and the boxes that a person may untick.

use super::Frame;
use askama::Template;

#[derive(Template)]
#[template(path = "consent.html", config = "src/page/askama.toml")]
pub struct Consent {
    pub frame: Frame,
    pub request: String,
    pub app: App,
    /// About whom: `you`, or name and birth date.
    pub whom: Option<String>,
    /// The visit that it is about.
    pub visit: Option<String>,
    pub groups: Vec<Group>,
    /// Who the person is, and how long it lasts.
    pub others: Vec<Tick>,
    /// Whether the app may go on when the person is away.
    pub is_lasting: bool,
}

/// What is known of an app.
pub struct App {
    pub name: String,
    /// Its own site, where one is registered.
    pub site: Option<String>,
    pub terms: Option<String>,
    pub privacy: Option<String>,
    /// Where the browser goes afterwards: host, or scheme of an installed app.
    pub back_to: String,
    pub is_verified: bool,
}

/// Boxes under one headline.
pub struct Group {
    pub title: String,
    pub ticks: Vec<Tick>,
}

/// A box with what can be allowed instead of the whole.
#[derive(Default)]
pub struct Tick {
    pub id: String,
    /// Scopes, separated by spaces.
    pub value: String,
    pub title: String,
    pub hint: String,
    pub parts: Vec<Tick>,
    /// The parts stand on the page instead of the whole, all ticked.
    pub is_many: bool,
}
