//! The proof that a request was allowed, and the limits within which it was.

use super::facts::Knowledge;
use super::principal::{Person, Principal, Token};
use super::role::{self, Relation, Role};
use super::scope::{Context, Letter, Scope};
use super::{facts, granular, label, reach};
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::search::evaluate::{self, Indexed};
use crate::search::governed::Care;
use crate::search::{Expr, IndexRows, Registry, extract, relation};
use std::sync::{Arc, Mutex};

/// Proof of a decision. Made only in this room; every store call that touches a resource takes one.
///
/// Its limits are put into the SQL of the call, before limits, pages and counts; and are checked on single resources by
/// the same expressions.
#[derive(Debug, Clone)]
pub struct Grant {
    principal: Principal,
    limits: Option<Limits>,
    shown: Arc<Mutex<Shown>>,
}

/// What came of a grant, for the audit: whose data it showed, and what it kept back.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// Patients, as targets of references.
    pub patients: Vec<i64>,
    /// Of a single resource that was asked for.
    pub hidden: Option<Hidden>,
}

/// A resource that is there and was not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    pub about: Vec<i64>,
    /// Whether it is for the patients' word alone: roles, scopes and the record in context would show it.
    pub by_patients: bool,
    /// Whether the holder cares for all of them.
    pub is_cared: bool,
}

/// In which way a resource is to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Letter(Letter),
    /// Seen in any way.
    Seen,
}

/// What the limits of a token are made from, type by type when they are asked for.
#[derive(Debug, Clone)]
struct Limits {
    token: Arc<Token>,
    registry: Arc<Registry>,
    knowledge: Knowledge,
}

impl Grant {
    pub(super) fn all(principal: Principal) -> Grant {
        Grant { principal, limits: None, shown: Arc::default() }
    }

    pub(super) fn of_token(token: &Arc<Token>, registry: &Arc<Registry>, knowledge: &Knowledge) -> Grant {
        let limits = Limits { token: token.clone(), registry: registry.clone(), knowledge: knowledge.clone() };
        Grant { principal: Principal::Token(token.clone()), limits: Some(limits), shown: Arc::default() }
    }

