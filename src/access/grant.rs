//! The proof that a request was allowed, and the limits within which it was.

use super::principal::{Person, Principal, Token};
use super::role::{self, Role};
use super::scope::{Context, Letter, Scope};
use super::{granular, reach};
use crate::fhir::{ResourceId, ResourceType};
use crate::search::evaluate::{self, Indexed};
use crate::search::{Expr, IndexRows, Registry, extract};
use std::sync::Arc;

/// Proof of a decision. Made only in this room; every store call that touches a resource takes one.
///
/// Its limits are put into the SQL of the call, before limits, pages and counts; and are checked on single resources by
/// the same expressions.
#[derive(Debug, Clone)]
pub struct Grant {
    principal: Principal,
    limits: Option<Limits>,
}

/// What the limits of a token are made from, type by type when they are asked for.
#[derive(Debug, Clone)]
struct Limits {
    token: Arc<Token>,
    registry: Arc<Registry>,
}

impl Grant {
    pub(super) fn all(principal: Principal) -> Grant {
        Grant { principal, limits: None }
    }

    pub(super) fn of_token(token: &Arc<Token>, registry: &Arc<Registry>) -> Grant {
        let limits = Limits { token: token.clone(), registry: registry.clone() };
        Grant { principal: Principal::Token(token.clone()), limits: Some(limits) }
    }

    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Returns whether nothing is kept from the holder.
    pub fn is_unlimited(&self) -> bool {
        let is_whole = |scope: &Scope| {
            scope.context != Context::Patient && scope.query().is_none() && scope.allows(Letter::Read, None)
        };
        self.limits
            .as_ref()
            .is_none_or(|limits| limits.token.person.is_none() && limits.token.scopes.iter().any(is_whole))
    }

    /// Returns which resources of a type may be used in this way: [`Expr::All`], [`Expr::None`], or what they must meet.
    pub fn sight(&self, t: ResourceType, letter: Letter) -> Expr {
        match &self.limits {
            None => Expr::All,
            Some(limits) => limits.sight(t, letter),
        }
    }

    /// Returns which resources of a type may be seen in any way: what chains lead through, and what comes along.
    ///
    /// Whom a Binary is about it does not say itself: who may not find all of them sees none but by what it belongs to, see
    /// `interaction::binary`.
    pub fn seen(&self, t: ResourceType) -> Expr {
        if t == ResourceType::BINARY {
            return self.sight(t, Letter::Search);
        }
        match self.sight(t, Letter::Read) {
            Expr::All => Expr::All,
            read => Expr::or([read, self.sight(t, Letter::Search)]),
        }
    }

    /// Returns whether resources of this type may be seen at all.
    pub fn sees(&self, t: ResourceType) -> bool {
        self.seen(t) != Expr::None
    }

    /// Returns the types of which resources may be seen, none when all may of all types.
    pub fn visible_types(&self) -> Option<Vec<ResourceType>> {
        if self.is_unlimited() {
            return None;
        }
        let sights: Vec<(ResourceType, Expr)> = ResourceType::all().map(|t| (t, self.seen(t))).collect();
        if sights.iter().all(|(_, sight)| *sight == Expr::All) {
            return None;
        }
        Some(sights.into_iter().filter(|(_, sight)| *sight != Expr::None).map(|(t, _)| t).collect())
    }

    /// Returns what a search over these types, or over all, has to keep to.
    pub fn limit(&self, types: &[ResourceType], letter: Letter) -> Expr {
        if self.limits.is_none() {
            return Expr::All;
        }
        if let [one] = types {
            return self.sight(*one, letter);
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

    /// Returns whether a resource, as it is stored, may be used in this way.
    pub fn shows(&self, t: ResourceType, id: &ResourceId, content: &[u8], letter: Letter) -> bool {
        self.meets(&self.sight(t, letter), t, id, content)
    }

    /// Returns whether a resource may come along with others.
    pub fn shows_beside(&self, t: ResourceType, id: &ResourceId, content: &[u8]) -> bool {
        self.meets(&self.seen(t), t, id, content)
    }

    fn meets(&self, sight: &Expr, t: ResourceType, id: &ResourceId, content: &[u8]) -> bool {
        let Some(limits) = &self.limits else { return true };
        match sight {
            Expr::All => true,
            Expr::None => false,
            sight => serde_json::from_slice(content)
                .is_ok_and(|value| meets(sight, t, id, extract(&limits.registry, t, &value))),
        }
    }
}

/// Returns whether a resource with these index rows meets a condition of one resource alone.
pub fn meets(sight: &Expr, t: ResourceType, id: &ResourceId, rows: IndexRows) -> bool {
    evaluate::matches(sight, &Indexed { resource_type: t, id: id.clone(), updated: None, rows })
}

impl Limits {
    fn sight(&self, t: ResourceType, letter: Letter) -> Expr {
        let scopes = self.token.scopes.iter().filter(|scope| scope.allows(letter, Some(t)));
        Expr::or(scopes.map(|scope| self.opened(scope, t, letter)).chain(self.itself(t, letter)))
    }

    /// Returns what the scope `fhirUser` opens: the one resource that is the person, for reading. SMART App Launch 2.2, scopes
    /// for requesting identity data.
    fn itself(&self, t: ResourceType, letter: Letter) -> Option<Expr> {
        let person = self.token.person.as_ref().filter(|person| person.reads_itself && letter == Letter::Read)?;
        let (own, id) = person.fhir_user.as_ref().filter(|(own, _)| *own == t)?;
        Some(Expr::and([Expr::Types(vec![*own]), Expr::Ids(vec![id.clone()])]))
    }

    /// Returns what one scope opens: its own condition, within the record it is about, within what the person may do.
    fn opened(&self, scope: &Scope, t: ResourceType, letter: Letter) -> Expr {
        // A scope that could not be asked was refused when the token was made; here it opens nothing.
        let own = granular::condition(&self.registry, scope).unwrap_or(Expr::None);
        let record = match (scope.context, &self.token.patient) {
            (Context::Patient, Some(patient)) => reach::of_patient(&self.registry, patient, t, letter),
            (Context::Patient, None) => Expr::None,
            (Context::User | Context::System, _) => Expr::All,
        };
        let person = match (scope.context, &self.token.person) {
            (Context::System, _) | (_, None) => Expr::All,
            (_, Some(person)) => Expr::or(person.roles.iter().map(|role| self.allowed(person, *role, t, letter))),
        };
        Expr::and([own, record, person])
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
