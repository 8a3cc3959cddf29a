//! The pages of a patient: who may see what, requests to answer, notices, and who looked at the record.

use super::Frame;
use super::picker::Row;
use askama::Template;

#[derive(Template)]
#[template(path = "patient/home.html", config = "src/page/askama.toml")]
pub struct Home {
    pub frame: Frame,
    /// The patient, where the person speaks for somebody else.
    pub of: Option<String>,
    pub emergencies: Vec<Emergency>,
    pub requests: Vec<RequestLine>,
    /// How many may see something now.
    pub shares: usize,
    pub notices: Vec<Notice>,
}

/// Somebody who opened the record in an emergency, without being allowed before.
pub struct Emergency {
    pub who: String,
    pub began: String,
    pub until: String,
    /// Names it when it is to end; none when it has ended.
    pub grant: Option<String>,
}

/// One who may, or must not, see something.
pub struct Share {
    pub id: String,
    pub who: String,
    pub is_permit: bool,
    pub what: Vec<String>,
    pub why: String,
    pub since: String,
    pub until: String,
}

#[derive(Template)]
#[template(path = "patient/sharing.html", config = "src/page/askama.toml")]
pub struct Sharing {
    pub frame: Frame,
    pub of: Option<String>,
    pub emergencies: Vec<Emergency>,
    pub permits: Vec<Share>,
    pub denies: Vec<Share>,
    /// What has ended, with the word for how.
    pub past: Vec<(Share, &'static str)>,
    /// What holds for all others.
    pub others: &'static str,
}

/// A box for one kind of data.
pub struct ClassBox {
    pub code: String,
    pub words: String,
    /// What is in it and what is not.
    pub hint: String,
    pub is_ticked: bool,
}

#[derive(Template)]
#[template(path = "patient/share_whom.html", config = "src/page/askama.toml")]
pub struct ShareWhom {
    pub frame: Frame,
    /// `share` or `refuse`.
    pub deed: &'static str,
    pub q: Option<String>,
    pub rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "patient/share.html", config = "src/page/askama.toml")]
pub struct ShareForm {
    pub frame: Frame,
    pub deed: &'static str,
    /// The reference, and the name.
    pub with: String,
    pub name: String,
    pub classes: Vec<ClassBox>,
    /// The first and the last day that may be chosen, and the one that is.
    pub days: Days,
    /// Where a factor is shown again, where that must be done first.
    pub step_up: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct Days {
    pub first: String,
    pub last: String,
    pub chosen: String,
}

/// A request that waits, or waited, for an answer.
pub struct RequestLine {
    pub id: String,
    pub who: String,
    pub why: String,
    pub asked: String,
}

#[derive(Template)]
#[template(path = "patient/requests.html", config = "src/page/askama.toml")]
pub struct Requests {
    pub frame: Frame,
    pub of: Option<String>,
    pub requests: Vec<RequestLine>,
}

#[derive(Template)]
#[template(path = "patient/request.html", config = "src/page/askama.toml")]
pub struct Request {
    pub frame: Frame,
    pub id: String,
    /// Which version of the request the person saw.
    pub version: i32,
    pub who: String,
    pub why: String,
    pub asked: String,
    pub until: String,
    pub note: Option<String>,
    /// The kinds of data that are asked for; none where it is everything.
    pub classes: Vec<ClassBox>,
    pub what: Vec<String>,
    pub days: Days,
    /// Whether a code of the authenticator app is wanted.
    pub wants_code: bool,
    /// Where a factor is shown again, where that must be done first.
    pub step_up: Option<String>,
}

/// A notice in the inbox.
pub struct Notice {
    pub text: String,
    pub at: String,
    pub is_urgent: bool,
    /// Where it leads: address and words.
    pub link: Option<(&'static str, &'static str)>,
}

#[derive(Template)]
#[template(path = "inbox.html", config = "src/page/askama.toml")]
pub struct Inbox {
    pub frame: Frame,
    pub notices: Vec<Notice>,
    /// The address of the next page.
    pub next: Option<String>,
}

/// One who looked at, or changed, something.
pub struct LogLine {
    pub when: String,
    pub who: String,
    pub what: String,
    pub why: Option<String>,
    /// How often, within the hour.
    pub times: usize,
    pub is_emergency: bool,
    pub is_refusal: bool,
}

#[derive(Template)]
#[template(path = "patient/log.html", config = "src/page/askama.toml")]
pub struct Log {
    pub frame: Frame,
    pub of: Option<String>,
    pub emergencies: Vec<Emergency>,
    pub lines: Vec<LogLine>,
    pub next: Option<String>,
    /// Whether what the patient looked at is told, too.
    pub with_own: bool,
}
