//! References: to a resource here, to one elsewhere, to a canonical URL, or by identifier.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#reference>. A reference to this server is `Type/id` however it was
//! written; all others are their whole text. References into the same resource (`#id`) are not searched for.

use super::{Emit, text, tree, uri};
use crate::fault::{Fault, Kind};
use crate::fhir::reference::Literal;
use crate::fhir::{ResourceId, ResourceType};
use crate::search::column::{Column, ParamColumn};
use crate::search::condition::{Asked, Condition};
use crate::search::expr::{Expr, Term};
use crate::search::key::{Form, Keyer};
use crate::search::modifier::Modifier;
use crate::search::sink::Sink;
use serde_json::Value;

/// Stands for "any system" where an identifier was asked for by its value alone. No system has this text.
const ANY_SYSTEM: &str = "\u{1}";

pub fn emitter(type_name: &str) -> Option<Emit> {
    Some(match type_name {
        "Reference" => reference,
        "canonical" => canonical,
        "uri" | "url" | "oid" | "uuid" => address,
        _ => return None,
    })
}

fn reference(sink: &mut Sink, column: &Column, value: &Value) {
    sink.present.push(column.key);
    if let Some(text) = text(value, "reference") {
        target(sink, column, text);
    }
    let Some(identifier) = value.get("identifier") else {
        return;
    };
    let Some(number) = text(identifier, "value") else {
        return;
    };
    sink.term(column, Form::Identifier, text(identifier, "system").unwrap_or_default(), number);
    sink.term(column, Form::Identifier, ANY_SYSTEM, number);
}

fn target(sink: &mut Sink, column: &Column, text: &str) {
    if text.starts_with('#') {
        return;
    }
    match Literal::parse(text) {
        Some(l) if l.base.is_empty() || l.base == sink.base_url => sink.reference(column, l.resource_type.name(), l.id),
        _ => {
            sink.term(column, Form::Uri, without_version(text), "");
        }
    }
}

fn without_version(text: &str) -> &str {
    text.split_once("/_history/").map_or(text, |(path, _)| path)
}

fn canonical(sink: &mut Sink, column: &Column, value: &Value) {
    uri::canonical(sink, column, value);
    address_of_resource(sink, column, value);
}

fn address(sink: &mut Sink, column: &Column, value: &Value) {
    if let Some(text) = value.as_str() {
        sink.present.push(column.key);
        sink.term(column, Form::Uri, text, "");
    }
    address_of_resource(sink, column, value);
}

/// A URL that leads to this server is found as a reference too.
fn address_of_resource(sink: &mut Sink, column: &Column, value: &Value) {
    let text = value.as_str().unwrap_or_default();
    let text = text.split_once('|').map_or(text, |(url, _)| url);
    if let Some(l) = Literal::parse(text).filter(|l| l.base.is_empty() || l.base == sink.base_url) {
        sink.reference(column, l.resource_type.name(), l.id);
    }
}

pub fn condition(asked: &Asked, condition: &Condition) -> Result<Expr, Fault> {
    match condition.modifier {
        Modifier::Identifier => return identifier_condition(asked, condition),
        Modifier::Above | Modifier::Below => return tree::condition(asked, condition),
        _ => {}
    }
    let wanted = condition.text()?;
    if wanted.is_empty() || wanted.starts_with('#') {
        return Err(
            condition.invalid("is not a reference such as 123, Patient/123 or http://server.example/Patient/123")
        );
    }
    let typed = match condition.modifier {
        Modifier::Type(t) => Some(*t),
        _ => None,
    };
    if let Some(literal) = Literal::parse(&wanted) {
        return literal_condition(asked, condition, typed, &wanted, &literal);
    }
    if wanted.contains(':') {
        return Ok(whole(asked, &wanted));
    }
    match ResourceId::parse(&wanted) {
        Some(id) => by_id(asked, condition, typed, &id),
        None => Err(condition.invalid("is neither an id, nor Type/id with a type of FHIR R4, nor a URL")),
    }
}

fn literal_condition(
    asked: &Asked,
    condition: &Condition,
    typed: Option<ResourceType>,
    text: &str,
    literal: &Literal,
) -> Result<Expr, Fault> {
    if literal.version.is_some() {
        return Err(condition.not_supported("names a version; references are searched for without one"));
    }
    if typed.is_some_and(|t| t != literal.resource_type) {
        return Err(condition.invalid("is a reference to another type than the modifier says"));
    }
    let local = literal.base.is_empty() || literal.base == &*asked.registry.base_url;
    let here = local.then(|| to(asked, literal.resource_type, literal.id));
    // An absolute URL may be a canonical that happens to look like an address.
    let there = (!literal.base.is_empty()).then(|| whole(asked, text));
    Ok(Expr::or(here.into_iter().chain(there)))
}

/// A bare id means any of the types that the parameter leads to.
fn by_id(asked: &Asked, condition: &Condition, typed: Option<ResourceType>, id: &ResourceId) -> Result<Expr, Fault> {
    let targets = match &typed {
        Some(t) => std::slice::from_ref(t),
        None => &asked.param.targets[..],
    };
    if targets.is_empty() {
        let form = format!("needs the type as well, as in Patient/{id}: this parameter may lead to any type");
        return Err(condition.invalid(&form));
    }
    Ok(Expr::or(targets.iter().map(|t| to(asked, *t, id.as_str()))))
}

/// Returns the condition that a column leads to one resource of this server.
fn to(asked: &Asked, t: ResourceType, id: &str) -> Expr {
    let target = asked.registry.keyer.target(t.name(), id);
    let leads = |use_: &ParamColumn| use_.resolves.is_none_or(|only| only == t);
    Expr::or(asked.columns().filter(|(_, use_)| leads(use_)).map(|(column, _)| {
        Expr::Term(Term {
            keys: vec![Keyer::reference(column.key, target)],
            rank: super::super::column::rank_of_target(t, column.rank),
            exclusive: column.single.then_some(column.key),
            role: column.role.filter(|_| t == ResourceType::PATIENT),
        })
    }))
}

fn whole(asked: &Asked, uri: &str) -> Expr {
    // `where(resolve() is X)` can be decided for references to this server only.
    Expr::or(asked.columns().map(|(column, _)| asked.term(column, Form::Uri, without_version(uri), "")))
}

fn identifier_condition(asked: &Asked, condition: &Condition) -> Result<Expr, Fault> {
    let parts = condition.parts('|')?;
    let (system, value) = match &parts[..] {
        [value] => (ANY_SYSTEM, value),
        [system, value] => (&**system, value),
        _ => return Err(condition.invalid("has more than one '|'; the forms are value, system|value and |value")),
    };
    if value.is_empty() {
        return Err(Fault::new(Kind::Invalid, condition.describe("has no identifier value")));
    }
    Ok(Expr::or(asked.columns().map(|(column, _)| asked.term(column, Form::Identifier, system, value))))
}
