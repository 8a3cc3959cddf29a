//! Tokens: codes with and without a system, identifiers, flags.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#token>. A plain `code` has no system of its own: its value set gives one,
//! which is looked up when somebody asks, so that such an element has one row.

use super::{Emit, concept, items, text};
use crate::fault::Fault;
use crate::search::column::Column;
use crate::search::condition::{Asked, Condition};
use crate::search::expr::Expr;
use crate::search::key::Form;
use crate::search::modifier::Modifier;
use crate::search::sink::Sink;
use serde_json::Value;

/// The system of booleans.
pub const SPECIAL_VALUES: &str = "http://terminology.hl7.org/CodeSystem/special-values";

pub fn emitter(type_name: &str) -> Option<Emit> {
    Some(match type_name {
        "CodeableConcept" => codeable_concept,
        "Coding" => coding,
        "Identifier" => identifier,
        "ContactPoint" => contact_point,
        "boolean" => boolean,
        "code" | "id" | "string" | "uri" | "url" | "canonical" | "oid" | "uuid" | "markdown" => plain,
        _ => return None,
    })
}

/// Returns whether values of the type have no system of their own.
pub fn is_plain(type_name: &str) -> bool {
    !matches!(type_name, "CodeableConcept" | "Coding" | "Identifier" | "ContactPoint")
}

fn codeable_concept(sink: &mut Sink, column: &Column, value: &Value) {
    items(value, "coding").iter().for_each(|c| coding(sink, column, c));
    sink.present.push(column.key);
}

fn coding(sink: &mut Sink, column: &Column, value: &Value) {
    sink.token(column, text(value, "system"), text(value, "code"));
}

fn identifier(sink: &mut Sink, column: &Column, value: &Value) {
    let number = text(value, "value");
    sink.token(column, text(value, "system"), number);
    let Some(number) = number else { return };
    for coding in value.get("type").map_or(&[][..], |t| items(t, "coding")) {
        if let Some(code) = text(coding, "code") {
            let kind = of_type(text(coding, "system").unwrap_or_default(), code);
            sink.term(column, Form::OfType, &kind, number);
        }
    }
}

fn of_type(system: &str, code: &str) -> String {
    format!("{system}|{code}")
}

fn contact_point(sink: &mut Sink, column: &Column, value: &Value) {
    if let Some(address) = text(value, "value") {
        sink.token(column, text(value, "system"), Some(address));
    }
}

fn plain(sink: &mut Sink, column: &Column, value: &Value) {
    if let Some(code) = value.as_str() {
        sink.token(column, None, Some(code));
        concept::media_type(sink, column, code);
    }
}

pub fn boolean(sink: &mut Sink, column: &Column, value: &Value) {
    if let Some(flag) = value.as_bool() {
        sink.token(column, None, Some(if flag { "true" } else { "false" }));
    }
}

/// What a value of the query names.
struct Wanted<'a> {
    /// None: any system; empty: no system.
    system: Option<&'a str>,
    /// Empty: any code of the system.
    code: &'a str,
}

pub fn condition(asked: &Asked, condition: &Condition) -> Result<Expr, Fault> {
    match condition.modifier {
        Modifier::OfType => return of_type_condition(asked, condition),
        Modifier::In | Modifier::NotIn => return concept::in_value_set(asked, condition),
        Modifier::Above | Modifier::Below => return concept::related(asked, condition),
        _ => {}
    }
    let parts = condition.parts('|')?;
    let wanted = match &parts[..] {
        [code] => Wanted { system: None, code },
        [system, code] => Wanted { system: Some(system), code },
        _ => return Err(condition.invalid("has more than one '|'; the forms are code, system|code, |code and system|")),
    };
    if wanted.code.is_empty() && wanted.system.unwrap_or_default().is_empty() {
        return Err(condition.invalid("names neither a system nor a code"));
    }
    let parts = asked.columns().map(|(column, _)| {
        if column.plain { plain_keys(asked, condition, column, &wanted) } else { Ok(coded_key(asked, column, &wanted)) }
    });
    Ok(Expr::or(parts.collect::<Result<Vec<_>, Fault>>()?))
}

fn coded_key(asked: &Asked, column: &Column, wanted: &Wanted) -> Expr {
    let (form, first, second) = match (wanted.system, wanted.code) {
        (None, code) => (Form::Code, code, ""),
        (Some(""), code) => (Form::NoSystem, code, ""),
        (Some(system), "") => (Form::System, system, ""),
        (Some(system), code) => (Form::SystemCode, system, code),
    };
    asked.term(column, form, first, second)
}

fn plain_keys(asked: &Asked, condition: &Condition, column: &Column, wanted: &Wanted) -> Result<Expr, Fault> {
    let one = |code: &str| asked.term(column, Form::Code, code, "");
    let codes = column.codes.as_ref().filter(|codes| !codes.open);
    Ok(match (wanted.system, wanted.code, codes) {
        (None | Some(""), code, _) => one(code),
        (Some(system), "", Some(codes)) => {
            Expr::or(codes.codes().filter(|code| codes.system_of(code) == Some(system)).map(one))
        }
        (Some(_), "", None) => {
            return Err(condition.not_supported("asks for every code of a system, which this element does not carry"));
        }
        (Some(system), code, Some(codes)) if codes.system_of(code) == Some(system) => one(code),
        (Some(_), _, Some(_)) => Expr::None,
        (Some(system), code @ ("true" | "false"), None) if system == SPECIAL_VALUES => one(code),
        (Some(_), code, None) if column.codes.is_some() => one(code),
        (Some(_), _, None) => Expr::None,
    })
}

fn of_type_condition(asked: &Asked, condition: &Condition) -> Result<Expr, Fault> {
    let parts = condition.parts('|')?;
    let [system, code, value] = &parts[..] else {
        return Err(condition.invalid("does not have the form system|code|value that ':of-type' asks for"));
    };
    if code.is_empty() || value.is_empty() {
        return Err(condition.invalid("must name the code of the type and the value"));
    }
    Ok(Expr::or(asked.columns().map(|(column, _)| asked.term(column, Form::OfType, &of_type(system, code), value))))
}
