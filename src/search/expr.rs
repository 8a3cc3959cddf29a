//! What a search asks for, as a tree without parameters, types of values or SQL.
//!
//! R4 <https://hl7.org/fhir/R4/search.html>. The tree is the border between reading a query and answering it: it says
//! index keys and limits only, so that an access rule can be one more branch.

use super::ask::Ask;
use super::column::{Rank, Role};
use super::governed::{Care, Governed};
use super::key::Keyer;
use crate::fhir::{ResourceId, ResourceType};
use std::collections::HashSet;
use std::sync::Arc;

/// Which resources are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    All,
    None,
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    /// Resources of these types.
    Types(Vec<ResourceType>),
    /// Resources with one of these ids, in the types of the search.
    Ids(Vec<ResourceId>),
    /// Resources changed from the first to the last of these microseconds since 1970.
    Updated {
        from: i64,
        to: i64,
    },
    /// Resources in any of the compartments with these keys.
    Compartment(Vec<i64>),
    Term(Term),
    Text(Text),
    Date(Date),
    Quantity(Quantity),
    Near(Near),
    /// Resources that have no value in any of these columns.
    Missing(Missing),
    /// Resources that refer to one that is wanted: a chain.
    Refers(Box<Refers>),
    /// Resources that one that is wanted refers to: `_has`.
    Referred(Box<Referred>),
    /// Resources with one of these numbers, as the text index found them.
    Nos(Vec<i64>),
    /// Resources that all patients allow whom they are about.
    Governed(Arc<Governed>),
    /// What another part of the server knows; its answer takes this place before the search is run.
    Ask(Box<Ask>),
}

/// Resources that stand under any of these keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    pub keys: Vec<i64>,
    pub rank: Rank,
    /// Keys that share this mark exclude each other: no resource stands under two of them.
    pub exclusive: Option<i64>,
    /// What the key is to the timeline, when there is one key.
    pub role: Option<Role>,
}

/// Resources with a matching text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub key: i32,
    pub test: TextTest,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextTest {
    /// From the first text, before the second.
    Prefix { from: String, before: Option<String> },
    /// The stored text is this.
    Exact(String),
    /// The folded text contains this; texts of the second key continue long ones.
    Contains { part: String, more: i32 },
    /// The folded text ends with this; as with `Contains`.
    End { part: String, more: i32 },
}

/// Resources with one date that passes all tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Date {
    /// One key a length class.
    pub keys: [i32; 4],
    pub tests: Vec<DateTest>,
    /// Whether a resource has at most one date here.
    pub single: bool,
    /// Whether this is the date that the timeline is ordered by.
    pub principal: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTest {
    pub comparison: Comparison,
    pub lo: i64,
    pub hi: i64,
}

/// The prefixes of R4 3.1.1.4.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Eq,
    Ne,
    Gt,
    Lt,
    Ge,
    Le,
    Sa,
    Eb,
    Ap,
}

/// Resources with a number that passes the test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quantity {
    pub key: i64,
    pub comparison: Comparison,
    /// The number as it was given, a decimal.
    pub value: String,
    /// How far from the number a value may be and still be equal or about equal to it, a decimal.
    pub margin: String,
    /// Whether a resource has at most one number here.
    pub single: bool,
}

/// Resources at most so far from a point on earth. Numbers are decimals; angles are degrees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near {
    /// Of latitudes and of longitudes.
    pub keys: [i64; 2],
    pub latitude: String,
    pub longitude: String,
    /// The least and the greatest latitude within the distance.
    pub from: String,
    pub to: String,
    /// The squared sine of half the angle that the distance spans.
    pub haversine: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    pub types: Vec<ResourceType>,
    /// Keys of columns.
    pub columns: Vec<i64>,
}

/// Resources with a reference, in one of the columns, to a resource that `to` wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refers {
    /// Keys of columns of references.
    pub columns: Vec<i64>,
    /// The types that the references are followed to.
    pub targets: Vec<ResourceType>,
    pub to: Expr,
    /// How few resources refer to one of these targets.
    pub rank: Rank,
    /// What the one column is to the timeline.
    pub role: Option<Role>,
}

/// Resources to which a resource that `by` wants has a reference in one of the columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referred {
    /// Keys of columns of references of the source type.
    pub columns: Vec<i64>,
    pub source: ResourceType,
    /// The types that are wanted; empty for any.
    pub targets: Vec<ResourceType>,
    /// What the one column is to the timeline of the source type.
    pub role: Option<Role>,
    pub by: Expr,
}