    /// Notes whose data are on their way to the holder. The store does it wherever it gives out resources, so that whatever is built
    /// upon it is in the audit.
    pub fn note_shown<'a>(&self, about: impl Iterator<Item = &'a Vec<i64>>) {
        let mut shown = self.shown.lock().expect("no holder of this lock can panic");
        for about in about {
            if !about.iter().all(|patient| shown.patients.contains(patient)) {
                shown.patients.extend(about);
            }
        }
    }

    pub fn note_hidden(&self, hidden: Hidden) {
        self.shown.lock().expect("no holder of this lock can panic").hidden = Some(hidden);
    }

    /// Returns what came of this grant until now.
    pub fn shown(&self) -> Shown {
        self.shown.lock().expect("no holder of this lock can panic").clone()
    }

    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Returns whether nothing is kept from the holder.
    pub fn is_unlimited(&self) -> bool {
        let is_whole = |scope: &Scope| {
            scope.context != Context::Patient && scope.query().is_none() && scope.allows(Letter::Read, None)
        };
        self.limits.as_ref().is_none_or(|limits| {
            let is_bound = limits.token.person.is_some() || matches!(limits.knowledge, Knowledge::Of(_));
            !is_bound && limits.token.scopes.iter().any(is_whole)
        })
    }

    /// Returns what else decides than the token.
    pub fn knowledge(&self) -> Knowledge {
        self.limits.as_ref().map_or(Knowledge::Keeper, |limits| limits.knowledge.clone())
    }

    /// Returns the same grant as if patients had nothing to say: to find out whether it is they who refuse.
    pub fn without_patients(&self) -> Grant {
        let limits = self.limits.clone().map(|limits| Limits { knowledge: Knowledge::Keeper, ..limits });
        Grant { principal: self.principal.clone(), limits, shown: Arc::default() }
    }

    /// Returns which resources of a type may be used in this way: [`Expr::All`], [`Expr::None`], or what they must meet.
    pub fn sight(&self, t: ResourceType, letter: Letter) -> Expr {
        self.sight_of(t, letter, None)
    }

    /// Returns the same for resources that are about some patients and no others, which is much less to say.
    pub fn sight_of(&self, t: ResourceType, letter: Letter, about: Option<&[i64]>) -> Expr {
        match &self.limits {
            None => Expr::All,
            Some(limits) => limits.sight(t, letter, about),
        }
    }

    /// Returns whether anything of a type may be used in this way, as far as that is decided without a resource.
    pub fn opens(&self, t: ResourceType, letter: Letter) -> bool {
        self.sight_of(t, letter, Some(&[])) != Expr::None
    }

    /// Returns by whom the holder cares for patients.
    pub fn carers(&self) -> Option<Arc<[i64]>> {
        match &self.limits.as_ref()?.knowledge {
            Knowledge::Of(facts) if !facts.circle.targets.is_empty() => Some(facts.circle.targets.clone()),
            _ => None,
        }
    }

    /// Returns whose care for patients must be known before single resources of a type can be checked.
    pub fn asks_care(&self, t: ResourceType) -> Option<Arc<[i64]>> {
        let mut carers = None;
        self.seen_of(t, Some(&[])).governed(&mut |governed| {
            if let Some(asked) = governed.asks_care() {
                // Of several roles the one with the most to say asks for all.
                if carers.as_ref().is_none_or(|known: &Arc<[i64]>| known.len() < asked.len()) {
                    carers = Some(asked.clone());
                }
            }
        });
        carers
    }

    /// Returns which resources of a type may be seen in any way: what chains lead through, and what comes along.
    ///
    /// Whom a Binary is about it does not say itself: who may not find all of them sees none but by what it belongs to, see
    /// `interaction::binary`.
    pub fn seen(&self, t: ResourceType) -> Expr {
        self.seen_of(t, None)
    }

    /// Returns the same for resources that are about some patients and no others.
    pub fn seen_of(&self, t: ResourceType, about: Option<&[i64]>) -> Expr {
        if t == ResourceType::BINARY {
            return self.sight_of(t, Letter::Search, about);
        }
        match self.sight_of(t, Letter::Read, about) {
            Expr::All => Expr::All,
            read => Expr::or([read, self.sight_of(t, Letter::Search, about)]),
        }
    }

    /// Returns whether resources of this type may be seen at all.
    pub fn sees(&self, t: ResourceType) -> bool {
        self.seen_of(t, Some(&[])) != Expr::None
    }

    /// Returns the types of which resources may be seen, none when all may of all types.
    pub fn visible_types(&self) -> Option<Vec<ResourceType>> {
        if self.is_unlimited() {
            return None;
        }
        let sights: Vec<(ResourceType, Expr)> = ResourceType::all().map(|t| (t, self.seen_of(t, Some(&[])))).collect();
        if sights.iter().all(|(_, sight)| *sight == Expr::All) {
            return None;
        }
        Some(sights.into_iter().filter(|(_, sight)| *sight != Expr::None).map(|(t, _)| t).collect())
    }

    /// Returns what a search over these types, or over all, has to keep to. Where it is about some patients and resources can be
    /// about no others besides, these alone are `about`.
    pub fn limit(&self, types: &[ResourceType], letter: Letter, about: Option<&[i64]>) -> Expr {
        if self.limits.is_none() {
            return Expr::All;
        }
        if let [one] = types {
            return self.sight_of(*one, letter, about.filter(|_| !relation::is_of_many(*one)));
        }
        let mut groups: Vec<(Expr, Vec<ResourceType>)> = Vec::new();
        let mut add = |t: ResourceType| {
            let sight = self.sight(t, letter);
            match groups.iter_mut().find(|(known, _)| *known == sight) {
                Some((_, types)) => types.push(t),
                None => groups.push((sight, vec![t])),
            }
        };
        match types {
            [] => ResourceType::all().for_each(&mut add),
            some => some.iter().copied().for_each(&mut add),
        }
        if let [(Expr::All, _)] = groups[..] {
            return Expr::All;
        }
        Expr::or(
            groups
                .into_iter()
                .filter(|(sight, _)| *sight != Expr::None)
                .map(|(sight, types)| Expr::and([Expr::Types(types), sight])),
        )
    }

    /// Returns whether all or none of a type may be used in some way, whatever they hold; none: it depends on the resource.
    pub fn at_once(&self, t: ResourceType, way: Way) -> Option<bool> {
        let limits = self.limits.as_ref()?;
        match self.sight_in(t, way, Some(&[])) {
            Expr::None => Some(false),
            Expr::All if matches!(limits.knowledge, Knowledge::Keeper) => Some(true),
            _ => None,
        }
    }

    /// Returns whether a stored resource may be used in some way, where it is known whom it is about and that is enough.
    pub fn at_sight(&self, t: ResourceType, about: &[i64], content: &[u8], way: Way, care: &Care) -> Option<bool> {
        let sight = self.sight_in(t, way, Some(about)).knowing(care);
        evaluate::at_sight(&sight, about, label::is_labelled(content))
    }

    /// Returns what a search for resources of a type about some patients has to keep to, where nothing that is about them and not
    /// labelled is hidden by it: then most pages can be checked row by row, in memory. None for what many patients share.
    pub fn open_at_sight(&self, t: ResourceType, about: &[i64], care: &Care) -> Option<Expr> {
        let is_one_record = self.limits.is_some() && !about.is_empty() && !relation::is_of_many(t);
        let sight = is_one_record.then(|| self.sight_of(t, Letter::Search, Some(about)).knowing(care))?;
        let is_open = |patient: &i64| evaluate::at_sight(&sight, &[*patient], false) == Some(true);
        about.iter().all(is_open).then_some(sight)
    }

    /// Returns what a stored resource stands under, by which it is decided; none for what is damaged.
    pub fn rows(&self, t: ResourceType, content: &[u8]) -> Option<IndexRows> {
        let limits = self.limits.as_ref()?;
        Some(extract(&limits.registry, t, &serde_json::from_slice(content).ok()?))
    }

    /// Returns whether a resource may be used in some way. `care` is for whom the holder is known to care: see
    /// [`Grant::asks_care`].
    pub fn allows(&self, t: ResourceType, id: &ResourceId, rows: IndexRows, way: Way, care: &Care) -> bool {
        let sight = self.sight_in(t, way, Some(&rows.about)).knowing(care);
        meets(&sight, t, id, rows)
    }

    /// The same where it is not known for whom the holder cares: then nothing is open by that.
    pub fn shows(&self, t: ResourceType, id: &ResourceId, content: &[u8], way: Way) -> bool {
        if self.limits.is_none() {
            return true;
        }
        self.at_once(t, way).unwrap_or_else(|| {
            self.rows(t, content).is_some_and(|rows| self.allows(t, id, rows, way, &Care::default()))
        })
    }

    fn sight_in(&self, t: ResourceType, way: Way, about: Option<&[i64]>) -> Expr {
        match way {
            Way::Letter(letter) => self.sight_of(t, letter, about),
            Way::Seen => self.seen_of(t, about),
        }
    }

    pub fn is_unbound(&self) -> bool {
        self.limits.is_none()
    }
}

