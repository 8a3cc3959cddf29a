//! What somebody may expect of a question, and what they get.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use serde_json::Value;

use super::questions::{Along, Edge, End, Kind, Question, Step};
use super::world::{self, World, name};
use crate::client::Client;

/// Resources that one question may find: each is read.
pub const SIZE_MAX: usize = 60;

pub struct Asker<'a> {
    world: &'a World,
    client: &'a Client,
    /// What was read already; consents do not change while an asker lives.
    read: Mutex<BTreeMap<String, bool>>,
}

/// What reading one by one allows.
#[derive(Default)]
pub struct Expected {
    /// In their order.
    pub matches: Vec<String>,
    /// What comes along and is no match.
    pub along: BTreeSet<String>,
    /// The same, and what is a match besides: of another page.
    pub along_at_most: BTreeSet<String>,
    /// How many the keeper finds.
    pub there: usize,
}

/// What was found, on all pages.
#[derive(Default)]
pub struct Seen {
    pub refused: Option<u16>,
    pub matches: Vec<String>,
    pub along: BTreeSet<String>,
    pub totals: Vec<usize>,
}

/// Returns how many the keeper finds.
pub fn size(world: &World, question: &Question) -> usize {
    match &question.kind {
        Kind::Search { is_fixed: true, .. } => world.found(&without_along(&question.path)).len(),
        _ => Asker::new(world, &world.keeper).walk(question, 500, false).matches.len(),
    }
}

