//! Turns decided changes into the arrays of the one statement that writes them.

use super::audit;
use super::change::{Condition, Effect, Outcome, Prepared, Write, Written};
use super::error::StoreError;
use super::index::Index;
use super::policy;
use super::row::{Deed, Stored};
use super::search::write::{Columns, array};
use crate::access::grant::meets;
use crate::fhir::{Instant, ResourceType};
use crate::search::key::Keyer;
use crate::search::{Expr, IndexRows, extract, relation};
use bytes::Bytes;
use std::borrow::Cow;
use std::sync::Arc;
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
    /// The patients that each is about, likewise.
    about: Vec<String>,
    content: Vec<Option<String>>,
    replaced: Vec<i64>,
}

/// Resources of types that are being indexed anew, which may stand under a shape of before; and the one they have now.
#[derive(Default)]
struct Reshaped {
    type_: Vec<i16>,
    no: Vec<i64>,
    kept: Vec<i64>,
}

/// What is to be told to whoever decides by what they remember: see `policy_change`.
#[derive(Default)]
struct Changes {
    kind: Vec<i16>,
    key: Vec<i64>,
}

/// A set of changes on its way into one statement.
#[derive(Default)]
pub struct Batch {
    /// Makes the index rows; none for audit rows alone.
    index: Option<Arc<Index>>,
    epoch: Option<i32>,
    versions: Versions,
    audits: audit::columns::Columns,
    ground: Arc<audit::Ground>,
    gone: Columns,
    new: Columns,
    reshaped: Reshaped,
    changes: Changes,
    /// The patients whom the last change was about, before and after.
    touched: Vec<i64>,
}