/// Returns whether a resource with these index rows meets a condition of one resource alone.
pub fn meets(sight: &Expr, t: ResourceType, id: &ResourceId, rows: IndexRows) -> bool {
    // What is not stored yet is of this moment.
    let updated = rows.updated.or_else(|| Some(Instant::now().0));
    evaluate::matches(sight, &Indexed { resource_type: t, id: id.clone(), updated, rows })
}

impl Limits {
    fn sight(&self, t: ResourceType, letter: Letter, about: Option<&[i64]>) -> Expr {
        // A Binary does not say itself whom it is about: whom patients bind finds none, and reads it by what it belongs to.
        if t == ResourceType::BINARY && letter == Letter::Search && matches!(self.knowledge, Knowledge::Of(_)) {
            return Expr::None;
        }
        let scopes = self.token.scopes.iter().filter(|scope| scope.allows(letter, Some(t)));
        Expr::or(scopes.map(|scope| self.opened(scope, t, letter, about)).chain(self.itself(t, letter)))
    }

    /// Returns what the scope `fhirUser` opens: the one resource that is the person, for reading. SMART App Launch 2.2, scopes
    /// for requesting identity data.
    fn itself(&self, t: ResourceType, letter: Letter) -> Option<Expr> {
        let person = self.token.person.as_ref().filter(|person| person.reads_itself && letter == Letter::Read)?;
        let (own, id) = person.fhir_user.as_ref().filter(|(own, _)| *own == t)?;
        Some(Expr::and([Expr::Types(vec![*own]), Expr::Ids(vec![id.clone()])]))
    }

