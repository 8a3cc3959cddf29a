//! What people see: HTML made from plain values, and the style and scripts beside it. No logic, no requests.
//!
//! A page is a struct and a template of the same name. WCAG 2.2 AA; phone first; without scripts but for passkeys.

pub mod admin_clients;
pub mod apps;

use crate::fhir::Instant;
use askama::Template;

/// The style of all pages.
pub const STYLE: &str = include_str!("style.css");

/// Returns a moment as people read it.
pub fn moment(at: Instant) -> String {
    at.to_string().get(..16).map_or_else(String::new, |text| format!("{} UTC", text.replace('T', " ")))
}

/// What the frame of every page shows.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// The name of the installation.
    pub place: String,
    /// Who is signed in.
    pub person: Option<String>,
    /// Links of the menu: address and words.
    pub menu: Vec<(&'static str, &'static str)>,
    /// The hidden field of every form.
    pub csrf: String,
    /// Good news on top of the page.
    pub notice: Option<String>,
    /// What went wrong, on top of the page; read aloud at once.
    pub error: Option<String>,
}

/// A page with a headline and a few words: refusals, confirmations, dead ends.
#[derive(Template)]
#[template(path = "message.html", config = "src/page/askama.toml")]
pub struct Message {
    pub frame: Frame,
    pub title: String,
    pub words: Vec<String>,
    /// Where to go from here: address and words.
    pub links: Vec<(String, String)>,
}
