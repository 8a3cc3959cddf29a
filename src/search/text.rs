//! Searches by text: the parameters `_content` and `_text`, and `:text` on tokens.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#content>, <https://hl7.org/fhir/R4/search.html#token>. They are left as questions to
//! the text index, which holds what [`displays`] gives.

use super::ask::{Ask, TextAsk, TextPlace};
use super::condition::{Asked, Condition};
use super::expr::Expr;
use super::modifier::Modifier;
use super::query::refused;
use super::registry::Registry;
use super::{normal, wording};
use crate::catalog::ParamKind;
use crate::fault::Fault;
use crate::fhir::ResourceType;
use serde_json::Value;

/// Returns whether the parameter looks at the text of the whole resource.
pub fn is_text(code: &str) -> bool {
    matches!(code, "_content" | "_text")
}

/// Returns what `_content` or `_text` asks for; alternatives are divided by commas, as everywhere.
pub fn whole(
    registry: &Registry,
    types: &[ResourceType],
    code: &str,
    alternatives: &[&str],
    condition: &Condition,
) -> Result<Expr, Fault> {
    if *condition.modifier != Modifier::None {
        return Err(refused(condition.name, "cannot have a modifier"));
    }
    if let Some(t) = types.iter().find(|t| registry.catalog.param(**t, code).is_none()) {
        return Err(refused(condition.name, &format!("is not a search parameter of {t}")));
    }
    let ask = |value: &&str| {
        let condition = Condition { value, ..*condition };
        let wording = wording::parse(&condition.text()?).map_err(|reason| condition.invalid(&reason))?;
        let place = if code == "_text" { TextPlace::Narrative(wording) } else { TextPlace::Content(wording) };
        Ok(Expr::Ask(Box::new(Ask::Text(TextAsk { name: condition.name.to_string(), types: types.to_vec(), place }))))
    };
    Ok(Expr::or(alternatives.iter().map(ask).collect::<Result<Vec<_>, Fault>>()?))
}

/// Returns what `:text` asks for: the text beside a code begins with the value.
pub fn beside_codes(asked: &[Asked], alternatives: &[&str], condition: &Condition) -> Result<Expr, Fault> {
    let columns: Vec<i64> = asked
        .iter()
        .flat_map(Asked::columns)
        .filter(|(column, _)| !column.plain)
        .map(|(column, _)| column.key)
        .collect();
    if columns.is_empty() {
        return Err(refused(condition.name, "asks for a text, but its values are plain codes, which have none"));
    }
    let types: Vec<ResourceType> = asked.iter().map(|a| a.resource_type).collect();
    let ask = |value: &&str| {
        let condition = Condition { value, ..*condition };
        let prefix = normal::fold(&condition.text()?);
        if prefix.is_empty() {
            return Err(condition.invalid("has no letter to look for"));
        }
        if prefix.len() > normal::QUERY_BYTES_MAX {
            let most = normal::QUERY_BYTES_MAX;
            return Err(condition.invalid(&format!("is longer than the {most} bytes that can be searched for")));
        }
        let place = TextPlace::Displays { columns: columns.clone(), prefix };
        Ok(Expr::Ask(Box::new(Ask::Text(TextAsk { name: condition.name.to_string(), types: types.clone(), place }))))
    };
    Ok(Expr::or(alternatives.iter().map(ask).collect::<Result<Vec<_>, Fault>>()?))
}

/// Returns the texts beside the codes of a resource: key of the column and folded text, each pair once.
pub fn displays(registry: &Registry, t: ResourceType, resource: &Value) -> Vec<(i64, String)> {
    let index = registry.of(t);
    let mut found = Vec::new();
    let mut visit = |column: u16, value: &Value| {
        let column = &index.columns[usize::from(column)];
        if column.kind == ParamKind::Token && !column.plain {
            texts_of(value, &mut |text| {
                let mut folded = normal::fold(text);
                folded.truncate(folded.floor_char_boundary(normal::QUERY_BYTES_MAX));
                if !folded.is_empty() {
                    found.push((column.key, folded));
                }
            });
        }
    };
    index.tree.walk(resource, &mut |leaf, value| visit(leaf.column, value));
    index.computed.iter().for_each(|computed| computed.nodes(&registry.catalog, resource, &mut visit));
    found.sort_unstable();
    found.dedup();
    found
}

/// `CodeableConcept.text`, `Coding.display`, and what says the same of the type of an Identifier.
fn texts_of(value: &Value, add: &mut impl FnMut(&str)) {
    let mut members = |value: &Value| {
        for name in ["text", "display"] {
            value.get(name).and_then(Value::as_str).into_iter().for_each(&mut *add);
        }
        let codings = value.get("coding").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        codings.iter().filter_map(|c| c.get("display")?.as_str()).for_each(&mut *add);
    };
    members(value);
    value.get("type").into_iter().for_each(members);
}
