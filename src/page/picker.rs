//! The picker: which patient, or which visit, an app is to be about.

use super::Frame;
use askama::Template;

#[derive(Template)]
#[template(path = "picker.html", config = "src/page/askama.toml")]
pub struct Picker {
    pub frame: Frame,
    pub title: String,
    pub words: String,
    /// Where the forms go: also the address of the page.
    pub action: &'static str,
    /// The field of the choice.
    pub field: &'static str,
    pub request: String,
    /// What was searched for; none where nothing can be.
    pub search: Option<String>,
    pub rows: Vec<Row>,
    /// Said where there is nothing to choose from.
    pub nothing: String,
    /// The address of the next page.
    pub next: Option<String>,
    /// The words for going on without a choice, where that can be.
    pub without: Option<&'static str>,
}

pub struct Row {
    pub value: String,
    pub title: String,
    pub detail: String,
}
