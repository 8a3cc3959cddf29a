//! From lists of codes to what the index knows.

use super::codes::{Codes, Members};
use crate::fhir::ResourceType;
use crate::search::ask::Place;
use crate::search::column::{Column, Rank, rank_of_target};
use crate::search::expr::{Expr, Term};
use crate::search::key::{Form, Keyer};
use crate::search::kind::token::SPECIAL_VALUES;
use crate::search::registry::Registry;

/// Returns the condition that one of the places has one of the codes.
pub fn coded_with(registry: &Registry, places: &[Place], codes: &Codes) -> Expr {
    Expr::or(places.iter().map(|place| {
        let column = &registry.of(place.resource_type).columns[usize::from(place.column)];
        if column.plain { plain(&registry.keyer, column, codes) } else { coded(&registry.keyer, column, codes) }
    }))
}

fn coded(keyer: &Keyer, column: &Column, codes: &Codes) -> Expr {
    let (mut single, mut whole) = (Vec::new(), Vec::new());
    for (system, members) in &codes.systems {
        match members {
            Members::All => whole.push(keyer.term(column.key, Form::System, system, "")),
            Members::Some(codes) => {
                single.extend(codes.iter().map(|code| keyer.term(column.key, Form::SystemCode, system, code)));
            }
        }
    }
    // One code is as good as if it had been asked for by itself.
    let role = column.role.filter(|_| single.len() == 1);
    let exclusive = column.single.then_some(column.key ^ Form::SystemCode as i64);
    let single = (!single.is_empty()).then_some(Term { keys: single, rank: column.rank, exclusive, role });
    let whole = (!whole.is_empty()).then_some(Term { keys: whole, rank: Rank::Flag, exclusive: None, role: None });
    Expr::or(single.into_iter().chain(whole).map(Expr::Term))
}

/// A plain code has the system that the value set of its element gives it.
fn plain(keyer: &Keyer, column: &Column, codes: &Codes) -> Expr {
    let key = |code: &str| keyer.term(column.key, Form::Code, code, "");
    let listed = || {
        codes.systems.iter().filter_map(|(system, members)| match members {
            Members::Some(codes) => Some((system, codes)),
            Members::All => None,
        })
    };
    let keys: Vec<i64> = match &column.codes {
        Some(set) if !set.open => {
            let has = |system: &str, code: &str| match codes.systems.get(system) {
                None => false,
                Some(Members::All) => true,
                Some(Members::Some(codes)) => codes.contains(code),
            };
            set.members().filter(|(system, code)| has(system, code)).map(|(_, code)| key(code)).collect()
        }
        // Which system a code of an open set has is not known; nobody has the same codes in two of them.
        Some(_) => listed().flat_map(|(_, codes)| codes.iter().map(|code| key(code))).collect(),
        None => listed()
            .filter(|(system, _)| ***system == *SPECIAL_VALUES)
            .flat_map(|(_, codes)| codes.iter().map(|code| key(code)))
            .collect(),
    };
    if keys.is_empty() {
        return Expr::None;
    }
    let exclusive = column.single.then_some(column.key ^ Form::Code as i64);
    Expr::Term(Term { keys, rank: column.rank, exclusive, role: None })
}

/// Returns the condition that one of the places refers to one of the targets, which are of a type.
pub fn referring(registry: &Registry, places: &[Place], t: ResourceType, targets: &[i64]) -> Expr {
    Expr::or(places.iter().map(|place| {
        let column = &registry.of(place.resource_type).columns[usize::from(place.column)];
        Expr::Term(Term {
            keys: targets.iter().map(|target| Keyer::reference(column.key, *target)).collect(),
            rank: rank_of_target(t, column.rank),
            exclusive: column.single.then_some(column.key),
            role: None,
        })
    }))
}

/// Returns the key under which definitions of a type stand by their canonical URL.
pub fn url_key(registry: &Registry, t: ResourceType, url: &str) -> Option<i64> {
    let index = registry.of(t);
    let use_ = index.param("url")?.columns.first()?;
    let column = &index.columns[usize::from(use_.index)];
    Some(registry.keyer.term(column.key, Form::Uri, url, ""))
}
