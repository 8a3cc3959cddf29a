//! What a message says of resources, before anybody knows which of them are there already.
//!
//! A draft says of one resource what the message says of it (`null` where it says that there is nothing any more), and how the
//! resource is recognized: by identifiers, by a search within the record, or not at all. References between drafts are
//! [`Handle::reference`]s until the drafts have ids.

use super::problem::Place;
use super::update;
use serde_json::{Map, Value, json};
use std::collections::{BTreeSet, HashMap};

/// A draft, among those of its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(pub usize);

/// What references between drafts begin with, until they have ids.
pub const LOCAL: &str = "urn:x-draft:";

impl Handle {
    /// Returns what stands in `Reference.reference`.
    pub fn url(self) -> String {
        format!("{LOCAL}{}", self.0)
    }

    pub fn reference(self) -> Value {
        json!({"reference": self.url()})
    }

    /// Returns the draft that a reference names.
    pub fn of(reference: &str) -> Option<Handle> {
        reference.strip_prefix(LOCAL)?.parse().ok().map(Handle)
    }
}

/// A business identifier: `Identifier.system` and `Identifier.value`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier {
    pub system: String,
    pub value: String,
}

/// How the resource that is meant is recognized among those that are there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Identity {
    /// It has one of these identifiers, the first that is found; several resources that are found so are ambiguous.
    Identifiers(Vec<Identifier>),
    /// It is what a search finds, such as `patient={0}&code=http://loinc.org|1-8`; a number in braces stands for the id of a draft (`Type/id`).
    /// Values are escaped as [`search_value`] does.
    Search(String),
    /// It is a new one each time.
    New,
}

/// What may become of a resource that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// It takes over what the message says, some of it as [`super::update`] says: elements that the message does not say stay, `null` removes
    /// them.
    Merge,
    /// It stays as it is: people, places and organizations that a message only mentions.
    Keep,
}

/// One resource that a message is about.
#[derive(Debug, Clone)]
pub struct Draft {
    /// With `resourceType`, without `id`. What is `null`, at the top or in an object there, is said to be there no more.
    pub resource: Map<String, Value>,
    /// What it has besides when it is new, where the message does not say it: a status that R4 requires.
    pub defaults: Map<String, Value>,
    pub identity: Identity,
    pub update: Update,
    /// What it was made from, for problems.
    pub at: Place,
    /// Whether nothing is made of it where the resource is not there: a message that corrects what never came.
    pub only_if_there: bool,
}

impl Draft {
    pub fn new(resource_type: &str, at: Place) -> Draft {
        let mut resource = Map::new();
        resource.insert("resourceType".into(), resource_type.into());
        let (defaults, identity) = (Map::new(), Identity::New);
        Draft { resource, defaults, identity, update: Update::Merge, at, only_if_there: false }
    }

    pub fn resource_type(&self) -> &str {
        self.resource.get("resourceType").and_then(Value::as_str).unwrap_or_default()
    }

    /// Sets an element at the top; nothing for null.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) -> &mut Draft {
        let value = value.into();
        if !value.is_null() {
            self.resource.insert(name.into(), value);
        }
        self
    }

    /// Sets what it has where it is new and nothing else is said.
    pub fn default(&mut self, name: &str, value: impl Into<Value>) -> &mut Draft {
        self.defaults.insert(name.into(), value.into());
        self
    }

    /// Adds an item to a list at the top, once.
    pub fn push(&mut self, name: &str, item: impl Into<Value>) -> &mut Draft {
        let item = item.into();
        let list = self.resource.entry(name).or_insert_with(|| json!([]));
        match list {
            Value::Array(items) if items.contains(&item) => {}
            Value::Array(items) => items.push(item),
            other => *other = json!([item]),
        }
        self
    }

    /// Adds an item to a list at the top that is not there yet, for sure.
    pub fn append(&mut self, name: &str, item: impl Into<Value>) -> &mut Draft {
        match self.resource.get_mut(name) {
            Some(Value::Array(items)) => items.push(item.into()),
            _ => _ = self.resource.insert(name.to_string(), Value::Array(vec![item.into()])),
        }
        self
    }

    /// Returns the resource as it is when nothing is there yet: with defaults, without what is said not to be there.
    pub fn made(&self) -> Value {
        let mut made = self.resource.clone();
        for (name, value) in &self.defaults {
            if made.get(name).is_none_or(Value::is_null) {
                made.insert(name.clone(), value.clone());
            }
        }
        update::tidy(&mut made);
        Value::Object(made)
    }
}

/// Returns a value as it stands in the search of [`Identity::Search`].
pub fn search_value(text: &str) -> String {
    // R4 3.1.1.4.1.1: `,`, `|`, `$` and `\` within a value; then what a query needs escaped.
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, ',' | '|' | '$' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte);
    escaped.bytes().map(|b| if is_plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// The drafts of one message, in the order in which they were begun.
#[derive(Debug, Clone, Default)]
pub struct Drafts {
    all: Vec<Draft>,
    /// Where drafts of an identity are: a message may speak of the same things many thousand times.
    places: HashMap<Identity, BTreeSet<usize>>,
    /// What may have another identity by now.
    changed: Vec<usize>,
}

impl Drafts {
    pub fn add(&mut self, draft: Draft) -> Handle {
        self.all.push(draft);
        self.changed.push(self.all.len() - 1);
        Handle(self.all.len() - 1)
    }

    /// Adds a draft, or returns the one that is the same resource by its identity.
    pub fn add_once(&mut self, draft: Draft) -> Handle {
        for place in std::mem::take(&mut self.changed) {
            if let Some(other) = self.all.get(place).filter(|other| other.identity != Identity::New) {
                self.places.entry(other.identity.clone()).or_default().insert(place);
            }
        }
        let is_same = |place: &&usize| {
            let other = self.all.get(**place);
            other.is_some_and(|o| o.identity == draft.identity && o.resource_type() == draft.resource_type())
        };
        let same = self.places.get(&draft.identity).and_then(|places| places.iter().find(is_same).copied());
        same.map_or_else(|| self.add(draft), Handle)
    }

    pub fn get(&self, handle: Handle) -> Option<&Draft> {
        self.all.get(handle.0)
    }

    pub fn get_mut(&mut self, handle: Handle) -> Option<&mut Draft> {
        self.changed.push(handle.0);
        self.all.get_mut(handle.0)
    }

    pub fn iter(&self) -> impl Iterator<Item = (Handle, &Draft)> {
        self.all.iter().enumerate().map(|(n, draft)| (Handle(n), draft))
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn of_type<'d>(&'d self, t: &'d str) -> impl Iterator<Item = (Handle, &'d Draft)> {
        self.iter().filter(move |(_, draft)| draft.resource_type() == t)
    }
}
