//! From a ValueSet to its codes.
//!
//! R4 <https://hl7.org/fhir/R4/valueset.html#compositions>: the union of what is included, without what is excluded; within
//! one include everything that is said must hold. Without a definition a stored expansion is taken.

use super::codes::{Codes, Members};
use super::system::{System, list, text};
use super::{CODES_MAX, Canonical, Lack, filter};
use crate::catalog::{Catalog, CodeSet};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// How deep value sets may lie in each other.
const DEPTH_MAX: usize = 32;
const SNOMED: &str = "http://snomed.info/sct";
/// The version of the value sets that the server knows by itself.
const R4: &str = "4.0.1";

/// A definition that an expansion needs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Wanted {
    ValueSet(Canonical),
    System(Canonical),
}

/// The definitions known so far; a lack where one was looked for and is not to be had.
#[derive(Debug, Default)]
pub struct Definitions {
    pub sets: HashMap<Canonical, Result<Arc<Value>, Lack>>,
    pub systems: HashMap<Canonical, Result<Arc<System>, Lack>>,
}

impl Definitions {
    pub fn has(&self, wanted: &Wanted) -> bool {
        match wanted {
            Wanted::ValueSet(canonical) => self.sets.contains_key(canonical),
            Wanted::System(canonical) => self.systems.contains_key(canonical),
        }
    }
}

/// An expansion as far as it goes with what is known.
pub enum Expansion {
    Done(Codes),
    /// These must be looked for first.
    Needs(BTreeSet<Wanted>),
}

/// Returns the codes of a value set, or which definitions are needed to tell.
pub fn expand(set: &Value, known: &Definitions) -> Result<Expansion, Lack> {
    let mut work = Work { known, needs: BTreeSet::new(), open: Vec::new(), done: HashMap::new() };
    let codes = work.set(set)?;
    Ok(if work.needs.is_empty() { Expansion::Done(codes) } else { Expansion::Needs(work.needs) })
}

/// Returns the value set that a URL means by its form, without being stored: all of SNOMED CT, or a concept of it and
/// those below. R4 <https://hl7.org/fhir/R4/snomedct.html#implicit>.
pub fn implicit(url: &str) -> Option<Value> {
    let rest = url.strip_prefix(SNOMED)?.strip_prefix("?fhir_vs")?;
    let include = match rest.strip_prefix("=isa/") {
        Some(code) if !code.is_empty() => {
            json!({"system": SNOMED, "filter": [{"property": "concept", "op": "is-a", "value": code}]})
        }
        None if rest.is_empty() => json!({"system": SNOMED}),
        _ => return None,
    };
    Some(json!({"resourceType": "ValueSet", "url": url, "compose": {"include": [include]}}))
}

/// Returns a value set that elements of R4 are bound to, whose codes the server therefore knows.
pub fn built_in(catalog: &Catalog, canonical: &Canonical) -> Option<Value> {
    let fits = |set: &&Arc<CodeSet>| !set.open && canonical.version.as_deref().is_none_or(|version| version == R4);
    let set = catalog.value_set(&canonical.url).filter(fits)?;
    let include = |(system, code)| json!({"system": system, "concept": [{"code": code}]});
    let include: Vec<Value> = set.members().map(include).collect();
    Some(json!({"resourceType": "ValueSet", "url": canonical.url, "compose": {"include": include}}))
}

struct Work<'a> {
    known: &'a Definitions,
    needs: BTreeSet<Wanted>,
    /// The value sets that are being expanded, the outermost first.
    open: Vec<Canonical>,
    done: HashMap<Canonical, Codes>,
}