impl Batch {
    pub fn new(index: Arc<Index>, ground: Arc<audit::Ground>) -> Batch {
        Batch { epoch: Some(index.epoch()), index: Some(index), ground, ..Batch::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.versions.no.is_empty() && self.audits.is_empty()
    }

    /// Returns whether the writer's limits leave a resource alone: as it is now where `current` is given, or else as the
    /// write would make it.
    pub fn hides(&self, current: Option<&Stored>, write: &Write, sight: Option<&Expr>) -> Result<bool, StoreError> {
        let sight = sight.unwrap_or(&write.sight);
        let rows = match (sight, current, &write.effect) {
            (Expr::All, _, _) => return Ok(false),
            (_, Some(current), _) if current.is_deleted() => return Ok(false),
            (_, Some(current), _) => self.rows_of(current)?,
            (_, None, Effect::Put(prepared)) => self.rows(write.resource_type, prepared).into_owned(),
            (_, None, Effect::Delete) => return Ok(false),
        };
        Ok(!meets(sight, write.resource_type, &write.id, rows))
    }

    /// Returns whether a write makes of a resource what its writer may not make of it: see `Governed::lets_become`.
    pub fn strays(&self, current: Option<&Stored>, write: &Write) -> Result<bool, StoreError> {
        let mut is_bound = false;
        write.sight.governed(&mut |governed| is_bound |= governed.writer.is_some());
        if !is_bound {
            return Ok(false);
        }
        let old = current.filter(|current| !current.is_deleted()).map(|current| self.rows_of(current)).transpose()?;
        let new = match &write.effect {
            Effect::Put(prepared) => Some(self.rows(write.resource_type, prepared)),
            Effect::Delete => None,
        };
        let mut strays = false;
        write.sight.governed(&mut |governed| {
            strays |= !governed.lets_become(write.resource_type, old.as_ref(), new.as_deref());
        });
        Ok(strays)
    }

    /// Adds a new resource.
    pub fn create(&mut self, no: i64, write: &Write, sight: Option<&Expr>, now: Instant) -> Outcome {
        match &write.effect {
            _ if !matches!(self.hides(None, write, sight), Ok(false)) => Outcome::Hidden,
            _ if !matches!(self.strays(None, write), Ok(false)) => Outcome::Hidden,
            Effect::Put(prepared) => {
                let rows = self.rows(write.resource_type, prepared);
                let text = prepared.text(1, now);
                let written = self.version(no, write, (1, now), true, Some((text, &rows)));
                self.policy(write.resource_type, None, Some(&rows));
                self.new.add(no, rows.into_owned());
                Outcome::Created(written)
            }
            Effect::Delete => Outcome::Nothing,
        }
    }

    /// Adds the next version of `current`.
    pub fn replace(&mut self, current: &Stored, write: &Write, now: Instant) -> Result<Outcome, StoreError> {
        let old = self.rows_of(current)?;
        let updated = now.max(Instant(current.updated.0 + crate::fhir::instant::MILLISECOND_US));
        let version = current.version + 1;
        self.versions.replaced.push(current.no);
        Ok(match &write.effect {
            Effect::Put(prepared) => {
                let rows = self.rows(write.resource_type, prepared);
                let (gone, mut new) = IndexRows::diff(&old, &rows);
                self.policy(write.resource_type, Some(&old).filter(|_| !current.is_deleted()), Some(&rows));
                if self.reshape(write.resource_type, current.no, rows.shape.key) {
                    new = rows.clone().into_owned();
                }
                self.gone.add(current.no, gone);
                self.new.add(current.no, new);
                let text = Some((prepared.text(version, updated), &*rows));
                let written = self.version(current.no, write, (version, updated), current.is_deleted(), text);
                if current.is_deleted() { Outcome::Created(written) } else { Outcome::Updated(written) }
            }
            Effect::Delete => {
                self.policy(write.resource_type, Some(&old), None);
                self.gone.add(current.no, old);
                self.reshape(write.resource_type, current.no, 0);
                Outcome::Deleted(self.version(current.no, write, (version, updated), false, None))
            }
        })
    }

    /// Returns what a current version stands under, by the definitions of this batch.
    pub fn rows_of(&self, stored: &Stored) -> Result<IndexRows, StoreError> {
        let (Some(content), Some(index)) = (&stored.content, &self.index) else { return Ok(IndexRows::default()) };
        let value = serde_json::from_slice(content)
            .map_err(|e| StoreError::Damaged(format!("{}/{}: {e}", stored.resource_type, stored.id)))?;
        Ok(extract(&index.registry, stored.resource_type, &value))
    }

    /// Returns the rows of a resource in the epoch of this batch; those that it brings are of the epoch of its request.
    fn rows<'a>(&self, t: ResourceType, prepared: &'a Prepared) -> Cow<'a, IndexRows> {
        match &self.index {
            Some(index) if index.epoch() != prepared.epoch => {
                // What was written as JSON a moment ago is JSON; if not, the statement is refused for its epoch.
                let value = serde_json::from_str(&prepared.text(1, Instant(0))).unwrap_or_default();
                Cow::Owned(extract(&index.registry, t, &value))
            }
            _ => Cow::Borrowed(&prepared.rows),
        }
    }

    /// Notes what a change means to those who remember consents and who belongs to what.
    fn policy(&mut self, t: ResourceType, old: Option<&IndexRows>, new: Option<&IndexRows>) {
        let (is_other, nothing) = (old.is_some() != new.is_some(), IndexRows::default());
        let (old, new) = (old.unwrap_or(&nothing), new.unwrap_or(&nothing));
        let mut note = |kind: i16, key: i64| {
            self.changes.kind.push(kind);
            self.changes.key.push(key);
        };
        self.touched = old.about.iter().chain(&new.about).copied().collect();
        if t == ResourceType::CONSENT {
            old.about.iter().chain(&new.about).for_each(|patient| note(policy::CONSENT, *patient));
        }
        let (gone, made) = (&old.links, &new.links);
        let changed = gone.iter().filter(|l| !made.contains(l)).chain(made.iter().filter(|l| !gone.contains(l)));
        for (kind, first, _) in changed {
            // The member, or the patient.
            note(if *kind == relation::MEMBER { policy::MEMBER } else { policy::CARE }, *first);
        }
        // Members of an organization may be known before it is, and after.
        if t == ResourceType::ORGANIZATION && is_other {
            note(policy::MEMBER, policy::ANYBODY);
        }
    }

    /// Notes a resource of a type that is being indexed anew; returns whether it is one.
    fn reshape(&mut self, t: ResourceType, no: i64, kept: i64) -> bool {
        if self.index.as_ref().is_none_or(|index| index.registry.progress.is_complete(t)) {
            return false;
        }
        self.reshaped.type_.push(t.number());
        self.reshaped.no.push(no);
        self.reshaped.kept.push(kept);
        true
    }

    fn version(
        &mut self,
        no: i64,
        write: &Write,
        (version, updated): (i32, Instant),
        is_new: bool,
        content: Option<(String, &IndexRows)>,
    ) -> Written {
        let (text, rows) = content.unzip();
        let (refs, about) = rows.map_or((&[][..], &[][..]), |rows| (&rows.refs, &rows.about));
        let v = &mut self.versions;
        v.no.push(no);
        v.type_.push(write.resource_type.number());
        v.id.push(write.id.as_str().to_string());
        v.version.push(version);
        v.updated.push(updated.0);
        v.deleted.push(text.is_none());
        v.target.push(Keyer::fixed().target(write.resource_type.name(), write.id.as_str()));
        v.deed.push(deed(write, text.is_none(), is_new) as i16);
        v.refs.push(array(refs));
        v.about.push(array(about));
        // The answer needs the text too; it is shared with the statement only by copy, as the driver wants strings.
        let content = text.as_ref().map(|t| Bytes::copy_from_slice(t.as_bytes()));
        v.content.push(text);
        Written { resource_type: write.resource_type, id: write.id.clone(), version, updated, content }
    }

    /// Adds the audit row of a write and of what became of it.
    pub fn audit(&mut self, no: i64, write: &Write, outcome: &Outcome) {
        let mut patients = std::mem::take(&mut self.touched);
        if let (true, Effect::Put(prepared)) = (patients.is_empty(), &write.effect) {
            patients.extend(&prepared.rows.about);
        }
        self.note(no, &write.audit.became(outcome).with_patients(patients));
    }

    /// Adds an audit row.
    pub fn note(&mut self, no: i64, entry: &audit::Entry) {
        self.audits.add(no, audit::row::Row::of(entry), &self.ground.key);
    }

    /// Returns the statement for this batch and its parameters: a shorter one where nothing is replaced.
    pub fn statement(&self) -> (&'static str, Vec<&(dyn ToSql + Sync)>) {
        if self.versions.replaced.is_empty() { (CREATE, self.create_params()) } else { (APPLY, self.apply_params()) }
    }

    fn create_params(&self) -> Vec<&(dyn ToSql + Sync)> {
        let (v, a, n) = (&self.versions, &self.audits, &self.new);
        let mut p: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(58);
        p.extend([&v.no as &(dyn ToSql + Sync), &v.type_, &v.id, &v.version, &v.updated, &v.deleted, &v.content]);
        p.extend(a.first());
        p.extend([&n.terms.0 as &(dyn ToSql + Sync), &n.terms.1]);
        p.extend([&n.strings.0 as &(dyn ToSql + Sync), &n.strings.1, &n.strings.2]);
        p.extend([&n.dates.0 as &(dyn ToSql + Sync), &n.dates.1, &n.dates.2, &n.dates.3]);
        p.extend([&n.quantities.0 as &(dyn ToSql + Sync), &n.quantities.1, &n.quantities.2, &n.quantities.3]);
        p.extend([&n.timeline.0 as &(dyn ToSql + Sync), &n.timeline.1, &n.timeline.2, &n.timeline.3]);
        p.extend([&n.shapes.0 as &(dyn ToSql + Sync), &n.shapes.1, &n.shapes.2, &v.deed, &v.target, &v.refs]);
        p.push(&self.epoch);
        p.extend(a.rest());
        p.extend([&v.about as &(dyn ToSql + Sync), &n.links.0, &n.links.1, &n.links.2, &n.links.3]);
        p.extend([&self.changes.kind as &(dyn ToSql + Sync), &self.changes.key]);
        p
    }

    fn apply_params(&self) -> Vec<&(dyn ToSql + Sync)> {
        let (v, a, g, n) = (&self.versions, &self.audits, &self.gone, &self.new);
        let mut p: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(83);
        p.extend([&v.no as &(dyn ToSql + Sync), &v.type_, &v.id, &v.version, &v.updated, &v.deleted, &v.content]);
        p.push(&v.replaced);
        p.extend(a.first());
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
        let r = &self.reshaped;
        p.extend([&self.epoch as &(dyn ToSql + Sync), &r.type_, &r.no, &r.kept]);
        p.extend(a.rest());
        p.push(&v.about);
        for i in [g, n] {
            p.extend([&i.links.0 as &(dyn ToSql + Sync), &i.links.1, &i.links.2, &i.links.3]);
        }
        p.extend([&self.changes.kind as &(dyn ToSql + Sync), &self.changes.key]);
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
