//! The page of a patient's emergency card: to print, renew and revoke it, and to say what it shows.

use super::Frame;
use askama::Template;

/// The card on paper has the size of a bank card (ISO/IEC 7810 ID-1).
pub const STYLE: &str = include_str!("card.css");

#[derive(Template)]
#[template(path = "card.html", config = "src/page/askama.toml")]
pub struct CardPage {
    pub frame: Frame,
    /// What stands on the card beside the code.
    pub face: Face,
    pub card: Option<Link>,
    /// Links with a passcode.
    pub shares: Vec<Link>,
    pub opted_out: bool,
    pub topics: Vec<Topic>,
}

pub struct Face {
    pub name: String,
    pub birth_date: Option<String>,
    pub health_id: Option<String>,
}

/// What a patient has given out.
pub struct Link {
    /// The address that the code holds.
    pub address: String,
    /// The QR code as an SVG image.
    pub qr: String,
    pub created: String,
    pub expires: String,
    pub views: u64,
    pub seen: Option<String>,
}

/// A kind of sensitive information.
pub struct Topic {
    pub name: &'static str,
    pub words: &'static str,
    pub is_shown: bool,
}
