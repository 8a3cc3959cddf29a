//! Search parameters, each as one resource type knows it.
//!
//! R4 <https://hl7.org/fhir/R4/searchparameter.html>. A parameter that several types share has one expression with a
//! branch for each; a type gets the branches that begin with its name.

use std::sync::Arc;

use super::CatalogError;
use super::source::{ComponentRow, ParameterRow};
use crate::fhir::ResourceType;
use crate::fhirpath::{self, Expr};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParamKind {
    Number,
    Date,
    String,
    Token,
    Reference,
    Composite,
    Quantity,
    Uri,
    Special,
}

impl ParamKind {
    /// Returns the kind of a SearchParameter.type code.
    pub fn parse(code: &str) -> Option<ParamKind> {
        Some(match code {
            "number" => ParamKind::Number,
            "date" => ParamKind::Date,
            "string" => ParamKind::String,
            "token" => ParamKind::Token,
            "reference" => ParamKind::Reference,
            "composite" => ParamKind::Composite,
            "quantity" => ParamKind::Quantity,
            "uri" => ParamKind::Uri,
            "special" => ParamKind::Special,
            _ => return None,
        })
    }

    pub const fn code(self) -> &'static str {
        match self {
            ParamKind::Number => "number",
            ParamKind::Date => "date",
            ParamKind::String => "string",
            ParamKind::Token => "token",
            ParamKind::Reference => "reference",
            ParamKind::Composite => "composite",
            ParamKind::Quantity => "quantity",
            ParamKind::Uri => "uri",
            ParamKind::Special => "special",
        }
    }
}

#[derive(Debug)]
pub struct SearchParam {
    /// The name in a query: `birthdate`.
    pub code: Box<str>,
    pub url: Box<str>,
    pub kind: ParamKind,
    /// The branches for this resource type; none for parameters that are not answered from an element (`_text`).
    pub expression: Option<Expr>,
    /// The same as text, empty for none.
    pub expression_text: Box<str>,
    /// The types that a reference may lead to; empty where the definition names none.
    pub targets: Vec<ResourceType>,
    /// The parts of a composite, in the order of the query; expressions start from a value of `expression`.
    pub components: Vec<Component>,
    /// The allowed prefixes; empty where the definition names none.
    pub comparators: Vec<Box<str>>,
    /// The allowed modifiers; empty where the definition names none.
    pub modifiers: Vec<Box<str>>,
    pub multiple_or: bool,
    pub multiple_and: bool,
    /// None for a parameter that the binary carries.
    pub origin: Option<Origin>,
}

/// Where a parameter of this database comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Id of the SearchParameter resource.
    pub id: Box<str>,
    /// The state of the index in which it began to count: a parameter that comes back has another, and so other keys.
    pub since: i32,
}

#[derive(Debug)]
pub struct Component {
    /// The url of the parameter that gives the part its kind.
    pub definition: Box<str>,
    pub expression: Expr,
    pub expression_text: Box<str>,
}

/// Returns for every resource type, by its number, its parameters sorted by code.
pub(super) fn parameters(
    rows: &[ParameterRow],
    types: &[TypeNames],
) -> Result<Vec<Vec<Arc<SearchParam>>>, CatalogError> {
    let mut by_type = vec![Vec::new(); types.len()];
    for row in rows {
        add(row, None, types, &mut by_type)?;
    }
    for params in &mut by_type {
        params.sort_by(|a, b| a.code.cmp(&b.code));
    }
    Ok(by_type)
}

/// Adds a parameter to the types that it is for.
pub(super) fn add(
    row: &ParameterRow,
    origin: Option<&Origin>,
    types: &[TypeNames],
    by_type: &mut [Vec<Arc<SearchParam>>],
) -> Result<(), CatalogError> {
    let mut made: Vec<Arc<SearchParam>> = Vec::new();
    for (names, params) in types.iter().zip(by_type) {
        if !row.base.iter().any(|base| names.includes(base)) {
            continue;
        }
        // A parameter of Resource is the same for all types; they share one.
        let text = branches_for(row.expression.as_deref().unwrap_or_default(), names);
        let shared = made.iter().find(|p| *p.expression_text == *text).cloned();
        let param = match shared {
            Some(param) => param,
            None => Arc::new(parameter(row, text, origin)?),
        };
        made.push(param.clone());
        params.push(param);
    }
    Ok(())
}