impl Work<'_> {
    fn set(&mut self, set: &Value) -> Result<Codes, Lack> {
        let own = Canonical::of(text(set, "url"), set.get("version").and_then(Value::as_str));
        if self.open.len() >= DEPTH_MAX {
            return Err(Lack::TooMany(format!("value sets lie more than {DEPTH_MAX} deep in each other at {own}")));
        }
        self.open.push(own);
        let codes = match (set.get("compose"), set.get("expansion")) {
            (Some(compose), _) => self.compose(compose),
            (None, Some(expansion)) => expanded(text(set, "url"), expansion),
            (None, None) => Err(Lack::Missing(format!("value set {} is stored without its codes", text(set, "url")))),
        }?;
        self.open.pop();
        if codes.count() > CODES_MAX {
            let text = format!("value set {} has more than {CODES_MAX} codes", text(set, "url"));
            return Err(Lack::TooMany(text));
        }
        Ok(codes)
    }

    fn compose(&mut self, compose: &Value) -> Result<Codes, Lack> {
        let active = compose.get("inactive") == Some(&Value::Bool(false));
        let mut codes = Codes::default();
        for include in list(compose, "include") {
            codes.add(self.clause(include, active)?);
        }
        for exclude in list(compose, "exclude") {
            let gone = self.clause(exclude, false)?;
            for system in codes.unlisted(&gone) {
                let all = self.every_code(&Canonical::of(&system, None))?;
                codes.systems.insert(system, Members::Some(all));
            }
            codes.remove(&gone);
        }
        Ok(codes)
    }

    /// Returns what one include or exclude means.
    fn clause(&mut self, clause: &Value, active: bool) -> Result<Codes, Lack> {
        let mut codes = match text(clause, "system") {
            "" => None,
            url => {
                let system = Canonical::of(url, clause.get("version").and_then(Value::as_str));
                Some(Codes::of(url, self.of_system(&system, clause, active)?))
            }
        };
        for set in list(clause, "valueSet").filter_map(Value::as_str) {
            let of_set = self.nested(&Canonical::parse(set))?;
            match &mut codes {
                Some(codes) => codes.keep(&of_set),
                None => codes = Some(of_set),
            }
        }
        codes.ok_or_else(|| Lack::Unclear("an include of a value set names neither a system nor a value set".into()))
    }

    fn of_system(&mut self, canonical: &Canonical, clause: &Value, active: bool) -> Result<Members, Lack> {
        let named: BTreeSet<Box<str>> = list(clause, "concept").map(|c| text(c, "code").into()).collect();
        let mut filters = list(clause, "filter").peekable();
        let mut members = if named.is_empty() { Members::All } else { Members::Some(named) };
        // Codes that were named one by one are meant, in use or not. A whole system must only be looked through for what
        // is in use, or in the version that is asked for: codings seldom say theirs.
        let whole = members == Members::All && filters.peek().is_none();
        if filters.peek().is_none() && !(whole && (active || canonical.version.is_some())) {
            return Ok(members);
        }
        let Some(system) = self.system(canonical)? else { return Ok(Members::Some(BTreeSet::new())) };
        if whole {
            members = Members::Some(system.concepts().iter().map(|concept| concept.code.clone()).collect());
        }
        for each in filters {
            let passing = filter::codes(&system, each)?;
            members = match members {
                Members::All => Members::Some(passing),
                Members::Some(codes) => Members::Some(codes.into_iter().filter(|c| passing.contains(c)).collect()),
            };
        }
        let inactive = |code: &str| system.concept(code).is_some_and(|concept| concept.is_inactive());
        Ok(match members {
            Members::Some(codes) if active => Members::Some(codes.into_iter().filter(|c| !inactive(c)).collect()),
            members => members,
        })
    }

    fn every_code(&mut self, canonical: &Canonical) -> Result<BTreeSet<Box<str>>, Lack> {
        let system = self.system(canonical)?;
        Ok(system.map(|s| s.concepts().iter().map(|c| c.code.clone()).collect()).unwrap_or_default())
    }

    /// Returns a code system; none when it must be looked for first.
    fn system(&mut self, canonical: &Canonical) -> Result<Option<Arc<System>>, Lack> {
        match self.known.systems.get(canonical) {
            Some(found) => found.clone().map(Some),
            None => {
                self.needs.insert(Wanted::System(canonical.clone()));
                Ok(None)
            }
        }
    }

    fn nested(&mut self, canonical: &Canonical) -> Result<Codes, Lack> {
        if let Some(done) = self.done.get(canonical) {
            return Ok(done.clone());
        }
        let Some(found) = self.known.sets.get(canonical) else {
            self.needs.insert(Wanted::ValueSet(canonical.clone()));
            return Ok(Codes::default());
        };
        let set = found.clone()?;
        let own = Canonical::of(text(&set, "url"), set.get("version").and_then(Value::as_str));
        if self.open.contains(&own) {
            let around: Vec<String> = self.open.iter().map(Canonical::to_string).collect();
            let text = format!("value sets include each other: {} includes {own} again", around.join(" includes "));
            return Err(Lack::Unclear(text));
        }
        let codes = self.set(&set)?;
        self.done.insert(canonical.clone(), codes.clone());
        Ok(codes)
    }
}

/// Returns the codes of a stored expansion.
fn expanded(url: &str, expansion: &Value) -> Result<Codes, Lack> {
    let (mut codes, mut entries) = (Codes::default(), 0);
    let mut waiting: Vec<&Value> = list(expansion, "contains").collect();
    while let Some(entry) = waiting.pop() {
        entries += 1;
        waiting.extend(list(entry, "contains"));
        let (system, code) = (text(entry, "system"), text(entry, "code"));
        if !code.is_empty() && !system.is_empty() && entry.get("abstract") != Some(&Value::Bool(true)) {
            codes.insert(system, code);
        }
    }
    // R4 4.9.17: a page of an expansion says how many entries all pages have.
    if expansion.get("total").and_then(Value::as_u64).is_some_and(|total| total > entries) {
        return Err(Lack::Missing(format!("value set {url} is stored with a part of its expansion alone")));
    }
    Ok(codes)
}
