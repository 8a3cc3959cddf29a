//! From the pairs of a query to a [`Search`].
//!
//! R4 <https://hl7.org/fhir/R4/search.html>. Strict: what is not known or cannot be answered is refused with the name
//! of the parameter, unless the client asked for leniency; then it is noted, so that the answer can say so.

use super::chain::{self, Asking};
use super::condition::{Asked, Condition};
use super::contained::Contained;
use super::control::{self, Controls, TotalMode};
use super::expr::{Expr, Missing};
use super::include::Include;
use super::key::{Form, Keyer};
use super::kind;
use super::modifier::Modifier;
use super::period;
use super::registry::Registry;
use super::sort::Sort;
use super::{own, text, value};
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;

/// Most parameters of a query, and most alternatives of one.
pub const PAIRS_MAX: usize = 100;
pub const ALTERNATIVES_MAX: usize = 1_000;

/// A search that can be answered.
#[derive(Debug, Clone)]
pub struct Search {
    /// Made the keys of the filter.
    pub keyer: Keyer,
    pub filter: Expr,
    /// Empty: all types.
    pub types: Vec<ResourceType>,
    pub sort: Vec<Sort>,
    pub count: Option<u32>,
    pub total: TotalMode,
    pub includes: Vec<Include>,
    /// `_summary` as it was given; one of the values that R4 knows.
    pub summary: Option<String>,
    /// `_elements`, taken apart.
    pub elements: Vec<String>,
    /// `_cursor` as it was given.
    pub cursor: Option<String>,
    pub contained: Contained,
    /// What a lenient server left out.
    pub ignored: Vec<Ignored>,
}

/// A parameter that was left out because the client is content with that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    pub name: String,
    pub value: String,
    pub reason: String,
}

/// Returns the search that a query asks for. `base` is the type in the URL; none on the system level.
pub fn parse(
    registry: &Registry,
    base: Option<ResourceType>,
    pairs: &[(String, String)],
    lenient: bool,
) -> Result<Search, Fault> {
    if pairs.len() > PAIRS_MAX {
        return Err(Fault::new(Kind::TooCostly, format!("the query has more than {PAIRS_MAX} parameters")));
    }
    control::check_repeats(pairs)?;
    let types = control::types(base, pairs)?;
    let mut controls = Controls::default();
    let (mut parts, mut ignored) = (Vec::new(), Vec::new());
    for (name, value) in pairs {
        let read = match controls.take(registry, &types, name, value) {
            Ok(true) => continue,
            Ok(false) => filter(registry, &types, name, value),
            Err(fault) => Err(fault),
        };
        match read {
            Ok(part) => parts.push(part),
            Err(fault) if lenient && fault.kind() == Kind::NotSupported => {
                let (name, value) = (name.clone(), value.clone());
                ignored.push(Ignored { name, value, reason: fault.to_string() });
            }
            Err(fault) => return Err(fault),
        }
    }
    Ok(Search {
        keyer: registry.keyer,
        filter: Expr::and(parts),
        types,
        sort: controls.sort,
        count: controls.count,
        total: controls.total,
        includes: controls.includes,
        summary: controls.summary,
        elements: controls.elements,
        cursor: controls.cursor,
        contained: controls.contained,
        ignored,
    })
}

/// Returns what one `name=value` of the query asks for.
pub fn filter(registry: &Registry, types: &[ResourceType], name: &str, value: &str) -> Result<Expr, Fault> {
    named(&Asking { registry, name, value }, types, name, 0)
}

