//! Where a reference leads.
//!
//! R4 <https://hl7.org/fhir/R4/references.html>, and for entries of a Bundle
//! <https://hl7.org/fhir/R4/bundle.html#references>.

use super::ast::Ast;
use super::context::{Context, Resolver};
use super::item::{Item, Node};
use super::model::Kind;
use serde_json::Value;

/// Returns the resource that a Reference, canonical or uri leads to.
pub(super) fn resolve<'a>(ctx: &'a Context<'a>, item: &Item<'a>) -> Option<Node<'a>> {
    let (text, hint) = match item {
        Item::String(text) => return follow(ctx, text, None),
        Item::Node(node) => match node.value? {
            Value::String(text) => (text.as_str(), None),
            Value::Object(object) => {
                let hint = object.get("type").and_then(Value::as_str);
                (object.get("reference").and_then(Value::as_str).unwrap_or(""), hint)
            }
            _ => return None,
        },
        _ => return None,
    };
    follow(ctx, text, hint)
}

fn follow<'a>(ctx: &'a Context<'a>, text: &str, hint: Option<&str>) -> Option<Node<'a>> {
    if let Some(id) = text.strip_prefix('#') {
        return contained(ctx, id);
    }
    if let Some(entry) = entry(ctx, text) {
        return Some(Node::resource(ctx.model, entry));
    }
    match ctx.resolver {
        Resolver::None => None,
        Resolver::Fetch(fetch) => fetch.fetch(text).map(|value| Node::resource(ctx.model, value)),
        Resolver::TypeOnly => {
            let named = target_type(text).and_then(|name| ctx.model?.named(name));
            let named = named.filter(|ty| ty.kind == Kind::Resource).or_else(|| ctx.model?.named(hint?));
            named.map(|ty| Node { value: None, sibling: None, ty: Some(ty) })
        }
    }
}

/// `#` alone is the container itself.
fn contained<'a>(ctx: &'a Context<'a>, id: &str) -> Option<Node<'a>> {
    if id.is_empty() {
        return Some(ctx.root);
    }
    let all = ctx.root.object()?.get("contained")?.as_array()?;
    let found = all.iter().find(|r| r.get("id").and_then(Value::as_str) == Some(id))?;
    Some(Node::resource(ctx.model, found))
}

/// Looks among the entries of the Bundle that is being evaluated.
fn entry<'a>(ctx: &'a Context<'a>, text: &str) -> Option<&'a Value> {
    let bundle = ctx.root.object()?;
    if text.is_empty() || bundle.get("resourceType").and_then(Value::as_str) != Some("Bundle") {
        return None;
    }
    let is_absolute = text.contains(':');
    bundle.get("entry")?.as_array()?.iter().find_map(|entry| {
        let full_url = entry.get("fullUrl").and_then(Value::as_str)?;
        let matches = match full_url.strip_suffix(text) {
            Some("") => true,
            Some(base) => !is_absolute && base.ends_with('/'),
            None => false,
        };
        if matches { entry.get("resource") } else { None }
    })
}

/// Returns the type that a reference names: `Patient` for `Patient/1`, `http://h/fhir/Patient/1/_history/2` and
/// `Patient?identifier=1`.
fn target_type(text: &str) -> Option<&str> {
    if let Some((before, _)) = text.split_once('?') {
        return before.rsplit('/').next();
    }
    parts(text).map(|(ty, _)| ty)
}

/// Returns type and id of a literal reference, which may be absolute and may name a version.
pub(super) fn parts(text: &str) -> Option<(&str, &str)> {
    let text = text.split_once("/_history/").map_or(text, |(before, _)| before);
    let (before, id) = text.rsplit_once('/')?;
    let ty = before.rsplit('/').next()?;
    let is_type = ty.starts_with(|c: char| c.is_ascii_uppercase());
    (is_type && !id.is_empty()).then_some((ty, id))
}

/// Returns the type name of an argument that is one: `Patient` in `getReferenceKey(Patient)`.
pub(super) fn type_argument(ast: &Ast) -> Option<&str> {
    match ast {
        Ast::Path { input: None, steps } => match &**steps {
            [step] if step.capital => Some(&step.name),
            [namespace, step] if &*namespace.name == "FHIR" => Some(&step.name),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_its_type() {
        for (text, expected) in [
            ("Patient/1", Some("Patient")),
            ("http://h/fhir/Patient/1/_history/2", Some("Patient")),
            ("Patient?identifier=a/b", Some("Patient")),
            ("urn:uuid:1", None),
            ("http://h/fhir", None),
            ("Patient/", None),
            ("", None),
        ] {
            assert_eq!(target_type(text), expected, "{text}");
        }
    }
}
