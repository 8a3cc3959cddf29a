//! What people see: HTML made from plain values, and the style and scripts beside it. No logic, no requests.
//!
//! A page is a struct and a template of the same name. WCAG 2.2 AA; phone first; without scripts but for passkeys and the viewer of emergency cards.

pub mod account;
pub mod admin_accounts;
pub mod admin_clients;
pub mod apps;
pub mod audit;
pub mod card;
pub mod clinician;
pub mod consent;
pub mod emergency;
pub mod feeds;
pub mod outside;
pub mod passkey;
pub mod patient;
pub mod picker;
pub mod sign_in;

use crate::fhir::Instant;
use askama::Template;

/// The style of all pages.
pub const STYLE: &str = include_str!("style.css");
/// Counts the characters of a text field.
pub const COUNTER: &str = include_str!("counter.js");
/// The picture that browsers show beside the title.
pub const ICON: &str = include_str!("icon.svg");

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

/// Returns a time as people read it.
pub fn when(at: Instant) -> String {
    let time = jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    time.strftime("%-d %B %Y, %H:%M UTC").to_string()
}

/// Returns the day of a time as people read it.
pub fn day(at: Instant) -> String {
    let time = jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    time.strftime("%-d %B %Y").to_string()
}

/// Returns a text that tells what went wrong as a sentence: with a capital letter and a full stop.
pub fn sentence(text: &str) -> String {
    let mut letters = text.trim().chars();
    let Some(first) = letters.next() else { return String::new() };
    let stop = if text.trim_end().ends_with(['.', '!', '?', ':']) { "" } else { "." };
    first.to_uppercase().chain(letters).collect::<String>() + stop
}

/// Returns a text as the picture that phones read; none where it is too long for one.
pub fn qr(text: &str) -> Option<String> {
    use qrcode::render::svg;
    let code = qrcode::QrCode::new(text).ok()?;
    let picture = code.render::<svg::Color>().min_dimensions(192, 192).build();
    // What introduces a file has no place inside a page.
    picture.find("<svg").map(|at| picture[at..].to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_by_people() {
        let at = Instant::parse("2026-03-05T07:08:09Z").unwrap();
        assert_eq!((when(at).as_str(), day(at).as_str()), ("5 March 2026, 07:08 UTC", "5 March 2026"));
    }

    #[test]
    fn what_went_wrong_is_told_in_a_sentence() {
        for (text, told) in [
            ("there is no such person", "There is no such person."),
            ("Try again.", "Try again."),
            ("", ""),
            ("é", "É."),
        ] {
            assert_eq!(sentence(text), told);
        }
    }

    #[test]
    fn a_qr_code_is_a_picture_without_style() {
        let picture = qr("otpauth://totp/x?secret=abc").unwrap();
        assert!(picture.starts_with("<svg") && picture.ends_with("</svg>") && !picture.contains("style"), "{picture}");
        assert_eq!(qr(&"x".repeat(10_000)), None);
    }
}