/// Returns what the value asks for under `rest`, which is what follows `depth` hops of the whole name.
pub(super) fn named(asking: &Asking, types: &[ResourceType], rest: &str, depth: usize) -> Result<Expr, Fault> {
    if chain::is_hop(rest) {
        return chain::condition(asking, types, rest, depth);
    }
    let Asking { registry, name, value } = *asking;
    let (code, modifier) = match rest.split_once(':') {
        Some((code, modifier)) => (code, Some(modifier)),
        None => (rest, None),
    };
    let modifier = match modifier {
        None => Modifier::None,
        Some(text) => {
            Modifier::parse(text).ok_or_else(|| refused(name, &format!("has the unknown modifier ':{text}'")))?
        }
    };
    if value.is_empty() {
        return Err(Fault::new(Kind::Invalid, format!("parameter '{name}' has no value")));
    }
    if matches!(code, "_filter" | "_list" | "_query") {
        if modifier != Modifier::None {
            return Err(refused(name, "cannot have a modifier"));
        }
        return match code {
            "_filter" => super::filter::read(registry, types, value),
            "_list" => super::list::read(registry, value),
            _ => Err(refused(name, "names a query, and this server has no OperationDefinition of one")),
        };
    }
    let alternatives = value::split(value, ',');
    if alternatives.len() > ALTERNATIVES_MAX {
        let most = format!("parameter '{name}' has more than {ALTERNATIVES_MAX} alternatives");
        return Err(Fault::new(Kind::TooCostly, most));
    }
    let condition = |value| Condition { name, modifier: &modifier, value, now_us: period::now_us() };
    if text::is_text(code) {
        return text::whole(registry, types, code, &alternatives, &condition(value));
    }
    if own::is_own(code) {
        let parts = alternatives.into_iter().map(|value| own::condition(code, &condition(value)));
        let any = Expr::or(parts.collect::<Result<Vec<_>, Fault>>()?);
        return Ok(if modifier == Modifier::Not { Expr::not(any) } else { any });
    }
    let asked = lookup(registry, types, name, code)?;
    let kind = asked[0].param.spec.kind;
    check_modifier(&asked[0], name, modifier)?;
    if modifier == Modifier::Missing {
        return missing(&asked, &condition(value));
    }
    if modifier == Modifier::Text {
        return text::beside_codes(&asked, &alternatives, &condition(value));
    }
    let kind = kind::of(kind);
    let mut parts = Vec::with_capacity(alternatives.len() * asked.len());
    for value in alternatives {
        for asked in &asked {
            parts.push((kind.condition)(asked, &condition(value))?);
        }
    }
    let any = Expr::or(parts);
    Ok(if matches!(modifier, Modifier::Not | Modifier::NotIn) { Expr::not(any) } else { any })
}

/// Returns the parameter in every type of the search; at least one.
pub(super) fn lookup<'a>(
    registry: &'a Registry,
    types: &[ResourceType],
    name: &str,
    code: &str,
) -> Result<Vec<Asked<'a>>, Fault> {
    let all: Vec<ResourceType>;
    let types = if types.is_empty() {
        all = ResourceType::all().filter(|t| t.is_stored()).collect();
        &all
    } else {
        types
    };
    let mut asked: Vec<Asked> = Vec::with_capacity(types.len());
    for t in types {
        let Some(param) = registry.of(*t).param(code) else {
            return Err(unknown(registry, *t, name, code));
        };
        if asked.first().is_some_and(|first| first.param.spec.kind != param.spec.kind) {
            let text = format!("parameter '{name}' means different things in the types of this search");
            return Err(Fault::new(Kind::Invalid, text));
        }
        asked.push(Asked { registry, resource_type: *t, param });
    }
    Ok(asked)
}

fn unknown(registry: &Registry, t: ResourceType, name: &str, code: &str) -> Fault {
    let reason = match registry.catalog.param(t, code) {
        Some(_) if let Some(pending) = registry.pending(t, code) => pending,
        Some(_) => "is not answered by this server yet".to_string(),
        None => format!("is not a search parameter of {t}"),
    };
    refused(name, &reason)
}

fn check_modifier(asked: &Asked, name: &str, modifier: Modifier) -> Result<(), Fault> {
    let kind = asked.param.spec.kind;
    if !modifier.fits(kind) {
        return Err(refused(name, &format!("cannot have this modifier: it is a {} parameter", kind.code())));
    }
    if let Modifier::Type(t) = modifier
        && !asked.param.targets.is_empty()
        && !asked.param.targets.contains(&t)
    {
        return Err(Fault::new(Kind::Invalid, format!("parameter '{name}' never refers to a {t}")));
    }
    Ok(())
}

fn missing(asked: &[Asked], condition: &Condition) -> Result<Expr, Fault> {
    let is_missing = match condition.value {
        "true" => true,
        "false" => false,
        _ => return Err(condition.invalid("is neither true nor false")),
    };
    let keyer = &asked[0].registry.keyer;
    let columns = asked.iter().flat_map(Asked::columns).map(|(column, use_)| match use_.resolves {
        Some(t) => keyer.term(column.key, Form::Code, t.name(), ""),
        None => column.key,
    });
    let types = asked.iter().map(|a| a.resource_type).collect();
    let missing = Expr::Missing(Missing { types, columns: columns.collect() });
    Ok(if is_missing { missing } else { Expr::not(missing) })
}

/// Returns the fault for a parameter that is unknown or not answered.
pub(super) fn refused(name: &str, reason: &str) -> Fault {
    Fault::new(Kind::NotSupported, format!("parameter '{name}' {reason}"))
}
