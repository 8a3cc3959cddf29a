//! Tokens by what terminology knows of their codes: value sets and kinds of concepts.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#token>: `:in`, `:not-in`, `:above`, `:below`. The terminology is stored, so these
//! are questions; only media types, whose hierarchy is in the code itself, are answered from the index.

use crate::fault::Fault;
use crate::fhir::ResourceId;
use crate::fhir::reference::Literal;
use crate::search::ask::{Ask, AskCodes, WantedCodes};
use crate::search::column::{Column, Rank};
use crate::search::condition::{Asked, Condition};
use crate::search::expr::Expr;
use crate::search::key::Form;
use crate::search::modifier::Modifier;
use crate::search::sink::Sink;

const MEDIA_TYPES: &str = "http://hl7.org/fhir/ValueSet/mimetypes";

/// R4 3.1.1.4.10.1: a media type with parameters is below the one without.
pub fn media_type(sink: &mut Sink, column: &Column, code: &str) {
    if is_media_type(column)
        && let Some((base, _)) = code.split_once(';')
    {
        sink.term(column, Form::Below, base.trim_end(), "");
    }
}

fn is_media_type(column: &Column) -> bool {
    column.codes.as_ref().is_some_and(|codes| codes.open && &*codes.url == MEDIA_TYPES)
}

/// Returns the condition that a code is in a value set.
pub fn in_value_set(asked: &Asked, condition: &Condition) -> Result<Expr, Fault> {
    let text = condition.text()?;
    let local = Literal::parse(&text).filter(|l| l.base.is_empty() || l.base == &*asked.registry.base_url);
    let stored = match local {
        Some(l) if l.resource_type.name() != "ValueSet" => {
            return Err(condition.invalid("is a reference to another type than ValueSet"));
        }
        Some(l) if l.version.is_some() => {
            return Err(condition.not_supported("names a version of a resource; the current one is what can be asked"));
        }
        Some(l) => ResourceId::parse(l.id),
        None if !is_url(&text) => {
            return Err(condition.invalid("is neither the URL of a value set nor a reference such as ValueSet/123"));
        }
        None => None,
    };
    ask(asked, condition, WantedCodes::InValueSet { canonical: text.into_owned(), stored })
}

/// Returns whether the text is `scheme:something` without spaces.
fn is_url(text: &str) -> bool {
    let scheme = |s: &str| s.starts_with(|c: char| c.is_ascii_alphabetic()) && s.bytes().all(|b| b.is_ascii_graphic());
    text.split_once(':').is_some_and(|(s, rest)| scheme(s) && !rest.is_empty() && !rest.contains(char::is_whitespace))
}

/// Returns the condition that a code is a kind of another, or that the other is a kind of it.
pub fn related(asked: &Asked, condition: &Condition) -> Result<Expr, Fault> {
    let parts = condition.parts('|')?;
    let (system, code) = match &parts[..] {
        [code] if !code.is_empty() && asked.columns().all(|(column, _)| is_media_type(column)) => {
            return related_media_type(asked, condition, code);
        }
        [code] => (own_system(asked, condition, code)?, code),
        [system, code] => (system.to_string(), code),
        _ => return Err(condition.invalid("has more than one '|'; the form is system|code")),
    };
    if system.is_empty() || code.is_empty() {
        return Err(condition.invalid("must name a system and a code, as in http://loinc.org|29463-7"));
    }
    let code = code.to_string();
    let wanted = match condition.modifier {
        Modifier::Above => WantedCodes::Above { system, code },
        _ => WantedCodes::Below { system, code },
    };
    ask(asked, condition, wanted)
}

/// Returns the system that a plain code has by the value set of its element.
fn own_system(asked: &Asked, condition: &Condition, code: &str) -> Result<String, Fault> {
    let mut systems =
        asked.columns().map(|(column, _)| column.codes.as_ref().filter(|_| column.plain)?.system_of(code));
    let first = systems.next().flatten();
    match first {
        Some(system) if systems.all(|other| other == Some(system)) => Ok(system.to_string()),
        _ => Err(condition.invalid("does not name the code system that the hierarchy is in; the form is system|code")),
    }
}

fn related_media_type(asked: &Asked, condition: &Condition, code: &str) -> Result<Expr, Fault> {
    let (base, parameters) = match code.split_once(';') {
        Some((base, parameters)) => (base.trim_end(), Some(parameters)),
        None => (code, None),
    };
    let term = |column: &Column, form, code: &str| asked.term(column, form, code, "");
    Ok(Expr::or(asked.columns().flat_map(|(column, _)| {
        let itself = term(column, Form::Code, code);
        let other = match (condition.modifier, parameters) {
            (Modifier::Above, Some(_)) => term(column, Form::Code, base),
            (Modifier::Below, None) => term(column, Form::Below, base),
            _ => Expr::None,
        };
        [itself, other]
    })))
}

fn ask(asked: &Asked, condition: &Condition, wanted: WantedCodes) -> Result<Expr, Fault> {
    // Identifiers, addresses and ids are tokens without being codes.
    let places = asked.places(|column, _| column.rank != Rank::Identity);
    if places.is_empty() {
        return Err(condition.not_supported("asks for codes of a code system, which this parameter does not search"));
    }
    Ok(Expr::Ask(Box::new(Ask::Codes(AskCodes { name: condition.name.to_string(), wanted, places }))))
}
