//! `_include` and `_revinclude`: which resources come along with the matches.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#include>.

use super::column::ParamColumn;
use super::control::invalid;
use super::query::refused;
use super::registry::Registry;
use crate::catalog::ParamKind;
use crate::fault::Fault;
use crate::fhir::ResourceType;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    /// The type whose references are followed: of a match for `_include`, of what comes along for `_revinclude`.
    pub source: ResourceType,
    /// None for `*`.
    pub param: Option<Box<str>>,
    pub target: Option<ResourceType>,
    pub reverse: bool,
    pub iterate: bool,
}

/// The references of one column, followed to what they lead to or back from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Follow {
    pub source: ResourceType,
    /// Key of the column.
    pub key: i64,
    pub target: Option<ResourceType>,
    pub reverse: bool,
}

impl Include {
    /// Returns what `_include=Source:param:Target` asks for.
    pub fn parse(registry: &Registry, types: &[ResourceType], name: &str, value: &str) -> Result<Include, Fault> {
        let (code, modifier) = name.split_once(':').map_or((name, None), |(code, modifier)| (code, Some(modifier)));
        let iterate = match modifier {
            None => false,
            // STU3 called it `recurse`; R4 renamed it.
            Some("iterate" | "recurse") => true,
            Some(other) => return Err(refused(name, &format!("has the unknown modifier ':{other}'"))),
        };
        let reverse = code == "_revinclude";
        let parts: Vec<&str> = value.split(':').collect();
        let (source, param, target) = match parts[..] {
            ["*"] => return Self::everything(types, name, value, reverse, iterate),
            [source, param] => (source, param, None),
            [source, param, target] => (source, param, Some(target)),
            _ => {
                return Err(invalid(name, value, "does not have the form Type:parameter or Type:parameter:Type"));
            }
        };
        let resource_type = |text: &str| {
            ResourceType::parse(text).ok_or_else(|| invalid(name, value, &format!("names the unknown type '{text}'")))
        };
        let source = resource_type(source)?;
        let target = target.map(resource_type).transpose()?;
        if param == "*" {
            return Ok(Include { source, param: None, target, reverse, iterate });
        }
        if let Some(pending) = registry.pending(source, param) {
            return Err(invalid(name, value, &format!("names '{param}', which {pending}")));
        }
        let Some(known) = registry.of(source).param(param).filter(|p| p.spec.kind == ParamKind::Reference) else {
            return Err(invalid(
                name,
                value,
                &format!("names '{param}', which is not a reference parameter of {source}"),
            ));
        };
        if let Some(t) = target
            && !known.targets.is_empty()
            && !known.targets.contains(&t)
        {
            return Err(invalid(name, value, &format!("names {t}, to which '{param}' never refers")));
        }
        Ok(Include { source, param: Some(param.into()), target, reverse, iterate })
    }

    /// Returns the references that the include follows, a column each.
    pub fn follows(&self, registry: &Registry) -> Vec<Follow> {
        let index = registry.of(self.source);
        let column = |use_: ParamColumn| {
            let target = match (self.target, use_.resolves) {
                (Some(wanted), Some(only)) if wanted != only => return None,
                (wanted, only) => wanted.or(only),
            };
            let key = index.columns[usize::from(use_.index)].key;
            Some(Follow { source: self.source, key, target, reverse: self.reverse })
        };
        self.columns(registry).into_iter().filter_map(column).collect()
    }

    /// Returns the columns of the parameter, or of every reference parameter.
    fn columns(&self, registry: &Registry) -> Vec<ParamColumn> {
        let index = registry.of(self.source);
        let references = index.params().filter(|p| p.spec.kind == ParamKind::Reference);
        let followed = references.filter(|p| self.param.as_ref().is_none_or(|param| *param == p.spec.code));
        followed.flat_map(|p| p.columns.iter().copied()).collect()
    }

    fn everything(
        types: &[ResourceType],
        name: &str,
        value: &str,
        reverse: bool,
        iterate: bool,
    ) -> Result<Include, Fault> {
        if reverse {
            return Err(refused(name, "needs the type whose references are followed: Type:*"));
        }
        match types {
            [source] => Ok(Include { source: *source, param: None, target: None, reverse, iterate }),
            _ => Err(invalid(name, value, "needs a search of one type")),
        }
    }
}
