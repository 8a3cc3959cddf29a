//! People as administrators see them: the list, one of them, and a form for another.

use super::Frame;
use super::admin_clients::Fact;
use askama::Template;

#[derive(Template)]
#[template(path = "admin_accounts.html", config = "src/page/askama.toml")]
pub struct Accounts {
    pub frame: Frame,
    /// What was searched for.
    pub q: String,
    /// The status that is shown, by its word; empty for all.
    pub status: String,
    pub rows: Vec<AccountRow>,
    /// Whether there are more than are shown.
    pub has_more: bool,
}

pub struct AccountRow {
    pub id: String,
    pub name: String,
    pub login: String,
    pub status: &'static str,
    pub roles: String,
}

#[derive(Template)]
#[template(path = "admin_account.html", config = "src/page/askama.toml")]
pub struct AccountDetails {
    pub frame: Frame,
    pub id: String,
    pub name: String,
    pub status: &'static str,
    /// The link by which the person sets a password, shown this once.
    pub link: Option<String>,
    pub facts: Vec<Fact>,
    /// Whether the visitor may change anything here.
    pub is_open: bool,
    /// What can be done now: the word for the server and the words for people.
    pub deeds: Vec<(&'static str, &'static str)>,
    pub roles: Vec<RoleBox>,
}

/// A tick box for a role.
pub struct RoleBox {
    pub name: &'static str,
    pub is_ticked: bool,
}

#[derive(Template)]
#[template(path = "admin_account_new.html", config = "src/page/askama.toml")]
pub struct NewAccount {
    pub frame: Frame,
    pub login: String,
    pub name: String,
    pub email: String,
    pub fhir_user: String,
    pub roles: Vec<RoleBox>,
}
