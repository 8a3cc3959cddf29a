//! Two projections, leaf by leaf: what the one states and the other states, too.

use std::collections::BTreeMap;

use serde_json::Value;

use super::resources::LINK;

/// One leaf of what is expected.
#[derive(Debug, Clone)]
pub struct Fact {
    /// `Patient.name.family`.
    pub path: String,
    pub expected: String,
    /// What we say in its place; empty where we say nothing.
    pub ours: String,
    /// Which of the expected resources states it, and in which of its elements or items of lists.
    pub resource: usize,
    pub item: usize,
    pub agreed: bool,
    /// The line of `disagreements/` by which it does not count.
    pub settled: Option<usize>,
}

impl Fact {
    pub fn at(path: &str) -> Fact {
        let (expected, ours) = (String::new(), String::new());
        Fact { path: path.to_string(), expected, ours, resource: 0, item: 0, agreed: false, settled: None }
    }
}

/// Which of our resources stands for which of those expected.
pub type Pairs = BTreeMap<String, String>;

/// Returns how many leaves of the one the other states; links to resources where it is known which stands for which.
pub fn agreed(expected: &Value, ours: &Value, pairs: &Pairs) -> usize {
    let mut facts = Vec::new();
    compare("", expected, Some(ours), pairs, &mut facts);
    facts.iter().filter(|fact| fact.agreed).count()
}

/// Compares what is expected with ours, and notes every leaf.
pub fn compare(path: &str, expected: &Value, ours: Option<&Value>, pairs: &Pairs, facts: &mut Vec<Fact>) {
    match expected {
        Value::Object(object) => {
            for (name, inner) in object.iter().filter(|(name, _)| !name.starts_with('(')) {
                let path = format!("{path}.{name}");
                let found = ours.and_then(|ours| ours.get(name).or_else(|| ours.get(format!("({name})"))));
                // A unit may be told by its name or by its code.
                let code = ours.and_then(|ours| ours.get("code")).filter(|code| name == "unit" && *code == inner);
                let found = code.or(found);
                // One where several may be, and the other way round, are the same.
                match (inner, found) {
                    (Value::Array(_), Some(Value::Array(_))) | (_, None) => compare(&path, inner, found, pairs, facts),
                    (Value::Array(_), Some(one)) => {
                        compare(&path, inner, Some(&Value::Array(vec![one.clone()])), pairs, facts);
                    }
                    (_, Some(Value::Array(items))) => compare(&path, inner, items.first(), pairs, facts),
                    _ => compare(&path, inner, found, pairs, facts),
                }
            }
        }
        Value::Array(items) => {
            let found = ours.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            for (item, partner) in items.iter().zip(partners(items, found, pairs)) {
                compare(path, item, partner, pairs, facts);
            }
        }
        leaf => {
            let (expected, ours) = (word(leaf), ours.map(word).unwrap_or_default());
            let agreed = match (expected.strip_prefix(LINK), ours.strip_prefix(LINK)) {
                (Some(wanted), Some(found)) => pairs.get(wanted).is_some_and(|pair| pair == found),
                _ => same(&expected, &ours) || path.ends_with(".names") && is_family(&expected, &ours),
            };
            facts.push(Fact { expected, ours, agreed, ..Fact::at(path) });
        }
    }
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn same(expected: &str, ours: &str) -> bool {
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    // 1 and 1.0 measure the same.
    let numbers = (expected.parse::<f64>(), ours.parse::<f64>());
    squeezed(expected) == squeezed(ours) || matches!(numbers, (Ok(a), Ok(b)) if a == b)
}

/// Who is no resource is named in full, who is one by the family.
fn is_family(expected: &str, ours: &str) -> bool {
    ours.to_lowercase().ends_with(&format!(" {}", expected.to_lowercase()))
}

/// Returns the best partner of each item: those that agree most first, then what is left in its order.
pub fn partners<'o>(items: &[Value], found: &'o [Value], pairs: &Pairs) -> Vec<Option<&'o Value>> {
    let mut partners: Vec<Option<&'o Value>> = vec![None; items.len()];
    let mut is_taken = vec![false; found.len()];
    let mut scores: Vec<(usize, usize, usize)> = Vec::new();
    for (n, item) in items.iter().enumerate() {
        scores.extend(found.iter().enumerate().map(|(m, other)| (agreed(item, other, pairs), n, m)));
    }
    scores.sort_by_key(|(score, n, m)| (std::cmp::Reverse(*score), *n, *m));
    for (_, n, m) in scores {
        if partners[n].is_none() && !is_taken[m] {
            partners[n] = Some(&found[m]);
            is_taken[m] = true;
        }
    }
    partners
}
