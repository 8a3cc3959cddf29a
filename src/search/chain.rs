//! Conditions on other resources: chained parameters and `_has`, each inside the other as deep as one likes.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#chaining>, <https://hl7.org/fhir/R4/search.html#has>. A name is read from the
//! left: `subject:Patient.organization.name` goes from the match to what it refers to, `_has:Group:member:_id` to what
//! refers to it. Where a reference may lead to several types, all that know the rest of the name are followed.

use super::column::{Rank, Role, rank_of_target};
use super::expr::{Expr, Referred, Refers};
use super::query::{self, refused};
use super::registry::{Registry, TypeIndex};
use crate::catalog::ParamKind;
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;

/// More hops than this are a mistake.
const HOPS_MAX: usize = 20;

/// One parameter of a query, perhaps behind hops to other resources.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    pub registry: &'a Registry,
    /// The name as it was given, for messages.
    pub name: &'a str,
    pub value: &'a str,
}

/// The first hop of a name, and what follows it.
enum Hop<'a> {
    /// `code.rest` or `code:Type.rest`
    To { code: &'a str, target: Option<&'a str>, rest: &'a str },
    /// `_has:Source:code:rest`
    From { source: &'a str, code: &'a str, rest: &'a str },
}

/// Returns whether the name has a hop to another resource.
pub fn is_hop(name: &str) -> bool {
    name == "_has" || name.starts_with("_has:") || name.contains('.')
}

/// Returns what a name with hops asks of resources of the types.
pub fn condition(asking: &Asking, types: &[ResourceType], name: &str, depth: usize) -> Result<Expr, Fault> {
    if depth > HOPS_MAX {
        return Err(Fault::new(Kind::TooCostly, format!("parameter '{}' has more than {HOPS_MAX} hops", asking.name)));
    }
    match hop(asking, name)? {
        Hop::To { code, target, rest } => {
            let target = target.map(|name| resource_type(asking, name)).transpose()?;
            follow(asking.registry, types, asking.name, code, target, |t| query::named(asking, &[t], rest, depth + 1))
        }
        Hop::From { source, code, rest } => {
            let source = resource_type(asking, source)?;
            let by = query::named(asking, &[source], rest, depth + 1)?;
            referred(asking, types, source, code, by)
        }
    }
}

fn hop<'a>(asking: &Asking, name: &'a str) -> Result<Hop<'a>, Fault> {
    if let Some(has) = name.strip_prefix("_has") {
        let mut parts = has.strip_prefix(':').unwrap_or_default().splitn(3, ':');
        return match (parts.next(), parts.next(), parts.next()) {
            (Some(source), Some(code), Some(rest)) if !source.is_empty() && !code.is_empty() && !rest.is_empty() => {
                Ok(Hop::From { source, code, rest })
            }
            _ => Err(invalid(asking, "does not have the form _has:Type:reference-parameter:parameter")),
        };
    }
    let (head, rest) = name.split_once('.').unwrap_or((name, ""));
    let (code, target) = head.split_once(':').map_or((head, None), |(code, target)| (code, Some(target)));
    if code.is_empty() || rest.is_empty() || target == Some("") {
        return Err(invalid(
            asking,
            "does not have the form reference-parameter.parameter or parameter:Type.parameter",
        ));
    }
    Ok(Hop::To { code, target, rest })
}

/// Returns the condition that a reference parameter leads to a resource that `to` wants; it is asked for every type that
/// the parameter may lead to, or for `target` alone.
///
/// Types that do not know what is asked for are passed over as long as one does.
pub fn follow(
    registry: &Registry,
    types: &[ResourceType],
    name: &str,
    code: &str,
    target: Option<ResourceType>,
    mut to: impl FnMut(ResourceType) -> Result<Expr, Fault>,
) -> Result<Expr, Fault> {
    if types.is_empty() {
        return Err(refused(name, "follows a reference, which needs the types of the search: add _type"));
    }
    let mut parts = Vec::new();
    for t in types {
        let index = registry.of(*t);
        let param = reference(index, *t, name, code)?;
        if let Some(only) = target.filter(|only| !param.targets.is_empty() && !param.targets.contains(only)) {
            return Err(Fault::new(Kind::Invalid, format!("parameter '{name}': {t}.{code} never refers to a {only}")));
        }
        let all: Vec<ResourceType>;
        let targets = match (&target, &param.targets[..]) {
            (Some(only), _) => std::slice::from_ref(only),
            (None, []) => {
                all = ResourceType::all().filter(|t| t.is_stored()).collect();
                &all
            }
            (None, known) => known,
        };
        let before = parts.len();
        let mut refusals = Vec::new();
        for target in targets {
            match to(*target) {
                Ok(to) => parts.push(refers(index, code, *target, to)),
                Err(fault) => refusals.push(fault),
            }
        }
        if parts.len() == before {
            // A type that knows the parameter says more than those that do not.
            let known = refusals.iter().position(|fault| fault.kind() != Kind::NotSupported).unwrap_or(0);
            refusals.drain(known..).next().map_or(Ok(()), Err)?;
        }
    }
    Ok(Expr::or(parts))
}

