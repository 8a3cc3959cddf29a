//! What a stored SearchParameter must be before searches can be answered by it.
//!
//! R4 <https://hl7.org/fhir/R4/searchparameter.html>. Only an active one counts; others are stored and have no effect.

use super::registry::unread;
use crate::catalog::{Catalog, Origin, Own, ParamKind, SearchParam, own};
use crate::fault::{Issue, Kind};
use crate::fhir::ResourceType;
use crate::fhirpath;
use serde_json::Value;
use std::sync::Arc;

const CODE_BYTES_MAX: usize = 64;
const EXPRESSION_BYTES_MAX: usize = 4_000;
const COMPONENTS_MAX: usize = 8;
/// Own parameters of one database.
pub const OWN_MAX: usize = 2_000;

/// Returns whether a SearchParameter counts, if nothing is wrong with it.
pub fn is_active(resource: &Value) -> bool {
    resource.get("status").and_then(Value::as_str) == Some("active")
}

/// Returns the catalog with an active SearchParameter, or everything that speaks against it.
///
/// `catalog` may know it already, in this form or another.
pub fn check(catalog: &Catalog, origin: Origin, resource: &Value) -> Result<Catalog, Vec<Issue>> {
    let mut issues = Vec::new();
    let types = bases(resource, &mut issues);
    check_code(resource, &mut issues);
    check_url(resource, &mut issues);
    let kind = check_kind(resource, &mut issues);
    check_expression(resource, kind, &mut issues);
    check_conflicts(catalog, &origin, resource, &types, &mut issues);
    if kind == Some(ParamKind::Composite) {
        check_components(catalog, resource, &types, &mut issues);
    }
    if !issues.is_empty() {
        return Err(issues);
    }
    let own = Own { origin: origin.clone(), definition: own::definition(resource) };
    let with =
        catalog.with_own(std::slice::from_ref(&own)).map_err(|error| vec![at("expression", error.to_string())])?;
    for t in types {
        let mine = |p: &&Arc<SearchParam>| p.origin.as_ref().is_some_and(|o| o.id == origin.id);
        match with.params(t).iter().find(mine) {
            Some(param) => check_values(&with, t, param, &mut issues),
            None => issues.push(at("base", format!("{t} has no search parameters"))),
        }
    }
    if issues.is_empty() { Ok(with) } else { Err(issues) }
}

fn at(element: &str, text: String) -> Issue {
    Issue::at(Kind::BusinessRule, format!("SearchParameter.{element}"), text)
}

fn text<'a>(resource: &'a Value, name: &str) -> &'a str {
    resource.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Returns the types that the parameter is for.
fn bases(resource: &Value, issues: &mut Vec<Issue>) -> Vec<ResourceType> {
    let mut types = Vec::new();
    for (i, base) in resource.get("base").and_then(Value::as_array).into_iter().flatten().enumerate() {
        match base.as_str().unwrap_or_default() {
            "Resource" => types.extend(ResourceType::all().filter(|t| t.is_stored())),
            "DomainResource" => types.extend(ResourceType::all().filter(|t| t.is_stored() && is_domain_resource(*t))),
            name => match ResourceType::parse(name).filter(|t| t.is_stored()) {
                Some(t) => types.push(t),
                None => {
                    issues.push(at(&format!("base[{i}]"), format!("'{name}' is not a resource type that is stored")))
                }
            },
        }
    }
    types.sort_unstable();
    types.dedup();
    if types.is_empty() && issues.is_empty() {
        issues.push(at("base", "a parameter needs at least one type".into()));
    }
    types
}

fn is_domain_resource(t: ResourceType) -> bool {
    !matches!(t.name(), "Bundle" | "Binary" | "Parameters")
}

fn check_code(resource: &Value, issues: &mut Vec<Issue>) {
    let code = text(resource, "code");
    let mut bytes = code.bytes();
    let begins = bytes.next().is_some_and(|b| b.is_ascii_alphabetic());
    if !begins || code.len() > CODE_BYTES_MAX || !bytes.all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        let code: String = code.chars().take(80).collect();
        let rule = "a letter, then letters, digits, '-' and '_', 64 at most (names with '_' in front are R4's own)";
        issues.push(at("code", format!("'{code}' cannot be a name in a query: it takes {rule}")));
    }
}

