//! The order of an answer.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#_sort>. A resource with several values is sorted by the least when the
//! order rises and by the greatest when it falls; one without a value comes last either way.

use super::control::invalid;
use super::query::refused;
use super::registry::Registry;
use crate::catalog::ParamKind;
use crate::fault::Fault;
use crate::fhir::ResourceType;

/// Most parameters to sort by.
const SORTS_MAX: usize = 8;

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

fn by_param(registry: &Registry, types: &[ResourceType], code: &str) -> Result<SortBy, Fault> {
    let mut sort: Option<SortBy> = None;
    if types.is_empty() {
        return Err(refused("_sort", &format!("by '{code}' needs the types of the search")));
    }
    for t in types {
        let index = registry.of(*t);
        let Some(param) = index.param(code) else {
            let reason = registry.pending(*t, code).unwrap_or_else(|| format!("is not a search parameter of {t}"));
            return Err(invalid("_sort", code, &reason));
        };
        let columns = param.columns.iter().map(|use_| &index.columns[usize::from(use_.index)]);
        for column in columns {
            match (&mut sort, param.spec.kind) {
                (None, ParamKind::Date) => {
                    let principal = types.len() == 1 && column.role == Some(super::column::Role::Date);
                    sort = Some(SortBy::Date { keys: column.narrow.to_vec(), principal });
                }
                (Some(SortBy::Date { keys, principal }), ParamKind::Date) => {
                    keys.extend(column.narrow);
                    *principal = false;
                }
                (None, ParamKind::String) => sort = Some(SortBy::Text { keys: vec![column.narrow[0]] }),
                (Some(SortBy::Text { keys }), ParamKind::String) => keys.push(column.narrow[0]),
                (_, kind) => {
                    let reason = format!("by '{code}' is not answered yet: it is a {} parameter of {t}", kind.code());
                    return Err(refused("_sort", &reason));
                }
            }
        }
    }
    sort.ok_or_else(|| refused("_sort", &format!("by '{code}' is not answered yet")))
}
