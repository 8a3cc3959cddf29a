//! The visitor that builds a `Value` and refuses what plain serde_json would let pass.
//!
//! R4 <https://hl7.org/fhir/R4/json.html>. The path of an element is put together only while an error travels up,
//! so that good input pays nothing for it.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::PRIVATE_KEYS;
use crate::format::Limits;

/// Longest property name that a message repeats.
const NAME_CHARS_MAX: usize = 64;

/// What we refuse although it is JSON.
#[derive(Clone, Copy)]
pub enum Refusal {
    Twice,
    PrivateKey,
    Nul,
    /// More levels than this many.
    Deep(usize),
    /// A number of this many characters.
    LongNumber(usize),
}

enum Step {
    Property(String),
    Index(usize),
}

/// One run over one text: its limits, and what is noted when it goes wrong.
pub struct Reading<'i> {
    text: &'i str,
    limits: Limits,
    refusal: Cell<Option<Refusal>>,
    /// From the element at fault up to the root.
    steps: RefCell<Vec<Step>>,
    root_type: RefCell<Option<String>>,
}

impl<'i> Reading<'i> {
    pub fn new(text: &'i str, limits: Limits) -> Reading<'i> {
        Reading { text, limits, refusal: Cell::new(None), steps: RefCell::default(), root_type: RefCell::default() }
    }

    /// Returns the next value of `deserializer`, which must read this reading's text.
    pub fn value<'de, D: Deserializer<'de>>(&self, deserializer: D) -> Result<Value, D::Error> {
        Node { reading: self, depth: 0 }.deserialize(deserializer)
    }

    /// Returns why the reading ended, if for a reason of ours, and the FHIRPath where it did.
    pub fn outcome(self) -> (Option<Refusal>, Option<String>) {
        let steps = self.steps.into_inner();
        let mut path = self.root_type.into_inner().unwrap_or_default();
        for step in steps.iter().rev() {
            match step {
                Step::Index(index) => path.push_str(&format!("[{index}]")),
                Step::Property(name) if path.is_empty() => path.push_str(name),
                Step::Property(name) => path.push_str(&format!(".{name}")),
            }
        }
        (self.refusal.get(), (!steps.is_empty()).then_some(path))
    }

    fn refuse<E: Error>(&self, refusal: Refusal) -> E {
        self.refusal.set(Some(refusal));
        E::custom("refused")
    }

    fn note_property(&self, name: &str, depth: usize, so_far: &Map<String, Value>) {
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let short = name.chars().take(NAME_CHARS_MAX);
        let shown = if plain { short.collect() } else { format!("`{}`", short.collect::<String>().escape_debug()) };
        self.steps.borrow_mut().push(Step::Property(shown));
        if depth == 1 {
            let named = so_far.get("resourceType").and_then(Value::as_str);
            let named = named.filter(|name| name.bytes().all(|b| b.is_ascii_alphanumeric()) && name.len() < 64);
            *self.root_type.borrow_mut() = named.map(str::to_string);
        }
    }
}

/// A value that lies `depth` objects and arrays deep.
#[derive(Clone, Copy)]
struct Node<'r> {
    reading: &'r Reading<'r>,
    depth: usize,
}

impl<'r> Node<'r> {
    fn deeper<E: Error>(self) -> Result<Node<'r>, E> {
        let max = self.reading.limits.depth_max;
        if self.depth >= max {
            return Err(self.reading.refuse(Refusal::Deep(max)));
        }
        Ok(Node { depth: self.depth + 1, ..self })
    }

    fn number<'de, A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let digits: String = map.next_value()?;
        if digits.len() > self.reading.limits.number_chars_max {
            return Err(self.reading.refuse(Refusal::LongNumber(digits.len())));
        }
        digits.parse::<Number>().map(Value::Number).map_err(Error::custom)
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    /// Integers that fit come so; all other numbers as text, by `visit_map`.
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    /// A string without escapes: the parser has refused raw control characters already.
    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Value, E> {
        Ok(Value::String(value.to_string()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        if memchr::memchr(0, value.as_bytes()).is_some() {
            return Err(self.reading.refuse(Refusal::Nul));
        }
        Ok(Value::String(value.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let item = self.deeper()?;
        let mut items = Vec::new();
        loop {
            match seq.next_element_seed(item) {
                Ok(Some(value)) => items.push(value),
                Ok(None) => return Ok(Value::Array(items)),
                Err(error) => {
                    self.reading.steps.borrow_mut().push(Step::Index(items.len()));
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        let mut next = map.next_key_seed(Name(self.reading))?;
        if let Some(Key::Number) = next {
            return self.number(map);
        }
        let node = self.deeper()?;
        while let Some(key) = next {
            let Key::Property(name) = key else {
                return Err(self.reading.refuse(Refusal::PrivateKey));
            };
            let value = match map.next_value_seed(node) {
                Ok(value) => value,
                Err(error) => {
                    self.reading.note_property(&name, node.depth, &object);
                    return Err(error);
                }
            };
            // An entry tells of a duplicate without hashing the name twice.
            match object.entry(name) {
                serde_json::map::Entry::Vacant(entry) => entry.insert(value),
                serde_json::map::Entry::Occupied(entry) => {
                    let name = entry.key().clone();
                    self.reading.note_property(&name, node.depth, &object);
                    return Err(self.reading.refuse(Refusal::Twice));
                }
            };
            next = map.next_key_seed(Name(self.reading))?;
        }
        Ok(Value::Object(object))
    }
}

enum Key {
    Property(String),
    /// Not a property at all: so serde_json announces a number.
    Number,
}

/// The seed of a property name.
#[derive(Clone, Copy)]
struct Name<'r>(&'r Reading<'r>);

impl Name<'_> {
    fn check<E: Error>(self, name: &str) -> Result<Key, E> {
        if name.starts_with(PRIVATE_KEYS) {
            return Err(self.0.refuse(Refusal::PrivateKey));
        }
        Ok(Key::Property(name.to_string()))
    }
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name<'_> {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a property name")
    }

    /// A name lent by the text itself is a name; the private one that lies elsewhere is serde_json's own.
    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Key, E> {
        if name.starts_with('$') && !self.0.text.as_bytes().as_ptr_range().contains(&name.as_ptr()) {
            return Ok(Key::Number);
        }
        self.check(name)
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Key, E> {
        if memchr::memchr(0, name.as_bytes()).is_some() {
            return Err(self.0.refuse(Refusal::Nul));
        }
        self.check(name)
    }
}