impl<'a> Asker<'a> {
    pub fn new(world: &'a World, client: &'a Client) -> Asker<'a> {
        Asker { world, client, read: Mutex::default() }
    }

    /// Returns whether a resource, or a version, can be read.
    fn reads(&self, path: &str) -> bool {
        if let Some(known) = self.read.lock().expect("not poisoned").get(path) {
            return *known;
        }
        let answer = self.client.get(path);
        let is_read = match answer.status {
            200 | 410 => true,
            403 | 404 => false,
            _ => panic!("{path}: {} {}", answer.status, answer.text()),
        };
        self.read.lock().expect("not poisoned").insert(path.to_string(), is_read);
        is_read
    }

    pub fn expected(&self, question: &Question) -> Expected {
        match &question.kind {
            Kind::Search { chains, along, is_fixed } => {
                let all = if *is_fixed {
                    self.world.found(&without_along(&question.path))
                } else {
                    self.kept(question).matches
                };
                let there = all.len();
                let mut matches: Vec<String> = all.into_iter().filter(|name| self.reads(name)).collect();
                for step in chains {
                    matches.retain(|name| self.leads(name, step));
                }
                let along_at_most = self.along(&matches, along);
                let known: BTreeSet<String> = matches.iter().cloned().collect();
                let along = along_at_most.difference(&known).cloned().collect();
                Expected { matches, along, along_at_most, there }
            }
            Kind::Everything(patient) => self.everything(question, patient.as_deref()),
            Kind::History | Kind::Ranked => {
                let all = self.kept(question).matches;
                let there = all.len();
                Expected {
                    matches: all.into_iter().filter(|name| self.reads(name)).collect(),
                    there,
                    ..Expected::default()
                }
            }
        }
    }

    fn kept(&self, question: &Question) -> Seen {
        Asker::new(self.world, &self.world.keeper).walk(question, 500, false)
    }

    /// Matches are members of records that can be read; what is outside of them comes along where one of these names it.
    fn everything(&self, question: &Question, patient: Option<&str>) -> Expected {
        let mut keeper = self.kept(question);
        let there = keeper.matches.len();
        if patient.is_some_and(|patient| !self.reads(patient)) {
            return Expected { there, ..Expected::default() };
        }
        // Of the records of patients whom the asker does not see nothing comes, even where it can be read.
        let of_type = self.world.of_type("Patient").map(|(name, _)| name);
        let hidden: BTreeSet<&String> = of_type.filter(|name| patient.is_none() && !self.reads(name)).collect();
        let comes = |member: &String| {
            let of = self.patients(member);
            self.reads(member) && (of.is_empty() || of.iter().any(|patient| !hidden.contains(patient)))
        };
        keeper.matches.retain(comes);
        // Which members name what comes along is asked without a choice of types.
        let whole = Question { path: without_types(&question.path), ..question.clone() };
        let mut members = self.kept(&whole).matches;
        members.retain(comes);
        // Actors in nested provisions of a Consent have no search parameter, so that they need not come along.
        let (consents, others): (Vec<&String>, Vec<&String>) =
            members.iter().partition(|member| member.starts_with("Consent/"));
        let named =
            |of: Vec<&String>| of.into_iter().flat_map(|member| self.references(member)).collect::<BTreeSet<_>>();
        let (by_consents, by_others) = (named(consents), named(others));
        let along_at_most: BTreeSet<String> = keeper
            .along
            .into_iter()
            .filter(|name| (by_consents.contains(name) || by_others.contains(name)) && self.reads(name))
            .collect();
        let along = along_at_most.iter().filter(|name| by_others.contains(*name)).cloned().collect();
        Expected { matches: keeper.matches, along_at_most, along, there }
    }

    /// Returns whatever a resource refers to; a Consent is asked for, since it changes.
    fn references(&self, name: &str) -> Vec<String> {
        match self.world.resources.get(name) {
            Some(resource) => references(resource),
            None => references(&self.world.keeper.get(name).expect(200).json()),
        }
    }

    /// Returns the patients in whose compartment something is, as far as this world has it.
    fn patients(&self, member: &str) -> Vec<String> {
        if member.starts_with("Patient/") {
            return vec![member.to_string()];
        }
        match member.split('/').next() {
            // What a List names and whom a Consent lets in is not in their records by that.
            Some("List") => self.world.led_to(member, "subject"),
            Some("Consent") => {
                let consent = self.world.keeper.get(member).expect(200).json();
                consent["patient"]["reference"].as_str().map(str::to_string).into_iter().collect()
            }
            _ => self.references(member).into_iter().filter(|name| name.starts_with("Patient/")).collect(),
        }
    }

    /// Returns whether a chain leads from a resource, through what can be read, to what it asks for.
    fn leads(&self, from: &str, step: &Step) -> bool {
        let (edge, end, to): (&Edge, &End, Vec<String>) = match step {
            Step::To(edge, end) => (edge, end, self.world.led_to(from, edge.2)),
            Step::From(edge, end) => (edge, end, self.world.leading_to(edge.0, edge.2, from)),
        };
        let t = if matches!(step, Step::To(..)) { edge.3 } else { edge.0 };
        to.iter().any(|name| {
            name.starts_with(&format!("{t}/"))
                && match end {
                    End::Has(said) => self.world.found(&format!("{t}?{said}")).contains(name),
                    End::More(step) => self.leads(name, step),
                }
                && self.reads(name)
        })
    }

    /// Returns what matches bring along.
    fn along(&self, matches: &[String], rules: &[Along]) -> BTreeSet<String> {
        let mut brought = BTreeSet::new();
        let mut latest: Vec<String> = matches.to_vec();
        for round in 0.. {
            let mut more = BTreeSet::new();
            for rule in rules.iter().filter(|rule| round == 0 || rule.iterate) {
                for name in &latest {
                    more.extend(self.next(name, rule));
                }
            }
            latest = more.into_iter().filter(|name| !brought.contains(name) && self.reads(name)).collect();
            if latest.is_empty() {
                return brought;
            }
            brought.extend(latest.iter().cloned());
        }
        brought
    }

    fn next(&self, name: &str, rule: &Along) -> Vec<String> {
        let (t, _, path, target) = rule.edge;
        if !rule.reverse {
            if !name.starts_with(&format!("{t}/")) {
                return Vec::new();
            }
            let to = self.world.led_to(name, path);
            return to.into_iter().filter(|to| to.starts_with(&format!("{target}/"))).collect();
        }
        if !name.starts_with(&format!("{target}/")) {
            return Vec::new();
        }
        self.world.leading_to(t, path, name)
    }

    /// Walks all pages.
    pub fn walk(&self, question: &Question, count: usize, total: bool) -> Seen {
        let mut seen = Seen::default();
        let total = if total && matches!(question.kind, Kind::Search { .. }) { "&_total=accurate" } else { "" };
        let mut next = Some(with(&question.path, &format!("_count={count}{total}")));
        // A page may hold nothing that is shown, since what is outside of records is found by their members, one by one if need be; and
        // what is in the records of two patients comes twice.
        let pages_max = 2 * self.world.resources.len();
        for page in 0.. {
            let Some(path) = next.take() else { break };
            assert!(page < pages_max, "{path}: the pages have no end");
            let answer = self.client.get(&path);
            if matches!(answer.status, 403 | 404) && page == 0 {
                return Seen { refused: Some(answer.status), ..Seen::default() };
            }
            let answer = answer.expect(200);
            let entries = answer.entries();
            match question.kind {
                Kind::History => seen.matches.extend(entries.iter().map(version)),
                _ => {
                    seen.matches.extend(world::matches(&entries));
                    seen.along.extend(world::included(&entries));
                }
            }
            next = answer.link("next");
            let told = answer.json()["total"].as_u64();
            assert!(total.is_empty() || told.is_some(), "{path}: no total");
            seen.totals.extend(told.and_then(|told| usize::try_from(told).ok()));
        }
        seen
    }

    /// Returns what `_summary=count` tells; none for what has no such thing.
    pub fn count(&self, question: &Question) -> Option<usize> {
        if !matches!(question.kind, Kind::Search { .. }) {
            return None;
        }
        let path = with(&without_along(&question.path), "_summary=count");
        let answer = self.client.get(&path).expect(200).json();
        assert!(answer["entry"].is_null(), "{path}: {answer}");
        usize::try_from(answer["total"].as_u64().unwrap_or_else(|| panic!("{path}: {answer}"))).ok()
    }
}

