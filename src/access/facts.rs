//! What is known about who asks, beside the token: whom they belong to, and what patients have said.
//!
//! From it and the resource's type comes the factor of consent: [`Facts::governed`].

use super::book::{Book, Library};
use super::consent::{self, Action, Asker, Rule};
use super::label::{self, Confidentiality};
use super::principal::{OPERATIONS, Token};
use super::role::{Relation, Right, Role};
use super::scope::{Context, Letter};
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::search::column::Rank;
use crate::search::expr::Term;
use crate::search::governed::{Governed, Group, Implied};
use crate::search::key::Keyer;
use crate::search::{Expr, Registry};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What decides beside the token.
#[derive(Debug, Clone)]
pub enum Knowledge {
    /// Consents do not bind the keeper of the record: an operator on the server's own host, or a system that has the right.
    Keeper,
    Of(Arc<Facts>),
}

/// A person or client, and what they belong to.
#[derive(Debug, Default)]
pub struct Circle {
    /// `Practitioner/1`, `PractitionerRole/2`, `Organization/3`, `CareTeam/4`, `Group/5`, `Device/app`. Sorted.
    pub references: Arc<[Box<str>]>,
    /// The same as targets of references, sorted.
    pub targets: Arc<[i64]>,
    /// Those of them that stand for the person alone: not organizations, not groups.
    pub own: Arc<[i64]>,
    /// The patients for whom a related person speaks, as targets.
    pub speaks_for: Vec<i64>,
    /// The digest of all this, by which circles are compared: some have thousands of members.
    digest: [u8; 32],
}

impl PartialEq for Circle {
    fn eq(&self, other: &Circle) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Circle {}

impl Hash for Circle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest[..8].hash(state);
    }
}

impl Circle {
    pub fn new(references: Vec<Box<str>>) -> Circle {
        Circle::speaking(references, Vec::new())
    }

    /// Returns the circle of somebody who speaks for patients.
    pub fn speaking(mut references: Vec<Box<str>>, speaks_for: Vec<i64>) -> Circle {
        references.sort_unstable();
        references.dedup();
        let target = |reference: &str| {
            let (t, id) = reference.split_once('/').unwrap_or_default();
            Keyer::fixed().target(t, id)
        };
        let sorted = |references: &mut dyn Iterator<Item = &str>| {
            let mut targets: Vec<i64> = references.map(target).collect();
            targets.sort_unstable();
            Arc::from(targets)
        };
        let is_own = |r: &&str| !r.starts_with("Organization/") && !r.starts_with("Group/");
        let all = || references.iter().map(|reference| &**reference);
        let (targets, own) = (sorted(&mut all()), sorted(&mut all().filter(is_own)));
        let mut digest = Sha256::new();
        references.iter().for_each(|reference| digest.update([reference.as_bytes(), b"\0"].concat()));
        speaks_for.iter().for_each(|patient| digest.update(patient.to_be_bytes()));
        Circle { references: references.into(), targets, own, speaks_for, digest: digest.finalize().into() }
    }
}

#[derive(Debug)]
pub struct Facts {
    pub circle: Arc<Circle>,
    pub purpose: Box<str>,
    /// The patient who asks, or for whom an app asks.
    pub own: Option<i64>,
    /// The patient for whom a related person asks.
    pub proxy_of: Option<i64>,
    /// The patient over whom the glass is broken.
    pub glass: Option<i64>,
    /// What holds where no consent says anything.
    pub implied: consent::Implied,
    pub now: Instant,
    pub library: Arc<Library>,
}

/// What answers are remembered by: askers of whom everything is the same get the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Profile {
    circle: Arc<Circle>,
    purpose: Box<str>,
    patients: [Option<i64>; 3],
    action: Action,
    relation: Relation,
}

/// An answer, and until when it holds.
#[derive(Debug, Clone)]
pub struct Remembered {
    governed: Arc<Governed>,
    version: u64,
    until: Option<Instant>,
}

/// The same of one patient, as long as these are that patient's rules.
#[derive(Debug, Clone)]
pub struct OfOne {
    pub governed: Arc<Governed>,
    pub rules: Option<Arc<[Arc<Rule>]>>,
    pub until: Option<Instant>,
}

/// Parameters that name the parties of a resource, who see it whatever is agreed on the patient's record.
const PARTIES: &[(&str, &[&str])] =
    &[("Communication", &["recipient", "sender"]), ("Consent", &["actor"]), ("Task", &["owner", "requester"])];

/// Purposes that are treatment: v3-ActReason below TREAT.
const TREATMENT: &[&str] = &["TREAT", "ETREAT", "BTG", "ERTREAT", "TREATDS", "CLINTRL", "COC", "POPHLTH"];