fn check_url(resource: &Value, issues: &mut Vec<Issue>) {
    let url = text(resource, "url");
    if url.is_empty() || url.contains(['|', '#']) || url.chars().any(char::is_whitespace) {
        issues.push(at("url", "the canonical URL is a URI without version or fragment".into()));
    }
}

fn check_kind(resource: &Value, issues: &mut Vec<Issue>) -> Option<ParamKind> {
    let name = text(resource, "type");
    let known = ParamKind::parse(name);
    if matches!(known, None | Some(ParamKind::Special)) {
        issues.push(at("type", format!("a '{name}' parameter cannot be answered from an expression")));
    }
    known
}

fn check_expression(resource: &Value, kind: Option<ParamKind>, issues: &mut Vec<Issue>) {
    let expression = text(resource, "expression");
    if expression.trim().is_empty() {
        let from = if kind == Some(ParamKind::Composite) { "its parts start from" } else { "it reads its values with" };
        issues.push(at("expression", format!("the parameter needs the FHIRPath expression that {from}")));
    } else if expression.len() > EXPRESSION_BYTES_MAX {
        issues.push(at("expression", format!("an expression may have {EXPRESSION_BYTES_MAX} bytes")));
    } else if let Err(error) = fhirpath::parse(expression) {
        issues.push(at("expression", format!("the expression is no FHIRPath: {error}")));
    }
}

/// A name means one thing per type, so the first to have it keeps it.
fn check_conflicts(
    catalog: &Catalog,
    origin: &Origin,
    resource: &Value,
    types: &[ResourceType],
    issues: &mut Vec<Issue>,
) {
    let (code, url) = (text(resource, "code"), text(resource, "url"));
    for t in types {
        let mut others = catalog.params(*t).iter().filter(|p| p.origin.as_ref().is_none_or(|o| o.id != origin.id));
        // One refusal says enough: a parameter of all types would repeat it 145 times.
        if let Some(other) = others.find(|p| *p.code == *code || *p.url == *url) {
            let element = if *other.code == *code { "code" } else { "url" };
            let owner = match &other.origin {
                None => "which R4 defines".to_string(),
                Some(origin) => format!("which SearchParameter/{} defines", origin.id),
            };
            issues
                .push(at(element, format!("{t} has the parameter '{}' ({}) already, {owner}", other.code, other.url)));
            return;
        }
    }
}

fn check_components(catalog: &Catalog, resource: &Value, types: &[ResourceType], issues: &mut Vec<Issue>) {
    let components = resource.get("component").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if components.len() < 2 || components.len() > COMPONENTS_MAX {
        issues.push(at("component", format!("a composite parameter has 2 to {COMPONENTS_MAX} components")));
    }
    for (i, component) in components.iter().enumerate() {
        let definition = text(component, "definition");
        let url = definition.split_once('|').map_or(definition, |(url, _)| url);
        let known = types.iter().flat_map(|t| catalog.params(*t)).find(|p| *p.url == *url);
        let whole = format!("component[{i}].definition");
        match known {
            None => issues.push(at(&whole, format!("there is no parameter '{definition}' of these types"))),
            Some(part) if matches!(part.kind, ParamKind::Composite | ParamKind::Special) => {
                issues.push(at(&whole, format!("a {} parameter cannot be part of another", part.kind.code())));
            }
            Some(_) => {}
        }
        if let Err(error) = fhirpath::parse(text(component, "expression")) {
            issues.push(at(&format!("component[{i}].expression"), format!("the expression is no FHIRPath: {error}")));
        }
    }
}

fn check_values(catalog: &Catalog, t: ResourceType, param: &Arc<SearchParam>, issues: &mut Vec<Issue>) {
    if param.expression_text.is_empty() {
        issues.push(at("expression", format!("no branch of the expression is about {t}")));
    }
    for (branch, why) in unread(catalog, t, param) {
        let branch: String = branch.chars().take(200).collect();
        issues.push(at("expression", format!("'{branch}' {why}")));
    }
}
