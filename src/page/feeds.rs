//! The pages of who runs feeds of HL7 v2 messages: the feeds, the messages, and one of them.

use super::Frame;
use super::admin_clients::Fact;
use super::clinician::Choice;
use askama::Template;

#[derive(Template)]
#[template(path = "feeds/feeds.html", config = "src/page/askama.toml")]
pub struct Feeds {
    pub frame: Frame,
    pub rows: Vec<FeedRow>,
    /// Messages of senders that are not known, which were refused.
    pub strangers: i64,
}

pub struct FeedRow {
    pub id: String,
    /// Whose messages it takes.
    pub sender: String,
    pub is_active: bool,
    /// When the last message came.
    pub last: Option<String>,
    pub done: i64,
    pub failed: i64,
    pub refused: i64,
    /// Messages that are kept and not worked off, and how long the oldest has waited.
    pub waiting: i64,
    pub lag: Option<String>,
    /// The client whose scopes bound it, and the certificate that it must show.
    pub facts: Vec<Fact>,
    pub settings: String,
}

#[derive(Template)]
#[template(path = "feeds/messages.html", config = "src/page/askama.toml")]
pub struct Messages {
    pub frame: Frame,
    pub feeds: Vec<(String, bool)>,
    pub states: Vec<Choice>,
    /// The control id that was searched for.
    pub control: String,
    /// Messages that failed and wait for somebody, where nothing was searched for.
    pub queue: Vec<MessageRow>,
    pub rows: Vec<MessageRow>,
    pub is_search: bool,
    pub next: Option<String>,
}

pub struct MessageRow {
    pub id: String,
    /// `ADT^A01`, and what it says.
    pub event: String,
    pub title: &'static str,
    pub feed: String,
    pub control: String,
    pub when: String,
    pub state: &'static str,
    pub problems: Vec<String>,
}

#[derive(Template)]
#[template(path = "feeds/message.html", config = "src/page/askama.toml")]
pub struct MessageDetails {
    pub frame: Frame,
    pub id: String,
    pub event: String,
    pub title: &'static str,
    pub state: &'static str,
    pub facts: Vec<Fact>,
    /// Messages that belong to it: addresses and words.
    pub links: Vec<(String, &'static str)>,
    /// What is wrong and stands beside no field.
    pub problems: Vec<String>,
    pub blocks: Vec<Segment>,
    pub left_out: usize,
    /// What came of it: references, and what was done.
    pub results: Vec<String>,
    /// The text, where it may be mended; one that is too long for a form is mended by the command.
    pub text: Option<String>,
    /// Whether something can be done with it.
    pub is_open: bool,
    pub reason: String,
}

/// A segment as it is shown.
pub struct Segment {
    pub place: String,
    pub title: &'static str,
    pub problems: Vec<String>,
    pub fields: Vec<Field>,
}

pub struct Field {
    pub place: String,
    pub text: String,
    pub problems: Vec<String>,
}