fn with(path: &str, more: &str) -> String {
    format!("{path}{}{more}", if path.contains('?') { '&' } else { '?' })
}

/// Returns a search without what comes along; all of ours ask for something first.
fn without_along(path: &str) -> String {
    let is_along = |part: &&str| !part.starts_with("_include") && !part.starts_with("_revinclude");
    match path.split_once('?') {
        Some((place, query)) => format!("{place}?{}", query.split('&').filter(is_along).collect::<Vec<_>>().join("&")),
        None => path.to_string(),
    }
}

fn without_types(path: &str) -> String {
    let is_kept = |part: &&str| !part.starts_with("_type");
    match path.split_once('?') {
        Some((place, query)) => format!("{place}?{}", query.split('&').filter(is_kept).collect::<Vec<_>>().join("&")),
        None => path.to_string(),
    }
}

/// Returns the address of the version that an entry of a history is.
fn version(entry: &Value) -> String {
    let url = entry["fullUrl"].as_str().expect("a fullUrl");
    let path = url.split_once("/fhir/").expect("below the base").1;
    let etag = entry["response"]["etag"].as_str().expect("an etag");
    if let Some(resource) = entry.get("resource") {
        assert_eq!(name(resource), path);
    }
    format!("{path}/_history/{}", etag.trim_start_matches("W/").trim_matches('"'))
}

/// Returns whatever a resource refers to.
fn references(resource: &Value) -> Vec<String> {
    fn walk(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            Value::Object(object) => {
                found.extend(object.get("reference").and_then(Value::as_str).map(str::to_string));
                object.values().for_each(|inner| walk(inner, found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(resource, &mut found);
    found
}
