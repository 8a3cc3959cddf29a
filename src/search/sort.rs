//! The order of an answer.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#_sort>. A resource with several values is sorted by the least when the
//! order rises and by the greatest when it falls; one without a value comes last either way. Tokens are in the order of
//! their codes, references and URIs in that of their text, numbers and quantities in that of the number as it is
//! written: R4 leaves it to the server, and these do not change with a display text.

use super::column::{Column, ParamColumn, Role};
use super::control::invalid;
use super::jsonpath;
use super::key::Form;
use super::query::refused;
use super::registry::Registry;
use crate::catalog::ParamKind;
use crate::fault::Fault;
use crate::fhir::ResourceType;

/// Most parameters to sort by.
const SORTS_MAX: usize = 8;
/// Most codes that are looked for one by one in the index, rather than read from the content.
const CODES_MAX: usize = 24;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    pub by: SortBy,
    pub descending: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SortBy {
    Id,
    LastUpdated,
    /// By the first moment under any of the keys.
    Date {
        keys: Vec<i32>,
        principal: bool,
    },
    /// By the folded text under any of the keys.
    Text {
        keys: Vec<i32>,
    },
    /// By the number under any of the keys.
    Number {
        keys: Vec<i64>,
    },
    /// By which of a few known codes a resource stands under: a key and its code each.
    Codes(Vec<(i64, String)>),
    /// By what stands in the content at these SQL/JSON paths, each for resources of one type.
    Content(Vec<(ResourceType, String)>),
}

pub fn parse(registry: &Registry, types: &[ResourceType], value: &str) -> Result<Vec<Sort>, Fault> {
    let names: Vec<&str> = value.split(',').collect();
    if names.len() > SORTS_MAX {
        return Err(invalid("_sort", value, "names more than 8 parameters"));
    }
    names.into_iter().map(|name| one(registry, types, name)).collect()
}

fn one(registry: &Registry, types: &[ResourceType], name: &str) -> Result<Sort, Fault> {
    let (code, descending) = name.strip_prefix('-').map_or((name, false), |code| (code, true));
    let by = match code {
        "" => return Err(invalid("_sort", name, "is not the name of a parameter")),
        "_id" => SortBy::Id,
        "_lastUpdated" => SortBy::LastUpdated,
        _ => by_param(registry, types, code)?,
    };
    Ok(Sort { by, descending })
}

/// A column of the parameter in one of the types.
struct Used<'a> {
    t: ResourceType,
    column: &'a Column,
    use_: &'a ParamColumn,
}

fn by_param(registry: &Registry, types: &[ResourceType], code: &str) -> Result<SortBy, Fault> {
    if types.is_empty() {
        return Err(refused("_sort", &format!("by '{code}' needs the types of the search")));
    }
    let mut used: Vec<Used> = Vec::new();
    let mut kind = None;
    for t in types {
        let index = registry.of(*t);
        let known = index.param(code).map(|param| param.spec.kind);
        let Some(found) = known.or_else(|| registry.catalog.param(*t, code).map(|spec| spec.kind)) else {
            return Err(invalid("_sort", code, &format!("is not a search parameter of {t}")));
        };
        if let Some(reason) = registry.pending(*t, code) {
            return Err(invalid("_sort", code, &reason));
        }
        let Some(param) = index.param(code).filter(|_| is_ordered(found)) else {
            let reason = format!("by '{code}' has no meaning: it is a {} parameter of {t}", found.code());
            return Err(refused("_sort", &reason));
        };
        if *kind.get_or_insert(found) != found {
            return Err(invalid("_sort", code, "means different things in the types of this search"));
        }
        let columns = param.columns.iter();
        used.extend(columns.map(|use_| Used { t: *t, column: &index.columns[usize::from(use_.index)], use_ }));
    }
    match kind {
        Some(ParamKind::Date) => Ok(by_date(&used)),
        Some(ParamKind::String) => Ok(SortBy::Text { keys: used.iter().map(|u| u.column.narrow[0]).collect() }),
        Some(ParamKind::Number | ParamKind::Quantity) => {
            Ok(SortBy::Number { keys: used.iter().map(|u| u.column.key).collect() })
        }
        _ => match by_codes(registry, &used) {
            Some(by) => Ok(by),
            None => by_content(&used, code),
        },
    }
}

/// Returns whether values of the kind stand in one order.
fn is_ordered(kind: ParamKind) -> bool {
    !matches!(kind, ParamKind::Composite | ParamKind::Special)
}

fn by_date(used: &[Used]) -> SortBy {
    let principal = matches!(used, [one] if one.column.role == Some(Role::Date));
    SortBy::Date { keys: used.iter().flat_map(|u| u.column.narrow).collect(), principal }
}

/// Returns the order by codes that are all known beforehand; none where there may be others.
fn by_codes(registry: &Registry, used: &[Used]) -> Option<SortBy> {
    let mut codes = Vec::new();
    for Used { column, .. } in used {
        let known = column.known_codes().filter(|known| known.len() <= CODES_MAX)?;
        let key = |code: &str| registry.keyer.term(column.key, Form::Code, code, "");
        codes.extend(known.into_iter().map(|code| (key(code), code.to_string())));
    }
    Some(SortBy::Codes(codes))
}

fn by_content(used: &[Used], code: &str) -> Result<SortBy, Fault> {
    let mut paths: Vec<(ResourceType, String)> = Vec::new();
    for Used { t, column, use_ } in used {
        if column.json_paths.is_empty() {
            let reason = format!("by '{code}' is not answered: its value is computed from {t}, not read");
            return Err(refused("_sort", &reason));
        }
        let path = |path: &str| match use_.resolves {
            Some(only) => jsonpath::resolving(path, only),
            None => path.to_string(),
        };
        paths.extend(column.json_paths.iter().map(|text| (*t, path(text))));
    }
    Ok(SortBy::Content(paths))
}
