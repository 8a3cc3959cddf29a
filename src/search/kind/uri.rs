//! URIs, matched whole or by their beginning.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#uri>: case and escapes count. A canonical is found with and without its
//! version. `:below` wants URLs that begin with the value, `:above` those that the value begins with; of canonicals
//! `:below` is about versions, R4 <https://hl7.org/fhir/R4/search.html#versions>.

use super::Emit;
use crate::fault::Fault;
use crate::search::column::{Column, Rank};
use crate::search::condition::{Asked, Condition};
use crate::search::expr::{Expr, Term, Text, TextTest};
use crate::search::key::Form;
use crate::search::modifier::Modifier;
use crate::search::normal;
use crate::search::sink::Sink;
use serde_json::Value;

/// Longest beginning of a URL that can be searched for, in bytes.
const URL_BYTES_MAX: usize = 1_000;
/// Parts of a version that make rows.
const VERSION_PARTS_MAX: usize = 8;

pub fn emitter(type_name: &str) -> Option<Emit> {
    Some(match type_name {
        "uri" | "url" | "oid" | "uuid" | "string" | "id" => plain,
        "canonical" => canonical,
        _ => return None,
    })
}

fn plain(sink: &mut Sink, column: &Column, value: &Value) {
    if let Some(uri) = value.as_str() {
        whole(sink, column, uri);
        if !is_urn(uri) && !uri.contains(char::is_control) {
            let beginning = &uri[..uri.floor_char_boundary(URL_BYTES_MAX)];
            sink.rows.strings.push((column.narrow[0], beginning.to_string()));
        }
    }
}

fn whole(sink: &mut Sink, column: &Column, uri: &str) {
    sink.present.push(column.key);
    sink.term(column, Form::Uri, uri, "");
}

/// R4 3.1.1.4.9: `:above` and `:below` do not apply to URNs.
fn is_urn(uri: &str) -> bool {
    uri.starts_with("urn:")
}

pub fn canonical(sink: &mut Sink, column: &Column, value: &Value) {
    let Some(uri) = value.as_str() else { return };
    whole(sink, column, uri);
    let Some((url, version)) = uri.split_once('|') else { return };
    sink.term(column, Form::Uri, url, "");
    let ends = version.match_indices(['.', '-', '+']).map(|(at, _)| at).filter(|at| *at > 0);
    for end in ends.take(VERSION_PARTS_MAX) {
        sink.term(column, Form::Below, &uri[..url.len() + 1 + end], "");
    }
}

pub fn condition(asked: &Asked, condition: &Condition) -> Result<Expr, Fault> {
    let uri = condition.text()?;
    if uri.is_empty() {
        return Err(condition.invalid("is not a URI"));
    }
    match condition.modifier {
        Modifier::Above | Modifier::Below => partial(asked, condition, &uri),
        _ => Ok(Expr::or(asked.columns().map(|(column, _)| asked.term(column, Form::Uri, &uri, "")))),
    }
}

fn partial(asked: &Asked, condition: &Condition, uri: &str) -> Result<Expr, Fault> {
    if uri.len() > URL_BYTES_MAX {
        return Err(condition.invalid(&format!("is longer than the {URL_BYTES_MAX} bytes that can be searched for")));
    }
    if is_urn(uri) && uri[4..].contains(':') {
        return Err(condition.invalid("is a URN; ':above' and ':below' are for URLs alone"));
    }
    let below = *condition.modifier == Modifier::Below;
    let parts = asked.columns().map(|(column, _)| match (below, column.canonical) {
        (true, true) => below_canonical(asked, condition, column, uri),
        (true, false) => Ok(begins_with(column, uri)),
        (false, _) => Ok(begun_by(asked, column, uri)),
    });
    Ok(Expr::or(parts.collect::<Result<Vec<_>, Fault>>()?))
}

fn begins_with(column: &Column, uri: &str) -> Expr {
    let test = TextTest::Prefix { from: uri.to_string(), before: normal::after_prefix(uri) };
    Expr::Text(Text { key: column.narrow[0], test })
}

/// Every beginning of the value is a URL that may be stored.
fn begun_by(asked: &Asked, column: &Column, uri: &str) -> Expr {
    if is_urn(uri) {
        return Expr::None;
    }
    let ends = uri.char_indices().map(|(at, c)| at + c.len_utf8());
    let key = |end: usize| asked.registry.keyer.term(column.key, Form::Uri, &uri[..end], "");
    Expr::Term(Term { keys: ends.map(key).collect(), rank: Rank::Event, exclusive: None, role: None })
}

/// Returns the condition that a canonical has this URL in any version, or in one that begins with the one given.
pub fn below_canonical(asked: &Asked, condition: &Condition, column: &Column, uri: &str) -> Result<Expr, Fault> {
    if uri.ends_with(['/', '|']) {
        return Err(condition.not_supported(
            "is a part of a URL; of canonicals ':below' finds the versions of one, as in http://a.example/x or http://a.example/x|1",
        ));
    }
    let forms = [Form::Uri, Form::Below].into_iter().take(if uri.contains('|') { 2 } else { 1 });
    Ok(Expr::or(forms.map(|form| asked.term(column, form, uri, ""))))
}
