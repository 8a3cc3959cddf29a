//! Maps of segments, as data: which field becomes which element, by which conversion.
//!
//! A file in `maps/` has a line for each: `3  identifier[]  CX` takes every repetition of field 3 and adds it to the list `identifier`;
//! `26.1  extension(http://…).valueCode  code table=HL70171` goes deeper on both sides. Where a field says `""` the element is
//! removed. Words after the conversion are its arguments, see [`super::datatype`]. v2-to-FHIR, segment maps.

use super::ctx::Ctx;
use super::datatype::{self, Conversion};
use super::message::{Part, Segment};
use serde_json::{Map as Object, Value, json};
use std::collections::HashMap;
use std::sync::LazyLock;

/// Arguments of a conversion: `use=home`.
#[derive(Debug, Clone, Default)]
pub struct Args(Vec<(&'static str, &'static str)>);

impl Args {
    #[cfg(test)]
    pub fn of(pairs: Vec<(&'static str, &'static str)>) -> Args {
        Args(pairs)
    }

    pub fn get(&self, name: &str) -> Option<&'static str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }
}

/// One line.
#[derive(Debug)]
struct Line {
    /// Field, component, sub-component; zero for all of it.
    source: [usize; 3],
    target: Vec<Step>,
    conversion: Conversion,
    args: Args,
}

/// One step of the way to an element.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Element(&'static str),
    /// A new item of a list.
    Item(&'static str),
    /// The first item of a list.
    First(&'static str),
    /// The extension of this URL.
    Extension(&'static str),
}

/// The map of one segment to one type of resource.
#[derive(Debug)]
pub struct Map(Vec<Line>);

macro_rules! maps {
    ($($name:literal),* $(,)?) => { &[$(($name, include_str!(concat!("maps/", $name, ".map")))),*] };
}

/// All maps, by the names of their files.
const FILES: &[(&str, &str)] = maps! {
    "al1",
    "ctd_contact",
    "dg1",
    "ft1",
    "gt1",
    "iam",
    "in1",
    "in1_insured",
    "in2_insured",
    "nk1_contact",
    "nk1_organization",
    "nk1_related",
    "obr_order",
    "obr_report",
    "obr_specimen",
    "obx",
    "orc",
    "pd1",
    "pid",
    "pr1",
    "prt_device",
    "pv1",
    "pv2",
    "rf1",
    "rxa",
    "rxr_vaccination",
    "sac",
    "sch",
    "spm",
    "txa",
};

static ALL: LazyLock<HashMap<&str, Map>> = LazyLock::new(|| {
    // A map that cannot be read is missing, which a test sees.
    FILES.iter().filter_map(|(name, text)| Some((*name, read(text).ok()?))).collect()
});

/// Fills a resource from a segment, by the map of this name.
pub fn fill(ctx: &Ctx, name: &str, segment: Segment, resource: &mut Object<String, Value>) {
    let Some(map) = ALL.get(name) else { return };
    for line in &map.0 {
        line.fill(ctx, segment, resource);
    }
}

impl Line {
    /// Says that there is no such element any more, unless another field has said something of it.
    fn remove(&self, resource: &mut Object<String, Value>) {
        match self.target[..] {
            [Step::Element(name) | Step::Item(name) | Step::First(name)] => {
                resource.entry(name).or_insert(Value::Null);
            }
            [Step::Element(name), Step::Element(inner) | Step::Item(inner) | Step::First(inner)] => {
                let part = resource.entry(name).or_insert_with(|| json!({}));
                if let Some(part) = part.as_object_mut() {
                    part.entry(inner).or_insert(Value::Null);
                }
            }
            // An extension of which nothing but the URL is said.
            [Step::Extension(url), ..] => {
                let list = resource.entry("extension").or_insert_with(|| json!([]));
                if let Some(items) = list.as_array_mut().filter(|items| items.iter().all(|item| item["url"] != url)) {
                    items.push(json!({"url": url}));
                }
            }
            _ => {}
        }
    }

    fn fill(&self, ctx: &Ctx, segment: Segment, resource: &mut Object<String, Value>) {
        let [field, component, sub] = self.source;
        let whole = segment.field(field);
        if whole.is_null() {
            self.remove(resource);
            return;
        }
        let is_list = self.target.iter().any(|step| matches!(step, Step::Item(_)));
        for repetition in whole.repetitions().take(if is_list { usize::MAX } else { 1 }) {
            let mut part: Part = repetition;
            for n in [component, sub].into_iter().filter(|n| *n > 0) {
                part = part.part(n);
            }
            if !part.is_there() {
                continue;
            }
            if let Some(value) = (self.conversion)(ctx, part, &self.args).filter(|value| !value.is_null()) {
                put(resource, &self.target, value);
            }
        }
    }
}

/// Puts a value where the steps lead; what stands there already stays where it is no list.
fn put(object: &mut Object<String, Value>, steps: &[Step], value: Value) {
    let Some((step, rest)) = steps.split_first() else { return };
    let list = |object: &'_ mut Object<String, Value>, name: &str| -> Option<usize> {
        let entry = object.entry(name).or_insert_with(|| json!([]));
        if !entry.is_array() {
            *entry = json!([]);
        }
        entry.as_array().map(Vec::len)
    };
    match step {
        Step::Element(name) if rest.is_empty() => {
            let entry = object.entry(*name).or_insert(Value::Null);
            if entry.is_null() {
                *entry = value;
            }
        }
        Step::Element(name) => {
            let entry = object.entry(*name).or_insert(Value::Null);
            if !entry.is_object() {
                *entry = json!({});
            }
            if let Some(inner) = entry.as_object_mut() {
                put(inner, rest, value);
            }
        }
        Step::Item(name) | Step::First(name) => {
            let Some(len) = list(object, name) else { return };
            let Some(items) = object.get_mut(*name).and_then(Value::as_array_mut) else { return };
            if rest.is_empty() {
                if (matches!(step, Step::Item(_)) || len == 0) && !items.contains(&value) {
                    items.push(value);
                }
                return;
            }
            if matches!(step, Step::Item(_)) || len == 0 {
                items.push(json!({}));
            }
            let item = if matches!(step, Step::First(_)) { items.first_mut() } else { items.last_mut() };
            if let Some(inner) = item.and_then(Value::as_object_mut) {
                put(inner, rest, value);
            }
        }
        Step::Extension(url) => {
            if list(object, "extension").is_none() {
                return;
            }
            let Some(items) = object.get_mut("extension").and_then(Value::as_array_mut) else { return };
            let place = items.iter().position(|item| item["url"] == *url).unwrap_or_else(|| {
                items.push(json!({"url": url}));
                items.len() - 1
            });
            if let Some(inner) = items[place].as_object_mut() {
                put(inner, rest, value);
            }
        }
    }
}

fn read(text: &'static str) -> Result<Map, String> {
    let mut lines = Vec::new();
    for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty()) {
        let wrong = |what: &str| format!("line {}: {what}", n + 1);
        let mut words = line.split_whitespace();
        let (Some(source), Some(target), Some(name)) = (words.next(), words.next(), words.next()) else {
            return Err(wrong("a field, an element and a conversion"));
        };
        let mut numbers = [0; 3];
        for (place, number) in source.split('.').enumerate() {
            let slot = numbers.get_mut(place).ok_or_else(|| wrong("too deep"))?;
            *slot = number.parse().map_err(|_| wrong("no number"))?;
        }
        let conversion = datatype::named(name).ok_or_else(|| wrong(&format!("no conversion {name}")))?;
        let args = words.map(|word| word.split_once('=').ok_or_else(|| wrong("arguments are name=value")));
        let args = Args(args.collect::<Result<_, _>>()?);
        lines.push(Line { source: numbers, target: steps(target), conversion, args });
    }
    Ok(Map(lines))
}