    /// Returns what one scope opens: its own condition, within the record it is about, within what the person may do and what
    /// patients allow.
    fn opened(&self, scope: &Scope, t: ResourceType, letter: Letter, about: Option<&[i64]>) -> Expr {
        // A scope that could not be asked was refused when the token was made; here it opens nothing.
        let own = granular::condition(&self.registry, scope).unwrap_or(Expr::None);
        let record = match (scope.context, &self.token.patient) {
            (Context::Patient, Some(patient)) => reach::of_patient(&self.registry, patient, t, letter),
            (Context::Patient, None) => Expr::None,
            (Context::User | Context::System, _) => Expr::All,
        };
        if own == Expr::None || record == Expr::None {
            return Expr::None;
        }
        let person = match (scope.context, &self.token.person) {
            (Context::System, _) if facts::keeps_records(&self.token) => Expr::All,
            (Context::System, _) => self.governed(Relation::Any, t, letter, about),
            (_, None) => self.governed(self.relation(), t, letter, about),
            (_, Some(person)) => {
                Expr::or(person.roles.iter().map(|role| match self.allowed(person, *role, t, letter) {
                    Expr::None => Expr::None,
                    allowed => {
                        let clearance = label::at_most(&self.registry, t, role::clearance(*role));
                        Expr::and([allowed, clearance, self.governed(role::relation(*role), t, letter, about)])
                    }
                }))
            }
        };
        Expr::and([own, record, person])
    }

    /// Returns what patients allow to somebody who stands in this relation to them.
    fn governed(&self, relation: Relation, t: ResourceType, letter: Letter, about: Option<&[i64]>) -> Expr {
        match &self.knowledge {
            _ if relation == Relation::Unbound => Expr::All,
            Knowledge::Keeper => Expr::All,
            Knowledge::Of(facts) => facts.governed(&self.registry, relation, t, letter, about),
        }
    }

    /// Returns the relation of a holder without a role: one's own record, or that of whom one cares for; a system of the house
    /// stands to all patients as the house does.
    fn relation(&self) -> Relation {
        match facts::named(&self.token.subject) {
            Some((t, _)) if matches!(t.name(), "Patient" | "RelatedPerson") => Relation::Own,
            Some((t, _)) if t.name() != "Device" => Relation::Care,
            None if self.token.patient.is_some() => Relation::Own,
            _ => Relation::Any,
        }
    }

    /// Returns what a role of a person may use of a type.
    fn allowed(&self, person: &Person, role: Role, t: ResourceType, letter: Letter) -> Expr {
        let rules = role::rules(role, t).filter(|rule| rule.allows(letter));
        let conditions = Expr::or(rules.map(|rule| match rule.query {
            None => Expr::All,
            Some(query) => granular::asked(&self.registry, t, query).unwrap_or(Expr::None),
        }));
        if conditions == Expr::None || !role.is_of_one_record() {
            return conditions;
        }
        match self.own_record(person, role) {
            Some(patient) => Expr::and([conditions, reach::of_patient(&self.registry, patient, t, letter)]),
            None => Expr::None,
        }
    }

    /// Returns the one patient that a role reaches: patients themselves, and whom others speak for. Whoever has a role of more
    /// than one record, too, may have chosen somebody else by that.
    fn own_record<'a>(&'a self, person: &'a Person, role: Role) -> Option<&'a ResourceId> {
        match &person.fhir_user {
            Some((t, id)) if role == Role::Patient && *t == ResourceType::PATIENT => Some(id),
            _ if person.roles.iter().all(|role| role.is_of_one_record()) => self.token.patient.as_ref(),
            _ => None,
        }
    }
}
