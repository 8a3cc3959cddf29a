//! The viewer of emergency cards: one page for a responder's phone, its script and its style. It stands by itself.

use askama::Template;

/// Fetches what a card leads to, opens it with the key of the card, and shows it.
pub const SCRIPT: &str = include_str!("emergency.js");
/// Large, of high contrast, for bright light and for the dark.
pub const STYLE: &str = include_str!("emergency.css");

#[derive(Template)]
#[template(path = "emergency.html", config = "src/page/askama.toml")]
pub struct Viewer {
    /// The name of the installation.
    pub place: String,
}