fn refers(index: &TypeIndex, code: &str, target: ResourceType, to: Expr) -> Expr {
    let columns = leading(index, code, |only| only.is_none_or(|only| only == target));
    let rank = columns.iter().map(|at| rank_of_target(target, index.columns[*at].rank)).max().unwrap_or(Rank::Flag);
    match to {
        _ if columns.is_empty() => Expr::None,
        Expr::None => Expr::None,
        to => {
            let role = role(index, &columns, &[target]);
            let columns = columns.iter().map(|at| index.columns[*at].key).collect();
            Expr::Refers(Box::new(Refers { columns, targets: vec![target], to, rank, role }))
        }
    }
}

fn referred(
    asking: &Asking,
    types: &[ResourceType],
    source: ResourceType,
    code: &str,
    by: Expr,
) -> Result<Expr, Fault> {
    let index = asking.registry.of(source);
    let param = reference(index, source, asking.name, code)?;
    let reached = |t: &ResourceType| param.targets.is_empty() || param.targets.contains(t);
    let targets: Vec<ResourceType> = types.iter().copied().filter(reached).collect();
    if targets.is_empty() && !types.is_empty() {
        return Err(invalid(
            asking,
            &format!("asks for something impossible: {source}.{code} never refers to a {}", types[0]),
        ));
    }
    let columns = leading(index, code, |only| types.is_empty() || only.is_none_or(|only| types.contains(&only)));
    let role = role(index, &columns, &targets);
    let columns = columns.into_iter().map(|at| index.columns[at].key).collect();
    Ok(match by {
        Expr::None => Expr::None,
        by => Expr::Referred(Box::new(Referred { columns, source, targets, role, by })),
    })
}

/// Returns the role of a single column that leads to patients alone.
fn role(index: &TypeIndex, columns: &[usize], targets: &[ResourceType]) -> Option<Role> {
    match (columns, targets) {
        ([at], [ResourceType::PATIENT]) => index.columns[*at].role,
        _ => None,
    }
}

/// Returns the parameter if it is one of references.
fn reference<'a>(
    index: &'a TypeIndex,
    t: ResourceType,
    name: &str,
    code: &str,
) -> Result<&'a super::column::Param, Fault> {
    match index.param(code) {
        Some(param) if param.spec.kind == ParamKind::Reference => Ok(param),
        Some(param) => {
            let kind = param.spec.kind.code();
            let text =
                format!("parameter '{name}' cannot follow {t}.{code}: it is a {kind} parameter, not a reference");
            Err(Fault::new(Kind::Invalid, text))
        }
        None => Err(refused(name, &format!("names '{code}', which is not a reference parameter of {t}"))),
    }
}

/// Returns the places of a parameter's columns whose restriction to one type fits.
fn leading(index: &TypeIndex, code: &str, fits: impl Fn(Option<ResourceType>) -> bool) -> Vec<usize> {
    let columns = index.param(code).map_or(&[][..], |param| &param.columns);
    columns.iter().filter(|column| fits(column.resolves)).map(|column| usize::from(column.index)).collect()
}

fn resource_type(asking: &Asking, name: &str) -> Result<ResourceType, Fault> {
    match ResourceType::parse(name).filter(|t| t.is_stored()) {
        Some(t) => Ok(t),
        None => Err(invalid(asking, &format!("names '{name}', which is not a resource type that is stored"))),
    }
}

fn invalid(asking: &Asking, reason: &str) -> Fault {
    Fault::new(Kind::Invalid, format!("parameter '{}' {reason}", asking.name))
}