/// Reads `name[].given`, `maritalStatus`, `extension(http://…).valueCode`, `contained[0].x` being no part of it.
fn steps(target: &'static str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = target;
    while !rest.is_empty() {
        if let Some((url, after)) = rest.strip_prefix("extension(").and_then(|inner| inner.split_once(')')) {
            steps.push(Step::Extension(url));
            rest = after.trim_start_matches('.');
            continue;
        }
        let (step, after) = rest.split_once('.').unwrap_or((rest, ""));
        steps.push(match (step.strip_suffix("[]"), step.strip_suffix("[0]")) {
            (Some(name), _) => Step::Item(name),
            (_, Some(name)) => Step::First(name),
            _ => Step::Element(step),
        });
        rest = after;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_map_can_be_read() {
        for (name, text) in FILES {
            read(text).unwrap_or_else(|wrong| panic!("{name}.map: {wrong}"));
        }
        let there = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/hl7v2/maps")).unwrap();
        for file in there {
            let name = file.unwrap().file_name().into_string().unwrap();
            assert!(FILES.iter().any(|(known, _)| format!("{known}.map") == name), "{name} is not in FILES");
        }
    }

    #[test]
    fn steps_are_read() {
        let expected = [Step::Extension("http://x.y/z"), Step::Element("valueCode")];
        assert_eq!(steps("extension(http://x.y/z).valueCode"), expected);
        assert_eq!(steps("a.b[].c"), [Step::Element("a"), Step::Item("b"), Step::Element("c")]);
    }
}
