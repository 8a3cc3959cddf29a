//! Turns decided changes into the arrays of the one statement that writes them.

use super::audit;
use super::change::{Condition, Effect, Outcome, Write, Written};
use super::row::{Deed, Stored};
use super::search::write::{Columns, array};
use crate::fhir::{Instant, ResourceType};
use crate::search::IndexRows;
use crate::search::key::Keyer;
use bytes::Bytes;
use tokio_postgres::types::ToSql;

const CREATE: &str = include_str!("sql/create.sql");
const APPLY: &str = include_str!("sql/apply.sql");
/// All statements that a batch can be sent in.
pub const STATEMENTS: [&str; 2] = [CREATE, APPLY];

/// Columns of the versions to write, one vector a column.
#[derive(Default)]
struct Versions {
    no: Vec<i64>,
    type_: Vec<i16>,
    id: Vec<String>,
    version: Vec<i32>,
    updated: Vec<i64>,
    deleted: Vec<bool>,
    deed: Vec<i16>,
    /// Keys under which references lead to the resources.
    target: Vec<i64>,
    /// Keys of the references of each, as an array in PostgreSQL's notation.
    refs: Vec<String>,
    content: Vec<Option<String>>,
    replaced: Vec<i64>,
}

#[derive(Default)]
struct Audits {
    no: Vec<i64>,
    at: Vec<i64>,
    request: Vec<Box<str>>,
    principal: Vec<Box<str>>,
    action: Vec<&'static str>,
    type_: Vec<Option<i16>>,
    id: Vec<Option<String>>,
    version: Vec<Option<i32>>,
    status: Vec<i16>,
}

