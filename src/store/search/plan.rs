//! How a search is answered: along a date, or from the part that selects best.

use super::adapt::{Found, Keys, Walked, Window};
use super::drive::{self, weight};
use super::walk::{Ladder, Walk};
use crate::fhir::ResourceType;
use crate::search::column::Rank;
use crate::search::expr::{Date, Expr, Term, Text, TextTest};
use crate::search::key::Keyer;
use crate::search::sort::{Sort, SortBy};
use crate::search::{Search, timeline};

/// The conjunction of a search and its limit.
pub(super) struct Conditions {
    pub parts: Vec<Expr>,
    keyer: Keyer,
}

impl Conditions {
    pub fn new(search: &Search, limit: &Expr) -> Conditions {
        let whole = Expr::and([search.filter.clone(), limit.clone()]);
        let names_types = whole.names_types();
        let mut parts: Vec<Expr> = match whole {
            Expr::None => vec![Expr::None],
            whole => merge_dates(whole.conjuncts()),
        };
        if !search.types.is_empty() && !names_types {
            parts.push(Expr::Types(search.types.clone()));
        }
        Conditions { parts, keyer: search.keyer }
    }

    pub fn parts(&self) -> Vec<&Expr> {
        self.parts.iter().collect()
    }

    /// Returns the least weight of all parts: how well the search can be driven.
    pub fn weight(&self) -> u8 {
        self.parts.iter().filter_map(weight).min().unwrap_or(u8::MAX)
    }

    /// Returns the walk along dates that gives the wanted order.
    pub fn walk(&self, search: &Search) -> Option<Walk> {
        let [Sort { by: SortBy::Date { keys, principal }, descending }] = &search.sort[..] else { return None };
        if *principal && let Some(walk) = self.timeline(&self.parts(), *descending, true) {
            return Some(walk);
        }
        self.dates(keys, *descending)
    }

    /// Returns the way to a page without a wanted order. It is in the order of `no`, which a resource keeps for life:
    /// whatever is written while a client pages, what matches all the while is met exactly once.
    pub fn by_no(&self, search: &Search) -> ByNo {
        let parts = self.parts();
        let (found, of_found) = match self.short_timeline(&parts) {
            Some(Walk { ladder: Ladder::Timeline(key, date), rest, .. }) if date.is_some() && !self.has_patient() => {
                (Found::Timeline(key, date), rest)
            }
            Some(walk) => return ByNo::Gathered(walk),
            None => match window(&parts) {
                Some(found) => (Found::Part(found.clone()), self.without(found)),
                None => return self.keys().map_or(ByNo::Along, ByNo::Keys),
            },
        };
        let common = parts.iter().filter_map(|part| Some((weight(part)?, common_key(part)?, part)));
        let (walked, of_walked) = match (common.min_by_key(|(weight, ..)| *weight), &search.types[..]) {
            (Some((_, key, part)), _) => (Walked::Key(key), self.without(part)),
            (None, [t]) => (Walked::Type(*t), self.without(&Expr::Types(vec![*t]))),
            _ => return ByNo::Along,
        };
        ByNo::Window(Window { found, of_found, walked, of_walked })
    }

    /// Returns the two best keys of a search that nothing drives better.
    pub fn keys(&self) -> Option<Keys> {
        let parts = self.parts();
        let walked = drive::split(&parts).driver?;
        let rest = parts.iter().filter(|part| **part != walked && common_key(part).is_some());
        let other = *rest.min_by_key(|part| weight(part))?;
        Some(Keys {
            walked: common_key(walked)?,
            of_walked: self.without(walked),
            other: common_key(other)?,
            of_other: self.without(other),
        })
    }

    fn has_patient(&self) -> bool {
        timeline::walk(&self.keyer, &self.parts()).is_some_and(|walk| walk.has_patient)
    }

    fn without(&self, part: &Expr) -> Vec<Expr> {
        self.parts.iter().filter(|other| *other != part).cloned().collect()
    }

    /// Returns the order in which an index of `resource` gives the page, where nothing selects better than the type.
    pub fn own_order(&self, search: &Search) -> Option<(ResourceType, Sort)> {
        let [t] = search.types[..] else { return None };
        match &search.sort[..] {
            [sort @ Sort { by: SortBy::Id | SortBy::LastUpdated, .. }] if self.weight() >= DATE_WEIGHT => {
                Some((t, sort.clone()))
            }
            _ => None,
        }
    }

    pub fn counting_walk(&self) -> Option<Walk> {
        let parts = self.parts();
        self.short_timeline(&parts).or_else(|| self.driving_date())
    }