/// The names that an expression may call a resource type by.
pub(super) struct TypeNames {
    pub name: &'static str,
    /// False for Bundle, Binary and Parameters.
    pub is_domain_resource: bool,
}

impl TypeNames {
    pub fn includes(&self, name: &str) -> bool {
        name == self.name || name == "Resource" || (name == "DomainResource" && self.is_domain_resource)
    }
}

fn parameter(
    row: &ParameterRow,
    expression_text: String,
    origin: Option<&Origin>,
) -> Result<SearchParam, CatalogError> {
    let unknown = |name: &str| CatalogError::UnknownType { path: row.url.to_owned(), name: name.to_owned() };
    let target = |name: &&str| ResourceType::parse(name).ok_or_else(|| unknown(name));
    let expression = if expression_text.is_empty() { None } else { Some(compile(row.url, &expression_text)?) };
    Ok(SearchParam {
        code: row.code.into(),
        url: row.url.into(),
        kind: ParamKind::parse(row.kind).ok_or_else(|| unknown(row.kind))?,
        expression,
        expression_text: expression_text.into(),
        targets: row.target.iter().map(target).collect::<Result<_, _>>()?,
        components: row.component.iter().map(|c| component(row.url, c)).collect::<Result<_, _>>()?,
        comparators: row.comparator.iter().map(|c| Box::from(*c)).collect(),
        modifiers: row.modifier.iter().map(|m| Box::from(*m)).collect(),
        multiple_or: row.multiple_or.unwrap_or(true),
        multiple_and: row.multiple_and.unwrap_or(true),
        origin: origin.cloned(),
    })
}

fn component(url: &str, row: &ComponentRow) -> Result<Component, CatalogError> {
    Ok(Component {
        definition: row.definition.into(),
        expression: compile(url, &row.expression)?,
        expression_text: row.expression.as_ref().into(),
    })
}

fn compile(url: &str, text: &str) -> Result<Expr, CatalogError> {
    fhirpath::parse(text).map_err(|source| CatalogError::Expression { url: url.to_owned(), source })
}

/// Returns the branches of an expression that apply to a type: those with its name, and those without any.
fn branches_for(expression: &str, names: &TypeNames) -> String {
    let applies = |branch: &&str| match root(branch) {
        Some(name) => names.includes(name),
        None => true,
    };
    union_branches(expression).into_iter().filter(applies).collect::<Vec<_>>().join(" | ")
}

/// Returns the type name that a branch starts with; none for a branch relative to the resource, such as `name`.
fn root(branch: &str) -> Option<&str> {
    let branch = branch.trim_start_matches(['(', ' ']);
    let end = branch.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(branch.len());
    branch.starts_with(|c: char| c.is_ascii_uppercase()).then_some(&branch[..end])
}

/// Splits at each `|` that stands outside brackets and quotes.
fn union_branches(expression: &str) -> Vec<&str> {
    let (mut branches, mut start, mut depth, mut quoted) = (Vec::new(), 0, 0, false);
    for (i, c) in expression.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '|' if depth == 0 => {
                branches.push(expression[start..i].trim());
                start = i + 1;
            }
            _ => {}
        }
    }
    branches.push(expression[start..].trim());
    branches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_keeps_its_own_branches() {
        let cases = [
            ("Patient", "Patient.name | Person.name", "Patient.name"),
            ("Person", "Patient.name.where(use = 'a|b') | (Person.name as X)", "(Person.name as X)"),
            ("Patient", "Resource.meta.tag", "Resource.meta.tag"),
            ("Patient", "name | alias", "name | alias"),
            ("Patient", "(Patient.a | Patient.b).c | Personal.d", "(Patient.a | Patient.b).c"),
            ("Patient", "", ""),
        ];
        for (name, expression, expected) in cases {
            let names = TypeNames { name, is_domain_resource: true };
            assert_eq!(branches_for(expression, &names), expected);
        }
    }
}
