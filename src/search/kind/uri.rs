//! URIs, matched whole.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#uri>: case and escapes count. A canonical is found with and without its
//! version.

use super::Emit;
use crate::fault::Fault;
use crate::search::column::Column;
use crate::search::condition::{Asked, Condition};
use crate::search::expr::Expr;
use crate::search::key::Form;
use crate::search::sink::Sink;
use serde_json::Value;

pub fn emitter(type_name: &str) -> Option<Emit> {
    Some(match type_name {
        "uri" | "url" | "oid" | "uuid" | "string" | "id" => plain,
        "canonical" => canonical,
        _ => return None,
    })
}

fn plain(sink: &mut Sink, column: &Column, value: &Value) {
    if let Some(uri) = value.as_str() {
        sink.present.push(column.key);
        sink.term(column, Form::Uri, uri, "");
    }
}

pub fn canonical(sink: &mut Sink, column: &Column, value: &Value) {
    plain(sink, column, value);
    if let Some((url, _)) = value.as_str().and_then(|uri| uri.split_once('|')) {
        sink.term(column, Form::Uri, url, "");
    }
}

pub fn condition(asked: &Asked, condition: &Condition) -> Result<Expr, Fault> {
    let uri = condition.text()?;
    if uri.is_empty() {
        return Err(condition.invalid("is not a URI"));
    }
    Ok(Expr::or(asked.columns().map(|(column, _)| asked.term(column, Form::Uri, &uri, ""))))
}
