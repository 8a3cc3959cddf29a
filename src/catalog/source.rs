//! The definitions as they lie in `profiles/` and `search-params/`, read out of the binary.
//!
//! The README.md beside the files describes the lines. Only facts are read here; [`super::structure`] and
//! [`super::parameter`] give them their meaning.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

use super::CatalogError;

/// The embedded files as `(path, text)` lists, written at build time.
mod embedded {
    include!(concat!(env!("OUT_DIR"), "/definitions.rs"));
}

/// Everything the files say, still unconnected.
#[derive(Default)]
pub(super) struct Source<'a> {
    pub primitives: Vec<PrimitiveRow<'a>>,
    pub types: Vec<TypeRows<'a>>,
    pub value_sets: Vec<ValueSetRow<'a>>,
    pub parameters: Vec<ParameterRow<'a>>,
    pub compartments: Vec<CompartmentRows<'a>>,
}

/// A file of a type, where `name` is given, or a file of primitives or of value sets.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileFile<'a> {
    #[serde(rename = "type")]
    name: Option<&'a str>,
    #[serde(default)]
    r#abstract: bool,
    base: Option<&'a str>,
    #[serde(default, borrow)]
    elements: Vec<ElementRow<'a>>,
    #[serde(default, borrow)]
    primitives: Vec<PrimitiveRow<'a>>,
    #[serde(default, borrow)]
    value_sets: Vec<ValueSetRow<'a>>,
}

pub(super) struct TypeRows<'a> {
    pub name: &'a str,
    pub r#abstract: bool,
    pub base: Option<&'a str>,
    pub elements: Vec<ElementRow<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PrimitiveRow<'a> {
    #[serde(rename = "type")]
    pub name: &'a str,
    pub base: &'a str,
    /// R4's own description; the checks are written by hand and stricter where the page is.
    #[serde(rename = "regex", borrow)]
    pub _regex: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ElementRow<'a> {
    pub path: &'a str,
    pub card: Option<&'a str>,
    #[serde(default, borrow)]
    pub types: Vec<&'a str>,
    /// The path of the element whose content this one repeats.
    pub content: Option<&'a str>,
    #[serde(default)]
    pub attribute: bool,
    #[serde(default)]
    pub summary: bool,
    #[serde(default)]
    pub modifier: bool,
    pub binding: Option<&'a str>,
    #[serde(default, borrow)]
    pub rules: Vec<RuleRow<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleRow<'a> {
    pub key: &'a str,
    pub severity: &'a str,
    #[serde(borrow)]
    pub expression: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ValueSetRow<'a> {
    pub url: &'a str,
    #[serde(default)]
    pub open: bool,
    #[serde(default, borrow)]
    pub codes: BTreeMap<&'a str, Vec<&'a str>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SearchFile<'a> {
    #[serde(default, borrow)]
    parameters: Vec<ParameterRow<'a>>,
    #[serde(rename = "compartment")]
    name: Option<&'a str>,
    url: Option<&'a str>,
    #[serde(default, borrow)]
    members: Vec<MemberRow<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ParameterRow<'a> {
    pub code: &'a str,
    pub url: &'a str,
    #[serde(borrow)]
    pub base: Vec<&'a str>,
    #[serde(rename = "type")]
    pub kind: &'a str,
    #[serde(borrow)]
    pub expression: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    pub target: Vec<&'a str>,
    pub multiple_or: Option<bool>,
    pub multiple_and: Option<bool>,
    #[serde(default, borrow)]
    pub comparator: Vec<&'a str>,
    #[serde(default, borrow)]
    pub modifier: Vec<&'a str>,
    #[serde(default, borrow)]
    pub component: Vec<ComponentRow<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ComponentRow<'a> {
    pub definition: &'a str,
    #[serde(borrow)]
    pub expression: Cow<'a, str>,
}

pub(super) struct CompartmentRows<'a> {
    pub name: &'a str,
    pub url: &'a str,
    pub members: Vec<MemberRow<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MemberRow<'a> {
    #[serde(rename = "type")]
    pub name: &'a str,
    #[serde(borrow)]
    pub params: Vec<&'a str>,
}

/// Returns what the files inside the binary say.
pub(super) fn read() -> Result<Source<'static>, CatalogError> {
    let mut source = Source::default();
    for (path, text) in embedded::PROFILES {
        add_profile(&mut source, parse(path, text)?);
    }
    for (path, text) in embedded::SEARCH_PARAMS {
        add_search(&mut source, parse(path, text)?);
    }
    Ok(source)
}

fn parse<'a, T: Deserialize<'a>>(path: &str, text: &'a str) -> Result<T, CatalogError> {
    serde_json::from_str(text).map_err(|source| CatalogError::File { path: path.to_owned(), source })
}

fn add_profile<'a>(source: &mut Source<'a>, file: ProfileFile<'a>) {
    if let Some(name) = file.name {
        source.types.push(TypeRows { name, r#abstract: file.r#abstract, base: file.base, elements: file.elements });
    }
    source.primitives.extend(file.primitives);
    source.value_sets.extend(file.value_sets);
}

fn add_search<'a>(source: &mut Source<'a>, file: SearchFile<'a>) {
    if let (Some(name), Some(url)) = (file.name, file.url) {
        source.compartments.push(CompartmentRows { name, url, members: file.members });
    }
    source.parameters.extend(file.parameters);
}