impl Expr {
    /// Returns the conjunction, flat and without parts that say nothing.
    pub fn and(parts: impl IntoIterator<Item = Expr>) -> Expr {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Expr::All => {}
                Expr::None => return Expr::None,
                Expr::And(inner) => flat.extend(inner),
                other if flat.contains(&other) => {}
                other => flat.push(other),
            }
        }
        match flat.len() {
            0 => Expr::All,
            1 => flat.remove(0),
            _ => Expr::And(flat),
        }
    }

    /// Returns the disjunction, flat; keys of the same rank become one term.
    pub fn or(parts: impl IntoIterator<Item = Expr>) -> Expr {
        let mut flat: Vec<Expr> = Vec::new();
        for part in parts {
            match part {
                Expr::All => return Expr::All,
                Expr::None => {}
                Expr::Or(inner) => inner.into_iter().for_each(|part| push_or(&mut flat, part)),
                other => push_or(&mut flat, other),
            }
        }
        match flat.len() {
            0 => Expr::None,
            1 => flat.remove(0),
            _ => Expr::Or(flat),
        }
    }

    #[expect(clippy::should_implement_trait, reason = "a constructor beside `and` and `or`")]
    pub fn not(part: Expr) -> Expr {
        match part {
            Expr::All => Expr::None,
            Expr::None => Expr::All,
            Expr::Not(inner) => *inner,
            other => Expr::Not(Box::new(other)),
        }
    }

    /// Returns whether only resources of the searched types can match, so that the type need not be asked.
    pub fn names_types(&self) -> bool {
        match self {
            Expr::All | Expr::Not(_) | Expr::Compartment(_) | Expr::Governed(_) | Expr::Nos(_) | Expr::Ask(_) => false,
            Expr::Referred(referred) => !referred.targets.is_empty(),
            Expr::And(parts) => parts.iter().any(Expr::names_types),
            Expr::Or(parts) => parts.iter().all(Expr::names_types),
            _ => true,
        }
    }

    /// Adds every question in the tree, in the order in which [`Expr::answered`] puts the answers.
    pub fn asks<'a>(&'a self, asks: &mut Vec<&'a Ask>) {
        match self {
            Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|part| part.asks(asks)),
            Expr::Not(part) => part.asks(asks),
            Expr::Refers(refers) => refers.to.asks(asks),
            Expr::Referred(referred) => referred.by.asks(asks),
            Expr::Ask(ask) => asks.push(ask),
            _ => {}
        }
    }

    /// Returns the tree with an answer in the place of every question.
    pub fn answered(self, answers: &mut impl Iterator<Item = Expr>) -> Expr {
        let mut each = |parts: Vec<Expr>| parts.into_iter().map(|part| part.answered(answers)).collect::<Vec<_>>();
        match self {
            Expr::And(parts) => Expr::and(each(parts)),
            Expr::Or(parts) => Expr::or(each(parts)),
            Expr::Not(part) => Expr::not(part.answered(answers)),
            Expr::Refers(refers) => Expr::Refers(Box::new(Refers { to: refers.to.answered(answers), ..*refers })),
            Expr::Referred(referred) => {
                Expr::Referred(Box::new(Referred { by: referred.by.answered(answers), ..*referred }))
            }
            Expr::Ask(_) => answers.next().unwrap_or(Expr::None),
            known => known,
        }
    }

    /// Returns whether other resources decide too.
    pub fn has_hops(&self) -> bool {
        match self {
            Expr::And(parts) | Expr::Or(parts) => parts.iter().any(Expr::has_hops),
            Expr::Not(part) => part.has_hops(),
            Expr::Refers(_) | Expr::Referred(_) => true,
            _ => false,
        }
    }

    /// Returns the tree with hops through what can be seen alone: what cannot be seen is not there.
    pub fn through(self, seen: &impl Fn(ResourceType) -> Expr) -> Expr {
        let each = |parts: Vec<Expr>| parts.into_iter().map(|part| part.through(seen)).collect::<Vec<_>>();
        match self {
            Expr::And(parts) => Expr::and(each(parts)),
            Expr::Or(parts) => Expr::or(each(parts)),
            Expr::Not(part) => Expr::not(part.through(seen)),
            Expr::Refers(refers) => Expr::or(hops(&refers.targets, seen).into_iter().map(|(sight, targets)| {
                let to = Expr::and([refers.to.clone().through(seen), sight]);
                Expr::Refers(Box::new(Refers { targets, to, ..(*refers).clone() }))
            })),
            Expr::Referred(referred) => match seen(referred.source) {
                Expr::None => Expr::None,
                sight => {
                    let by = Expr::and([referred.by.clone().through(seen), sight]);
                    Expr::Referred(Box::new(Referred { by, ..*referred }))
                }
            },
            own => own,
        }
    }

    /// Returns the patients whom all that matches is about, where a part of the conjunction names them as the subject. A compartment
    /// does not: it holds what somebody performed for others, too.
    pub fn about(&self) -> Option<Vec<i64>> {
        self.conjuncts().iter().find_map(|part| match part {
            Expr::Term(Term { keys, exclusive: Some(column), role: Some(Role::Patient), .. }) => {
                Some(keys.iter().map(|key| Keyer::reference(*column, *key)).collect())
            }
            _ => None,
        })
    }

    /// Visits what patients decide, as far as it is decided on the resource itself.
    pub fn governed(&self, visit: &mut dyn FnMut(&Arc<Governed>)) {
        match self {
            Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|part| part.governed(visit)),
            Expr::Not(part) => part.governed(visit),
            Expr::Governed(governed) => visit(governed),
            _ => {}
        }
    }

    /// Returns the tree for a check without a database, knowing for which of some patients is cared.
    pub fn knowing(self, care: &Care) -> Expr {
        let each = |parts: Vec<Expr>| parts.into_iter().map(|part| part.knowing(care)).collect::<Vec<_>>();
        match self {
            Expr::And(parts) => Expr::And(each(parts)),
            Expr::Or(parts) => Expr::Or(each(parts)),
            Expr::Not(part) => Expr::Not(Box::new(part.knowing(care))),
            Expr::Governed(governed) if governed.asks_care().is_some() => {
                Expr::Governed(Arc::new(governed.knowing(care)))
            }
            known => known,
        }
    }

    /// Returns the parts of a conjunction; of anything else itself.
    pub fn conjuncts(&self) -> &[Expr] {
        match self {
            Expr::All => &[],
            Expr::And(parts) => parts,
            one => std::slice::from_ref(one),
        }
    }
}

