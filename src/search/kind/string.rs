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
    let wanted = condition.text()?;
    let folded = normal::fold(&wanted);
    if folded.is_empty() {
        return Err(condition.invalid("has no letter to look for"));
    }
    if *condition.modifier != Modifier::Exact && folded.len() > normal::QUERY_BYTES_MAX {
        let most = normal::QUERY_BYTES_MAX;
        return Err(condition.invalid(&format!("is longer than the {most} bytes that can be searched for")));
    }
    Ok(Expr::or(asked.columns().map(|(column, _)| {
        let test = match condition.modifier {
            Modifier::Exact => TextTest::Exact(normal::stored(&wanted)),
            Modifier::Contains => TextTest::Contains { part: folded.clone(), more: column.narrow[1] },
            _ => TextTest::Prefix { before: normal::after_prefix(&folded), from: folded.clone() },
        };
        Expr::Text(Text { key: column.narrow[0], test })
    })))
}