/// A set of changes on its way into one statement.
#[derive(Default)]
pub struct Batch {
    versions: Versions,
    audits: Audits,
    gone: Columns,
    new: Columns,
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.versions.no.is_empty() && self.audits.no.is_empty()
    }

    /// Adds a new resource.
    pub fn create(&mut self, no: i64, write: &Write, now: Instant) -> Outcome {
        match &write.effect {
            Effect::Put(prepared) => {
                self.new.add(no, prepared.rows.clone());
                Outcome::Created(self.version(no, write, (1, now), true, Some(prepared.text(1, now))))
            }
            Effect::Delete => Outcome::Nothing,
        }
    }

    /// Adds the next version of `current`; `old` are the index rows that its content had.
    pub fn replace(&mut self, current: &Stored, old: IndexRows, write: &Write, now: Instant) -> Outcome {
        let updated = now.max(Instant(current.updated.0 + crate::fhir::instant::MILLISECOND_US));
        let version = current.version + 1;
        self.versions.replaced.push(current.no);
        match &write.effect {
            Effect::Put(prepared) => {
                let (gone, new) = IndexRows::diff(&old, &prepared.rows);
                self.gone.add(current.no, gone);
                self.new.add(current.no, new);
                let text = prepared.text(version, updated);
                let written = self.version(current.no, write, (version, updated), current.is_deleted(), Some(text));
                if current.is_deleted() { Outcome::Created(written) } else { Outcome::Updated(written) }
            }
            Effect::Delete => {
                self.gone.add(current.no, old);
                Outcome::Deleted(self.version(current.no, write, (version, updated), false, None))
            }
        }
    }

    fn version(
        &mut self,
        no: i64,
        write: &Write,
        (version, updated): (i32, Instant),
        is_new: bool,
        text: Option<String>,
    ) -> Written {
        let v = &mut self.versions;
        v.no.push(no);
        v.type_.push(write.resource_type.number());
        v.id.push(write.id.as_str().to_string());
        v.version.push(version);
        v.updated.push(updated.0);
        v.deleted.push(text.is_none());
        v.target.push(Keyer::fixed().target(write.resource_type.name(), write.id.as_str()));
        v.deed.push(deed(write, text.is_none(), is_new) as i16);
        v.refs.push(match &write.effect {
            Effect::Put(prepared) => array(&prepared.rows.refs),
            Effect::Delete => array(&[]),
        });
        // The answer needs the text too; it is shared with the statement only by copy, as the driver wants strings.
        let content = text.as_ref().map(|t| Bytes::copy_from_slice(t.as_bytes()));
        v.content.push(text);
        Written { resource_type: write.resource_type, id: write.id.clone(), version, updated, content }
    }

    pub fn audit(&mut self, no: i64, entry: &audit::Entry) {
        let a = &mut self.audits;
        a.no.push(no);
        a.at.push(entry.at.0);
        a.request.push(entry.request.clone());
        a.principal.push(entry.principal.clone());
        a.action.push(entry.action);
        a.type_.push(entry.resource_type.map(ResourceType::number));
        a.id.push(entry.id.as_ref().map(|id| id.as_str().to_string()));
        a.version.push(entry.version);
        a.status.push(i16::try_from(entry.status).unwrap_or(i16::MAX));
    }

    /// Returns the statement for this batch and its parameters: a shorter one where nothing is replaced.
    pub fn statement(&self) -> (&'static str, Vec<&(dyn ToSql + Sync)>) {
        if self.versions.replaced.is_empty() { (CREATE, self.create_params()) } else { (APPLY, self.apply_params()) }
    }

    fn create_params(&self) -> Vec<&(dyn ToSql + Sync)> {
        let (v, a, n) = (&self.versions, &self.audits, &self.new);
        let mut p: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(39);
        p.extend([&v.no as &(dyn ToSql + Sync), &v.type_, &v.id, &v.version, &v.updated, &v.deleted, &v.content]);
        p.extend([&a.no as &(dyn ToSql + Sync), &a.at, &a.request, &a.principal, &a.action]);
        p.extend([&a.type_ as &(dyn ToSql + Sync), &a.id, &a.version, &a.status]);
        p.extend([&n.terms.0 as &(dyn ToSql + Sync), &n.terms.1]);
        p.extend([&n.strings.0 as &(dyn ToSql + Sync), &n.strings.1, &n.strings.2]);
        p.extend([&n.dates.0 as &(dyn ToSql + Sync), &n.dates.1, &n.dates.2, &n.dates.3]);
        p.extend([&n.quantities.0 as &(dyn ToSql + Sync), &n.quantities.1, &n.quantities.2, &n.quantities.3]);
        p.extend([&n.timeline.0 as &(dyn ToSql + Sync), &n.timeline.1, &n.timeline.2, &n.timeline.3]);
        p.extend([&n.shapes.0 as &(dyn ToSql + Sync), &n.shapes.1, &n.shapes.2, &v.deed, &v.target, &v.refs]);
        p
    }

    fn apply_params(&self) -> Vec<&(dyn ToSql + Sync)> {
        let (v, a, g, n) = (&self.versions, &self.audits, &self.gone, &self.new);
        let mut p: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(57);
        p.extend([&v.no as &(dyn ToSql + Sync), &v.type_, &v.id, &v.version, &v.updated, &v.deleted, &v.content]);
        p.push(&v.replaced);
        p.extend([&a.no as &(dyn ToSql + Sync), &a.at, &a.request, &a.principal, &a.action]);
        p.extend([&a.type_ as &(dyn ToSql + Sync), &a.id, &a.version, &a.status]);
        p.extend([&g.terms.0 as &(dyn ToSql + Sync), &g.terms.1, &n.terms.0, &n.terms.1]);
        for i in [g, n] {
            p.extend([&i.strings.0 as &(dyn ToSql + Sync), &i.strings.1, &i.strings.2]);
        }
        for i in [g, n] {
            p.extend([&i.dates.0 as &(dyn ToSql + Sync), &i.dates.1, &i.dates.2, &i.dates.3]);
        }
        for i in [g, n] {
            p.extend([&i.quantities.0 as &(dyn ToSql + Sync), &i.quantities.1, &i.quantities.2, &i.quantities.3]);
        }
        for i in [g, n] {
            p.extend([&i.timeline.0 as &(dyn ToSql + Sync), &i.timeline.1, &i.timeline.2, &i.timeline.3]);
        }
        p.extend([&n.shapes.0 as &(dyn ToSql + Sync), &n.shapes.1, &n.shapes.2, &v.deed, &v.target, &v.refs]);
        p
    }
}

fn deed(write: &Write, is_deleted: bool, is_new: bool) -> Deed {
    match (is_deleted, is_new, write.audit.action) {
        (true, _, _) => Deed::Deleted,
        (false, true, "create") => Deed::Posted,
        (false, true, _) => Deed::PutNew,
        (false, false, "patch") => Deed::Patched,
        (false, false, _) => Deed::Put,
    }
}

/// Returns whether the condition of a write allows it, given the current version.
pub fn allowed(condition: Condition, current: Option<&Stored>) -> bool {
    let live = current.filter(|c| !c.is_deleted());
    match condition {
        Condition::None | Condition::New => true,
        Condition::Version(wanted) => live.is_some_and(|c| c.version == wanted),
        Condition::Absent => live.is_none(),
    }
}
