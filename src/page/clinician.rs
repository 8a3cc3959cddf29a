//! The pages of those who treat patients: whose record they may see, asking for consent, broken glass, a record to read.

use super::Frame;
use super::patient::{ClassBox, Days, Notice};
use askama::Template;

#[derive(Template)]
#[template(path = "clinician/home.html", config = "src/page/askama.toml")]
pub struct Home {
    pub frame: Frame,
    pub grants: Vec<OpenGrant>,
    pub requests: Vec<MyRequest>,
    pub notices: Vec<Notice>,
    pub may_break: bool,
}

/// A record that is open by broken glass.
pub struct OpenGrant {
    pub patient: String,
    pub name: String,
    pub until: String,
    pub grant: String,
}

/// What somebody asked of a patient.
pub struct MyRequest {
    pub patient: String,
    pub name: String,
    /// `waiting`, `allowed`, `not allowed`, `ended`.
    pub state: &'static str,
    pub what: Vec<String>,
    pub asked: String,
    pub until: String,
    /// Whether the record can be opened by it now.
    pub is_open: bool,
}

#[derive(Template)]
#[template(path = "clinician/requests.html", config = "src/page/askama.toml")]
pub struct MyRequests {
    pub frame: Frame,
    pub requests: Vec<MyRequest>,
}

#[derive(Template)]
#[template(path = "clinician/patients.html", config = "src/page/askama.toml")]
pub struct Patients {
    pub frame: Frame,
    pub q: Option<String>,
    pub rows: Vec<super::picker::Row>,
    pub next: Option<String>,
    /// Those who share with this person by name.
    pub sharing: Vec<MyRequest>,
    pub may_break: bool,
}

#[derive(Template)]
#[template(path = "clinician/ask.html", config = "src/page/askama.toml")]
pub struct Ask {
    pub frame: Frame,
    pub patient: String,
    pub purposes: Vec<Choice>,
    pub classes: Vec<ClassBox>,
    pub days: Days,
    pub note: String,
}

/// One choice of a list.
pub struct Choice {
    pub code: &'static str,
    pub words: &'static str,
    pub is_chosen: bool,
}

#[derive(Template)]
#[template(path = "clinician/break_glass.html", config = "src/page/askama.toml")]
pub struct BreakGlass {
    pub frame: Frame,
    pub patient: String,
    /// The name, where it may be seen.
    pub name: Option<String>,
    pub reason: String,
    pub reasons: Vec<Choice>,
    pub hours: Vec<Choice>,
    /// There is no second factor to show: then there is no form.
    pub lacks_second: bool,
}

#[derive(Template)]
#[template(path = "clinician/record.html", config = "src/page/askama.toml")]
pub struct Record {
    pub frame: Frame,
    pub id: String,
    pub name: String,
    pub detail: String,
    /// Until when it is open by broken glass.
    pub emergency: Option<OpenGrant>,
    /// Kinds of records: the type, and words.
    pub kinds: Vec<(&'static str, String)>,
    pub may_break: bool,
}

/// A record that the person may not see, or that is not there.
#[derive(Template)]
#[template(path = "clinician/closed.html", config = "src/page/askama.toml")]
pub struct Closed {
    pub frame: Frame,
    /// The number of the record, as an address carries it.
    pub query: String,
    pub may_break: bool,
}

#[derive(Template)]
#[template(path = "clinician/kind.html", config = "src/page/askama.toml")]
pub struct Kind {
    pub frame: Frame,
    pub id: String,
    pub name: String,
    pub title: String,
    pub emergency: Option<OpenGrant>,
    pub items: Vec<Item>,
    pub next: Option<String>,
}

/// One entry of a record.
pub struct Item {
    pub title: String,
    pub detail: String,
    pub when: String,
}