impl Facts {
    /// Returns what consents leave open of a type to somebody who stands in a relation to patients. With `about`, of those
    /// patients alone.
    pub fn governed(
        &self,
        registry: &Registry,
        relation: Relation,
        t: ResourceType,
        letter: Letter,
        about: Option<&[i64]>,
    ) -> Expr {
        let action = action(letter);
        // Who comes for the first time is in nobody's care yet.
        if t == ResourceType::PATIENT && letter == Letter::Create {
            return Expr::All;
        }
        let parties = if action == Action::Access { self.as_party(registry, t) } else { Expr::None };
        // Consents are read by the patient and by whom they name; nobody is let in by caring for the patient.
        let relation = match action {
            Action::Collect => relation,
            _ if t == ResourceType::CONSENT => Relation::Own,
            _ => relation,
        };
        let governed = match about {
            Some(about) => self.of_some(registry, relation, t, action, about),
            None => self.of_all(registry, relation, t, action),
        };
        // What may become of a resource is asked of a write even where all may be written.
        if governed.is_open() && action == Action::Access {
            Expr::All
        } else {
            Expr::or([Expr::Governed(governed), parties])
        }
    }

    /// Returns what the asker may see as one of those whom it names: a consent asked for, a notice received, a task given.
    fn as_party(&self, registry: &Registry, t: ResourceType) -> Expr {
        let Some((_, params)) = PARTIES.iter().find(|(name, _)| *name == t.name()) else { return Expr::None };
        let index = registry.of(t);
        let columns = params.iter().filter_map(|param| index.param(param)).flat_map(|param| &param.columns);
        let columns: Vec<i64> = columns.map(|use_| index.columns[usize::from(use_.index)].key).collect();
        let keys: Vec<i64> = columns
            .iter()
            .flat_map(|column| self.circle.own.iter().map(|own| Keyer::reference(*column, *own)))
            .collect();
        if keys.is_empty() {
            return Expr::None;
        }
        Expr::Term(Term { keys, rank: Rank::Event, exclusive: None, role: None })
    }

    fn profile(&self, relation: Relation, action: Action) -> Profile {
        Profile {
            circle: self.circle.clone(),
            purpose: self.purpose.clone(),
            patients: [self.own, self.proxy_of, self.glass],
            action,
            relation,
        }
    }

    /// Returns the same of these patients alone. What was said of one is remembered until that patient says something else.
    fn of_some(
        &self,
        registry: &Registry,
        relation: Relation,
        t: ResourceType,
        action: Action,
        about: &[i64],
    ) -> Arc<Governed> {
        let book = self.library.book();
        let make = || {
            let rules = about.iter().map(|patient| (*patient, book.rules(*patient)));
            let rules = rules.filter(|(_, rules)| !rules.is_empty());
            Arc::new(self.made(registry, &book, (relation, t, action), rules))
        };
        // Who is in no patient's record yet, and who is in several, is not worth remembering.
        let [patient] = about[..] else { return make() };
        let asked = (self.profile(relation, action), t, patient);
        let rules = book.shared_rules(patient);
        if let Some(known) = self.library.remembered_of(&asked, rules.as_ref(), self.now) {
            return known;
        }
        let governed = make();
        let until = rules.as_ref().and_then(|rules| consent::changes_at(rules, self.now));
        self.library.remember_of(asked, OfOne { governed: governed.clone(), rules, until });
        governed
    }

    fn of_all(&self, registry: &Registry, relation: Relation, t: ResourceType, action: Action) -> Arc<Governed> {
        let profile = self.profile(relation, action);
        let book = self.library.book();
        let holds =
            |known: &Remembered| known.version == book.version() && known.until.is_none_or(|until| self.now < until);
        if let Some(known) = self.library.remembered(&profile, t).filter(holds) {
            return known.governed;
        }
        let governed = Arc::new(self.made(registry, &book, (relation, t, action), book.patients()));
        let until = self.until(&book);
        let answer = Remembered { governed: governed.clone(), version: book.version(), until };
        self.library.remember(&profile, t, answer);
        governed
    }

    /// Returns the next moment at which a rule begins or ceases to hold.
    fn until(&self, book: &Book) -> Option<Instant> {
        book.patients().filter_map(|(_, rules)| consent::changes_at(rules, self.now)).min()
    }

    fn made<'a>(
        &self,
        registry: &Registry,
        book: &Book,
        (relation, t, action): (Relation, ResourceType, Action),
        rules: impl Iterator<Item = (i64, &'a [Arc<Rule>])>,
    ) -> Governed {
        let asker =
            Asker { actors: self.circle.references.clone(), purpose: self.purpose.clone(), action, now: self.now };
        let at_most = |limit| label::at_most(registry, t, limit);
        let mut groups: HashMap<Vec<u8>, (Vec<i64>, Expr, Expr)> = HashMap::new();
        let mut add = |patient: i64, permits: Expr, denies: Expr| {
            let key = format!("{permits:?}{denies:?}").into_bytes();
            groups.entry(key).or_insert_with(|| (Vec::new(), permits, denies)).0.push(patient);
        };
        // Whose own record it is sees it, and so does who broke the glass over it; very restricted things stay closed to them.
        let special = [self.own.map(|p| (p, Expr::All)), self.glass.map(|p| (p, at_most(Confidentiality::Restricted)))];
        for (patient, permits) in special.iter().flatten() {
            add(*patient, permits.clone(), Expr::None);
        }
        for (patient, rules) in rules.filter(|(patient, _)| special.iter().flatten().all(|(known, _)| known != patient))
        {
            let verdict = consent::verdict(registry, rules, &asker, t);
            let permits = match self.proxy_of {
                // Who speaks for a patient needs no word of theirs for what is not restricted.
                Some(own) if own == patient => Expr::or([verdict.permits, at_most(Confidentiality::Normal)]),
                _ => verdict.permits,
            };
            if permits != Expr::None || verdict.denies != Expr::None {
                add(patient, permits, verdict.denies);
            }
        }
        if let Some(own) = self.proxy_of.filter(|own| book.rules(*own).is_empty()) {
            add(own, at_most(Confidentiality::Normal), Expr::None);
        }
        let mut groups: Vec<Group> = groups.into_values().map(group).collect();
        groups.sort_by(|a, b| a.patients.cmp(&b.patients));
        let writer = (action != Action::Access).then(|| self.circle.targets.clone());
        Governed { groups, implied: self.implied(relation), open: Some(at_most(Confidentiality::Restricted)), writer }
    }

