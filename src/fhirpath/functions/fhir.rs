//! Functions that FHIR adds: extensions, values of primitives, references.
//!
//! R4 <https://hl7.org/fhir/R4/fhirpath.html#functions>; keys: SQL on FHIR 2
//! <https://sql-on-fhir.org/ig/latest/StructureDefinition-ViewDefinition.html#required-additional-functions>.

use super::super::error::FhirpathError;
use super::super::item::Item;
use super::super::reference;
use super::{Invocation, boolean, string};
use serde_json::Value;

type One<'a> = Result<Option<Item<'a>>, FhirpathError>;
type Done = Result<(), FhirpathError>;

pub(super) fn extension<'a>(mut call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>) -> Done {
    let Some(url) = call.argument_text(0)? else {
        return Ok(());
    };
    for item in std::mem::take(&mut call.input) {
        call.evaluator.extensions(&item, &url, out)?;
    }
    Ok(())
}

pub(super) fn has_extension<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let mut found = Vec::new();
    let Some(url) = call.argument_text(0)? else {
        return Ok(None);
    };
    for item in std::mem::take(&mut call.input) {
        call.evaluator.extensions(&item, &url, &mut found)?;
    }
    boolean(!found.is_empty())
}

/// Whether the input is one primitive with a value, not extensions alone.
pub(super) fn has_value<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    boolean(matches!(&call.input[..], [item] if is_primitive(item)))
}

pub(super) fn get_value<'a>(call: Invocation<'_, 'a>) -> One<'a> {
    match &call.input[..] {
        [item] if is_primitive(item) => Ok(item.system()),
        _ => Ok(None),
    }
}

fn is_primitive(item: &Item<'_>) -> bool {
    match item {
        Item::Node(node) => node.value.is_some_and(|v| v.is_string() || v.is_number() || v.is_boolean()),
        Item::TypeInfo { .. } | Item::Quantity(_) => false,
        _ => true,
    }
}

pub(super) fn resolve<'a>(call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>) -> Done {
    for item in &call.input {
        call.evaluator.spend(1)?;
        out.extend(reference::resolve(call.evaluator.ctx, item).map(Item::Node));
    }
    Ok(())
}

/// The id that a Reference leads to, where it leads to the type that the argument names.
pub(super) fn reference_key<'a>(call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>) -> Done {
    let wanted = match call.arg(0) {
        None => None,
        Some(ast) => match reference::type_argument(ast) {
            Some(name) => Some(name),
            None => return Err(call.error("the argument must be the name of a resource type")),
        },
    };
    for item in &call.input {
        let text = item.node().and_then(|n| n.object()).and_then(|o| o.get("reference")).and_then(Value::as_str);
        let Some((ty, id)) = text.and_then(reference::parts) else {
            continue;
        };
        if wanted.is_none_or(|wanted| wanted == ty) {
            out.push(Item::String(id.into()));
        }
    }
    Ok(())
}

pub(super) fn resource_key<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let item = call.input_one()?;
    let object = item.as_ref().and_then(Item::node).and_then(|n| n.object());
    match object.and_then(|o| o.get("id")).and_then(Value::as_str) {
        Some(id) => string(id),
        None => Ok(None),
    }
}

/// The input, unless it carries a modifier extension that the arguments do not name.
pub(super) fn check_modifiers<'a>(mut call: Invocation<'_, 'a>, out: &mut Vec<Item<'a>>) -> Done {
    let mut known = Vec::new();
    for i in 0..call.call.args.len() {
        known.extend(call.argument_text(i)?);
    }
    for item in &call.input {
        let object = item.node().and_then(|n| n.object());
        let modifiers = object.and_then(|o| o.get("modifierExtension")).and_then(Value::as_array);
        for url in modifiers.into_iter().flatten().filter_map(|e| e.get("url")).filter_map(Value::as_str) {
            if !known.iter().any(|k| k == url) {
                return Err(call.error(format!("the modifier extension {url} is not understood")));
            }
        }
    }
    out.extend(call.input);
    Ok(())
}
