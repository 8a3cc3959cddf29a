//! Strings: names, addresses and other text, found by their beginning.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#string>.

use super::{Emit, items, text};
use crate::fault::Fault;
use crate::search::column::Column;
use crate::search::condition::{Asked, Condition};
use crate::search::expr::{Expr, Text, TextTest};
use crate::search::modifier::Modifier;
use crate::search::normal;
use crate::search::sink::Sink;
use serde_json::Value;

pub fn emitter(type_name: &str) -> Option<Emit> {
    Some(match type_name {
        "string" | "markdown" | "code" | "id" | "uri" | "url" | "canonical" => plain,
        "HumanName" => human_name,
        "Address" => address,
        "CodeableConcept" => codeable_concept,
        "Annotation" => annotation,
        _ => return None,
    })
}

fn plain(sink: &mut Sink, column: &Column, value: &Value) {
    if let Some(text) = value.as_str() {
        sink.text(column, text);
    }
}

fn human_name(sink: &mut Sink, column: &Column, value: &Value) {
    for name in ["family", "text"] {
        text(value, name).into_iter().for_each(|part| sink.text(column, part));
    }
    for name in ["given", "prefix", "suffix"] {
        items(value, name).iter().for_each(|part| plain(sink, column, part));
    }
}

fn address(sink: &mut Sink, column: &Column, value: &Value) {
    for name in ["text", "city", "district", "state", "postalCode", "country"] {
        text(value, name).into_iter().for_each(|part| sink.text(column, part));
    }
    items(value, "line").iter().for_each(|part| plain(sink, column, part));
}

fn codeable_concept(sink: &mut Sink, column: &Column, value: &Value) {
    text(value, "text").into_iter().for_each(|part| sink.text(column, part));
}

fn annotation(sink: &mut Sink, column: &Column, value: &Value) {
    text(value, "text").into_iter().for_each(|part| sink.text(column, part));
}

pub fn condition(asked: &Asked, condition: &Condition) -> Result<Expr, Fault> {
    let text = folded(condition)?;
    let stored = normal::stored(&condition.text()?);
    Ok(any(asked, |column| {
        vec![match condition.modifier {
            Modifier::Exact => TextTest::Exact(stored.clone()),
            Modifier::Contains => TextTest::Contains { part: text.clone(), more: column.narrow[1] },
            _ => TextTest::Prefix { before: normal::after_prefix(&text), from: text.clone() },
        }]
    }))
}

/// Returns the value as texts are compared; there must be something to look for.
pub fn folded(condition: &Condition) -> Result<String, Fault> {
    let folded = normal::fold(&condition.text()?);
    if folded.is_empty() {
        return Err(condition.invalid("has no letter to look for"));
    }
    if *condition.modifier != Modifier::Exact && folded.len() > normal::QUERY_BYTES_MAX {
        let most = normal::QUERY_BYTES_MAX;
        return Err(condition.invalid(&format!("is longer than the {most} bytes that can be searched for")));
    }
    Ok(folded)
}

/// Returns the condition that a text of the parameter passes one of the tests of its column.
pub fn any(asked: &Asked, tests: impl Fn(&Column) -> Vec<TextTest>) -> Expr {
    Expr::or(
        asked.columns().flat_map(|(column, _)| {
            tests(column).into_iter().map(|test| Expr::Text(Text { key: column.narrow[0], test }))
        }),
    )
}