    /// Returns the walk along the timeline that meets matches and little else, when there is one.
    fn short_timeline(&self, parts: &[&Expr]) -> Option<Walk> {
        let is_pair = timeline::walk(&self.keyer, parts)?.is_pair;
        let walk = self.timeline(parts, false, true)?;
        (is_pair || matches!(&walk.ladder, Ladder::Timeline(_, Some(_)))).then_some(walk)
    }

    fn timeline(&self, parts: &[&Expr], descending: bool, undated: bool) -> Option<Walk> {
        let walk = timeline::walk(&self.keyer, parts)?;
        // A code alone is worth a walk only where nothing else is more selective.
        let better = walk.rest.iter().filter_map(|part| weight(part)).any(|other| other < CODE_WEIGHT);
        if !walk.has_patient && better {
            return None;
        }
        let undated = undated && walk.date.is_none();
        let rest = walk.rest.into_iter().cloned().collect();
        Some(Walk { ladder: Ladder::Timeline(walk.key, walk.date.cloned()), rest, descending, undated })
    }

    /// Returns the walk along a tested date, when nothing else drives the search better.
    fn driving_date(&self) -> Option<Walk> {
        let parts = self.parts();
        let split = drive::split(&parts);
        match split.driver {
            Some(Expr::Date(date)) => {
                let rest = split.rest.into_iter().cloned().collect();
                Some(Walk { ladder: Ladder::Dates(date.clone()), rest, descending: false, undated: false })
            }
            _ => None,
        }
    }

    /// Returns the walk along one column of dates; none where something else leaves few enough resources to sort.
    fn dates(&self, keys: &[i32], descending: bool) -> Option<Walk> {
        if self.weight() < DATE_WEIGHT {
            return None;
        }
        let keys: [i32; 4] = keys.try_into().ok()?;
        let same = |part: &Expr| matches!(part, Expr::Date(date) if date.keys == keys && date.single);
        let tested = self.parts.iter().find(|part| same(part));
        // A column of dates is of one type.
        let rest = self.parts.iter().filter(|part| !same(part) && !matches!(part, Expr::Types(_))).cloned().collect();
        let (date, undated) = match tested {
            Some(Expr::Date(date)) => (date.clone(), false),
            // Whether a resource has several dates is not known here; passing over the later ones is always right.
            _ => (Date { keys, tests: Vec::new(), single: false, principal: false }, true),
        };
        Some(Walk { ladder: Ladder::Dates(date), rest, descending, undated })
    }
}

/// The way to a page in the order of `no`.
pub(super) enum ByNo {
    /// Along the keys of the best part, which an index has in that order.
    Along,
    /// All rows of a short walk, sorted.
    Gathered(Walk),
    /// Either, as the database finds when it sees how many there are.
    Window(Window),
    /// Along one of two keys.
    Keys(Keys),
}

/// Returns the part of unknown size that the search is better driven by than by one key, if the part is small.
fn window<'a>(parts: &[&'a Expr]) -> Option<&'a Expr> {
    let driver = drive::split(parts).driver?;
    if is_window(driver) {
        return Some(driver);
    }
    common_key(driver)?;
    parts.iter().copied().filter(|part| is_window(part)).min_by_key(|part| weight(part))
}

/// Returns whether the part is a stretch of an index: anything from no row to all of them, in another order.
fn is_window(part: &Expr) -> bool {
    match part {
        Expr::Date(_) | Expr::Updated { .. } | Expr::Quantity(_) => true,
        Expr::Text(Text { test, .. }) => !matches!(test, TextTest::Exact(_)),
        // A chain through a few resources is gathered as it is.
        Expr::Refers(_) | Expr::Referred(_) => weight(part).is_some_and(|weight| weight > CODE_WEIGHT),
        Expr::Or(parts) => parts.iter().all(is_window),
        _ => false,
    }
}

/// Returns the key of a part that has one, which many resources may stand under.
fn common_key(part: &Expr) -> Option<i64> {
    match part {
        Expr::Term(Term { keys, rank: Rank::Code | Rank::Flag, .. }) => match keys[..] {
            [key] => Some(key),
            _ => None,
        },
        _ => None,
    }
}

/// From this weight on a walk along dates is as good as any.
pub(super) const DATE_WEIGHT: u8 = 8;
/// What is lighter leaves fewer resources than a code.
const CODE_WEIGHT: u8 = 7;

/// Returns the parts with all tests of one single date in one part: they must hold of the same date.
fn merge_dates(parts: &[Expr]) -> Vec<Expr> {
    let mut merged: Vec<Expr> = Vec::new();
    for part in parts {
        let known = merged.iter_mut().find_map(|known| match (known, part) {
            (Expr::Date(known), Expr::Date(new)) if known.keys == new.keys && known.single => Some((known, new)),
            _ => None,
        });
        match known {
            Some((known, new)) => known.tests.extend(&new.tests),
            None => merged.push(part.clone()),
        }
    }
    merged
}
