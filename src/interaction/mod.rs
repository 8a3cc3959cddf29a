//! The interactions of the RESTful API, one file each.
//!
//! R4 <https://hl7.org/fhir/R4/http.html>. They get a grant and never ask who the caller is.

pub mod ask;
pub mod audit_event;
pub mod body;
pub mod bundle;
pub mod capabilities;
pub mod condition;
pub mod contained;
pub mod create;
pub mod cursor;
mod definition;
pub mod delete;
pub mod history;
pub mod include;
pub mod patch;
pub mod prepare;
pub mod read;
pub mod search;
mod terminology;
pub mod text;
pub mod update;
pub mod vread;

use crate::access::Grant;
use crate::access::consent::Implied;
use crate::account::Accounts;
use crate::catalog::Catalog;
use crate::fault::{Fault, Kind};
use crate::fhir::{ResourceId, ResourceType, outcome};
use crate::format::Limits;
use crate::index::TextIndex;
use crate::rest::{Reply, Request, ReturnPreference};
use crate::store::audit::Entry;
use crate::store::{Outcome, Store, View, Written};
use std::sync::Arc;

/// What an installation sets for every interaction.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Without a slash at the end.
    pub base_url: String,
    pub limits: Limits,
    pub page_size_default: u32,
    pub page_size_max: u32,
    /// How old the cursor of a page may be.
    pub cursor_time_s_max: i64,
    pub bundle_entries_max: usize,
    /// Resources that one conditional delete may delete.
    pub delete_matches_max: usize,
    /// Where our own definitions have their canonical URLs; without a slash at the end.
    pub canonical_base: String,
    /// What holds for patients of whom no Consent says anything.
    pub implied: Implied,
    /// Notices are told by mail, too.
    pub sends_mail: bool,
}

/// What every interaction is given.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub store: &'a Store,
    /// Where reads look: outside or inside a transaction.
    pub view: View<'a>,
    pub settings: &'a Arc<Settings>,
    pub request: &'a Request,
    pub grant: &'a Grant,
    /// None where no text index is kept, as in a load straight into the database.
    pub text: Option<&'a TextIndex>,
    /// People and the sealing key; none in a load straight into the database.
    pub accounts: Option<&'a Accounts>,
}

impl<'a> Context<'a> {
    pub fn catalog(&self) -> &'a Arc<Catalog> {
        self.store.catalog()
    }

    /// Returns the audit row of a write of this request.
    pub fn audit(&self, resource_type: ResourceType, id: &ResourceId) -> Entry {
        self.event(self.request.interaction.code(), 0).of(resource_type, id)
    }

    /// Returns the audit row of a happening that the request brought about: who asked is in it already.
    pub fn event(&self, action: &'static str, status: u16) -> Entry {
        Entry::by(self.grant.principal(), action, &self.request.id, status).from(&self.request.address)
    }

    /// Returns the full URL of a resource.
    pub fn full_url(&self, resource_type: ResourceType, id: &ResourceId) -> String {
        format!("{}/{resource_type}/{id}", self.settings.base_url)
    }
}

/// Returns the reply to a write that made a version: R4 3.1.0.1.9, the Prefer header decides the body.
pub fn written(ctx: &Context, status: u16, written: Written) -> Reply {
    let content = written.content.unwrap_or_default();
    let body = match ctx.request.prefer.returns.unwrap_or(ReturnPreference::Representation) {
        ReturnPreference::Minimal => Default::default(),
        // Who may write but not read is told that it was written.
        ReturnPreference::Representation if !ctx.grant.shows_beside(written.resource_type, &written.id, &content) => {
            Default::default()
        }
        ReturnPreference::Representation => content,
        ReturnPreference::OperationOutcome => {
            let done = if status == 201 { "created" } else { "updated" };
            let text = format!("{}/{} {done} as version {}", written.resource_type, written.id, written.version);
            outcome::informational(&text).to_string().into()
        }
    };
    Reply {
        status,
        version: Some(written.version),
        last_modified: Some(written.updated),
        location: Some((written.resource_type, written.id, written.version)),
        body,
        patients: Vec::new(),
    }
}

/// Returns the reply to a PUT, POST or PATCH from what became of it.
pub fn settled(ctx: &Context, outcome: Outcome) -> Result<Reply, Fault> {
    match outcome {
        Outcome::Created(w) => Ok(written(ctx, 201, w)),
        Outcome::Updated(w) => Ok(written(ctx, 200, w)),
        Outcome::Deleted(_) | Outcome::Nothing => Err(Fault::internal("a put ended as a delete", "wrong outcome")),
        Outcome::Hidden => Err(hidden()),
        Outcome::Refused(current) => Err(stale(current)),
    }
}

/// Returns the refusal of a write outside the caller's limits; the same whatever is there.
pub fn hidden() -> Fault {
    Fault::new(Kind::Forbidden, "the scopes or the role do not reach this resource, as it is or as it would become")
}

/// Returns the refusal of a write whose version condition did not hold.
pub fn stale(current: Option<i32>) -> Fault {
    let text = match current {
        Some(version) => format!("the current version is W/\"{version}\"; the condition of the request does not hold"),
        None => "there is no current version; the condition of the request does not hold".to_string(),
    };
    Fault::new(Kind::Stale, text)
}
