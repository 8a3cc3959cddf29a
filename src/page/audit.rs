//! The pages of those who watch over privacy: alerts, reviews of broken glass, the chain of the audit, and a search of it.

use super::Frame;
use super::clinician::Choice;
use askama::Template;

/// One event of the audit in words.
#[derive(Debug, Clone, Default)]
pub struct EventLine {
    pub id: String,
    pub when: String,
    pub who: String,
    pub what: String,
    /// Whose record it was.
    pub patient: Option<String>,
    pub why: Option<String>,
    /// What was noted: why it was refused, a search.
    pub detail: Option<String>,
    pub address: Option<String>,
    pub is_emergency: bool,
    pub is_refusal: bool,
}

/// What the last look at the chain found.
#[derive(Debug, Clone, Default)]
pub struct Chain {
    pub is_valid: bool,
    /// How many records were looked at.
    pub checked: String,
    pub head: String,
    /// The first record that is not as the server left it, in words.
    pub broken: Option<String>,
    /// Records that the chain has not come to yet.
    pub waiting: usize,
}

#[derive(Template)]
#[template(path = "audit/alerts.html", config = "src/page/askama.toml")]
pub struct Alerts {
    pub frame: Frame,
    pub chain: Option<Chain>,
    pub reviews: usize,
    pub overdue: usize,
    pub emergencies: Vec<EventLine>,
    pub refusals: Vec<EventLine>,
    pub days: i64,
}

/// A broken glass to review.
pub struct ReviewLine {
    pub id: String,
    pub who: String,
    pub patient: String,
    pub when: String,
    pub due: String,
    pub is_overdue: bool,
    /// What was found, where somebody has looked.
    pub finding: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "audit/reviews.html", config = "src/page/askama.toml")]
pub struct Reviews {
    pub frame: Frame,
    pub open: Vec<ReviewLine>,
    pub done: Vec<ReviewLine>,
}

#[derive(Template)]
#[template(path = "audit/review.html", config = "src/page/askama.toml")]
pub struct Review {
    pub frame: Frame,
    pub line: ReviewLine,
    pub reason: Option<String>,
    pub until: String,
    pub is_open: bool,
    /// What was looked at meanwhile.
    pub events: Vec<EventLine>,
    pub comment: String,
}

#[derive(Template)]
#[template(path = "audit/chain.html", config = "src/page/askama.toml")]
pub struct ChainPage {
    pub frame: Frame,
    pub chain: Chain,
    pub from: String,
    pub to: String,
    /// Signed statements about the chain: when, and up to which record.
    pub checkpoints: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "audit/events.html", config = "src/page/askama.toml")]
pub struct Events {
    pub frame: Frame,
    pub patient: String,
    pub agent: String,
    pub from: String,
    pub to: String,
    pub kinds: Vec<Choice>,
    pub outcomes: Vec<Choice>,
    pub lines: Vec<EventLine>,
    pub next: Option<String>,
}
