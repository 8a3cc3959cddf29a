//! A stored CodeSystem: its concepts, what they are a kind of, and their properties.
//!
//! R4 <https://hl7.org/fhir/R4/codesystem.html#hierarchy>: a concept is below the one it is nested in, below its `parent`
//! and `subsumedBy` properties, and above its `child` properties.

use super::Lack;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// The concepts of a code system, each known by its place.
#[derive(Debug, Default)]
pub struct System {
    pub url: String,
    /// Why concepts that stand in others are not kinds of them, where that is so.
    grouping: Option<String>,
    concepts: Vec<Concept>,
    by_code: HashMap<Box<str>, u32>,
    /// Properties that the code system declares.
    declared: BTreeSet<Box<str>>,
}

#[derive(Debug)]
pub struct Concept {
    pub code: Box<str>,
    pub display: Box<str>,
    pub properties: Vec<(Box<str>, Box<str>)>,
    parents: Vec<u32>,
    children: Vec<u32>,
}

impl System {
    /// Returns the concepts of a CodeSystem; a lack where the resource does not hold them.
    pub fn read(resource: &Value) -> Result<System, Lack> {
        let url = text(resource, "url");
        let content = text(resource, "content");
        // R4 4.8.16: of these kinds of content a code that is not there says nothing.
        if matches!(content, "not-present" | "example" | "supplement") {
            let most = format!("code system {url} is stored without its concepts (content is '{content}')");
            return Err(Lack::Missing(most));
        }
        let meaning = text(resource, "hierarchyMeaning");
        let grouping = matches!(meaning, "grouped-by" | "part-of").then(|| meaning.to_string());
        let mut system = System { url: url.to_string(), grouping, ..System::default() };
        let declared = list(resource, "property").chain(list(resource, "filter")).map(|p| text(p, "code").into());
        system.declared = declared.collect();
        let mut waiting: Vec<(&Value, Option<u32>)> = list(resource, "concept").map(|c| (c, None)).collect();
        waiting.reverse();
        while let Some((concept, parent)) = waiting.pop() {
            if let Some(place) = system.add(concept, parent) {
                waiting.extend(list(concept, "concept").map(|nested| (nested, Some(place))));
            }
        }
        system.link();
        Ok(system)
    }

    fn add(&mut self, concept: &Value, parent: Option<u32>) -> Option<u32> {
        let code = concept.get("code").and_then(Value::as_str)?;
        let place = u32::try_from(self.concepts.len()).ok()?;
        let properties = list(concept, "property").filter_map(|p| Some((text(p, "code").into(), value_text(p)?)));
        self.by_code.insert(code.into(), place);
        self.concepts.push(Concept {
            code: code.into(),
            display: text(concept, "display").into(),
            properties: properties.collect(),
            parents: parent.into_iter().collect(),
            children: Vec::new(),
        });
        Some(place)
    }

    /// Makes ways in both directions of everything that says what a concept is below of.
    fn link(&mut self) {
        let mut pairs: Vec<(u32, u32)> = Vec::new();
        for (place, concept) in (0..).zip(&self.concepts) {
            pairs.extend(concept.parents.iter().map(|parent| (place, *parent)));
            for (name, value) in &concept.properties {
                let Some(other) = self.by_code.get(value) else { continue };
                match &**name {
                    "parent" | "subsumedBy" => pairs.push((place, *other)),
                    "child" => pairs.push((*other, place)),
                    _ => {}
                }
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        self.concepts.iter_mut().for_each(|concept| concept.parents.clear());
        for (child, parent) in pairs {
            self.concepts[child as usize].parents.push(parent);
            self.concepts[parent as usize].children.push(child);
        }
    }

    pub fn concepts(&self) -> &[Concept] {
        &self.concepts
    }

    pub fn concept(&self, code: &str) -> Option<&Concept> {
        self.by_code.get(code).map(|place| &self.concepts[*place as usize])
    }

    /// Returns whether the property is one that concepts of this system may have.
    pub fn has_property(&self, name: &str) -> bool {
        self.declared.contains(name)
            || self.concepts.iter().any(|concept| concept.properties.iter().any(|(own, _)| **own == *name))
    }

    /// Returns the code and all that are a kind of it.
    pub fn below(&self, code: &str) -> Result<BTreeSet<Box<str>>, Lack> {
        self.closure(code, |concept| &concept.children)
    }

    /// Returns the code and all that it is a kind of.
    pub fn above(&self, code: &str) -> Result<BTreeSet<Box<str>>, Lack> {
        self.closure(code, |concept| &concept.parents)
    }

    /// Returns the codes of which a concept is a kind without others between.
    pub fn parents<'a>(&'a self, concept: &'a Concept) -> impl Iterator<Item = &'a str> {
        concept.parents.iter().map(|place| &*self.concepts[*place as usize].code)
    }

    /// Returns the codes that are a kind of a concept without others between.
    pub fn children<'a>(&'a self, concept: &'a Concept) -> impl Iterator<Item = &'a str> {
        concept.children.iter().map(|place| &*self.concepts[*place as usize].code)
    }

    fn closure(&self, code: &str, next: impl Fn(&Concept) -> &[u32]) -> Result<BTreeSet<Box<str>>, Lack> {
        if let Some(meaning) = &self.grouping {
            let text = format!("the hierarchy of code system {} means '{meaning}', not kinds of concepts", self.url);
            return Err(Lack::Unclear(text));
        }
        let Some(start) = self.by_code.get(code) else {
            return Err(Lack::Missing(format!("code system {} has no concept '{code}'", self.url)));
        };
        let mut seen = vec![false; self.concepts.len()];
        let (mut waiting, mut found) = (vec![*start], BTreeSet::new());
        while let Some(place) = waiting.pop() {
            if !std::mem::replace(&mut seen[place as usize], true) {
                let concept = &self.concepts[place as usize];
                found.insert(concept.code.clone());
                waiting.extend(next(concept));
            }
        }
        Ok(found)
    }
}

impl Concept {
    /// Returns whether the concept is no longer to be used.
    pub fn is_inactive(&self) -> bool {
        let says = |name: &str, value: &str| self.properties.iter().any(|(n, v)| **n == *name && **v == *value);
        says("inactive", "true") || says("status", "retired")
    }
}

/// Returns a member that is a string; empty where there is none.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Returns the members of an array member.
pub(super) fn list<'a>(value: &'a Value, name: &str) -> impl DoubleEndedIterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice).iter()
}

/// Returns the value of a property as text, of a Coding the code.
fn value_text(property: &Value) -> Option<Box<str>> {
    let (_, value) = property.as_object()?.iter().find(|(name, _)| name.starts_with("value"))?;
    Some(match value {
        Value::String(text) => text.as_str().into(),
        Value::Object(coding) => coding.get("code")?.as_str()?.into(),
        other => other.to_string().into(),
    })
}