/// Returns the types that a hop may lead to, those together of which the same may be seen.
fn hops(targets: &[ResourceType], seen: &impl Fn(ResourceType) -> Expr) -> Vec<(Expr, Vec<ResourceType>)> {
    let mut groups: Vec<(Expr, Vec<ResourceType>)> = Vec::new();
    for t in targets.iter().copied() {
        match seen(t) {
            Expr::None => {}
            sight => match groups.iter_mut().find(|(known, _)| *known == sight) {
                Some((_, types)) => types.push(t),
                None => groups.push((sight, vec![t])),
            },
        }
    }
    groups
}

fn push_or(flat: &mut Vec<Expr>, part: Expr) {
    for known in flat.iter_mut() {
        match (known, &part) {
            (Expr::Term(known), Expr::Term(new)) => return known.join(new),
            (Expr::Ids(known), Expr::Ids(new)) => return known.extend(new.iter().cloned()),
            _ => {}
        }
    }
    if !flat.contains(&part) {
        flat.push(part);
    }
}

impl Term {
    /// Makes this the term of either's keys.
    fn join(&mut self, other: &Term) {
        let before = self.keys.len();
        let known: HashSet<i64> = self.keys.iter().copied().collect();
        self.keys.extend(other.keys.iter().filter(|key| !known.contains(key)));
        if self.keys.len() > before {
            self.exclusive = self.exclusive.filter(|mark| other.exclusive == Some(*mark));
            self.rank = self.rank.max(other.rank);
            self.role = None;
        }
    }
}

impl Comparison {
    /// Returns the prefix at the start of a value and what follows; no prefix means equal.
    pub fn split(text: &str) -> (Comparison, &str) {
        let known = [
            ("eq", Comparison::Eq),
            ("ne", Comparison::Ne),
            ("gt", Comparison::Gt),
            ("lt", Comparison::Lt),
            ("ge", Comparison::Ge),
            ("le", Comparison::Le),
            ("sa", Comparison::Sa),
            ("eb", Comparison::Eb),
            ("ap", Comparison::Ap),
        ];
        for (prefix, comparison) in known {
            if let Some(rest) = text.strip_prefix(prefix) {
                return (comparison, rest);
            }
        }
        (Comparison::Eq, text)
    }
}

impl DateTest {
    /// Returns between which first moments a passing period no longer than `length` begins.
    pub fn window(&self, length: i64) -> (i64, i64) {
        use super::period::{BEGINNING, END};
        match self.comparison {
            Comparison::Eq => (self.lo, self.hi),
            Comparison::Ne => (BEGINNING, END),
            Comparison::Gt => (self.hi.saturating_sub(length), END),
            Comparison::Ge => (self.lo.min(self.hi.saturating_sub(length)), END),
            Comparison::Lt | Comparison::Eb => (BEGINNING, self.lo - 1),
            Comparison::Le => (BEGINNING, self.hi),
            Comparison::Sa => (self.hi + 1, END),
            Comparison::Ap => (self.lo.saturating_sub(length), self.hi),
        }
    }
}