    fn implied(&self, relation: Relation) -> Implied {
        let is_treatment = TREATMENT.contains(&&*self.purpose);
        let care = |carers: &Arc<[i64]>| match carers.is_empty() {
            true => Implied::None,
            false => Implied::Care { carers: carers.clone(), known: Arc::from([]) },
        };
        match (self.implied, relation) {
            (_, Relation::Unbound) => Implied::All,
            (_, Relation::Own) | (consent::Implied::Deny, _) => Implied::None,
            (consent::Implied::Permit, _) | (consent::Implied::Treatment, Relation::Any) => Implied::All,
            // The house that treats a patient is also run: its administration works for no other purpose.
            (consent::Implied::Treatment, Relation::Facility) if is_treatment || &*self.purpose == OPERATIONS => {
                care(&self.circle.targets)
            }
            (consent::Implied::Treatment, _) if !is_treatment => Implied::None,
            (consent::Implied::Treatment, Relation::Care) => care(&self.circle.own),
            (consent::Implied::Treatment, Relation::Facility) => Implied::None,
        }
    }
}

fn group((mut patients, permits, denies): (Vec<i64>, Expr, Expr)) -> Group {
    patients.sort_unstable();
    Group { patients: patients.into(), permits, denies }
}

fn action(letter: Letter) -> Action {
    match letter {
        Letter::Read | Letter::Search => Action::Access,
        Letter::Create => Action::Collect,
        Letter::Update | Letter::Delete => Action::Correct,
    }
}

/// Returns the references by which consents know who holds a token: the person, or else the client as a device.
pub fn roots(token: &Token) -> Vec<Box<str>> {
    let person = token.person.as_ref().and_then(|person| person.fhir_user.as_ref());
    let person = person.map(|(t, id)| format!("{t}/{id}").into_boxed_str());
    let subject = || named(&token.subject).map(|(t, id)| format!("{t}/{id}").into_boxed_str());
    let client = token.client.as_ref().map(|id| format!("Device/{id}").into_boxed_str());
    person.or_else(subject).into_iter().chain(client).collect()
}

/// Returns the person whom a subject names: operators have tokens made for people, too.
pub fn named(subject: &str) -> Option<(ResourceType, ResourceId)> {
    let (t, id) = subject.split_once('/')?;
    let t = ResourceType::parse(t).filter(|t| {
        matches!(t.name(), "Patient" | "Practitioner" | "PractitionerRole" | "RelatedPerson" | "Person" | "Device")
    })?;
    Some((t, ResourceId::parse(id)?))
}

/// Returns whether consents do not bind the holder at all: see [`Knowledge::Keeper`].
pub fn is_keeper(token: &Token) -> bool {
    keeps_records(token) && token.scopes.iter().all(|scope| scope.context == Context::System)
}

/// Returns whether the holder's `system/` scopes are those of the keeper of the record.
pub fn keeps_records(token: &Token) -> bool {
    token.person.is_none() && (token.client.is_none() || token.rights.contains(&Right::KeepRecords))
}

/// Returns the patient who asks, and the patient for whom a related person asks.
pub fn patients(token: &Token) -> (Option<i64>, Option<i64>) {
    let target = |id: &ResourceId| Keyer::fixed().target("Patient", id.as_str());
    let context = token.patient.as_ref().map(target);
    match (&token.person, named(&token.subject)) {
        (Some(person), _) => match &person.fhir_user {
            Some((t, id)) if *t == ResourceType::PATIENT => (Some(target(id)), None),
            _ if person.roles.contains(&Role::RelatedPerson) => (None, context),
            // Whose roles are of one record alone has no other in context.
            _ if person.roles.iter().all(|role| role.is_of_one_record()) => (context, None),
            _ => (None, None),
        },
        (None, Some((t, id))) if t == ResourceType::PATIENT => (Some(target(&id)), None),
        (None, Some((t, _))) if t == ResourceType::RELATED_PERSON => (None, context),
        (None, Some(_)) => (None, None),
        // An app with a patient in context and nobody before it acts for that patient.
        (None, None) => (context, None),
    }
}
