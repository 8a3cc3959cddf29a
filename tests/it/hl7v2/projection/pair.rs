//! Which of our resources stands for which of those expected, and the facts of all pairs.

use std::cmp::Reverse;

use serde_json::Value;

use super::compare::{self, Fact, Pairs, agreed, compare};
use super::resources::{CLINICAL, Resources};

/// One resource that is expected, and ours.
struct Pair<'t> {
    resource_type: &'t str,
    expected: Value,
    ours: Option<Value>,
}

/// Returns the facts of all clinical resources. That a resource is there is one, too, and each that nobody expects.
pub fn facts(expected: &Resources, ours: &Resources) -> Vec<Fact> {
    let mut pairs = Pairs::new();
    let mut all: Vec<Pair> = Vec::new();
    let mut facts = Vec::new();
    for resource_type in CLINICAL {
        let project = |all: &Resources| -> Vec<(String, Value)> {
            all.of_type(resource_type).map(|(key, resource)| (key.to_string(), all.project(resource))).collect()
        };
        let (wanted, mut found) = (project(expected), project(ours));
        for ((key, wanted), partner) in wanted.iter().zip(partners(&wanted, &found)) {
            let ours = partner.map(|place| {
                pairs.insert(key.clone(), found[place].0.clone());
                found[place].1.take()
            });
            all.push(Pair { resource_type, expected: wanted.clone(), ours });
        }
        for (_, more) in found.iter().filter(|(_, value)| !value.is_null()) {
            let path = format!("{resource_type}(more)");
            let ours: String = more.to_string().chars().take(200).collect();
            facts.push(Fact { expected: "-".into(), ours, resource: usize::MAX, ..Fact::at(&path) });
        }
    }
    // Links can be followed once all pairs are known.
    for (number, pair) in all.iter().enumerate() {
        let begin = facts.len();
        let ours = if pair.ours.is_some() { "there" } else { "" };
        let path = format!("{}(there)", pair.resource_type);
        facts.push(Fact {
            expected: "there".into(),
            ours: ours.into(),
            agreed: pair.ours.is_some(),
            ..Fact::at(&path)
        });
        elements(pair, &pairs, &mut facts);
        facts[begin..].iter_mut().for_each(|fact| fact.resource = number);
    }
    facts
}

/// Compares the elements of a pair, the items of lists each for itself.
fn elements(pair: &Pair, pairs: &Pairs, facts: &mut Vec<Fact>) {
    let mut number = 0;
    for (name, expected) in pair.expected.as_object().into_iter().flatten() {
        let path = format!("{}.{name}", pair.resource_type);
        let ours = pair.ours.as_ref().and_then(|ours| ours.get(name));
        let (items, found) = match (expected, ours) {
            (Value::Array(items), Some(Value::Array(found))) => (items.clone(), found.clone()),
            (Value::Array(items), other) => (items.clone(), other.cloned().into_iter().collect()),
            (one, Some(Value::Array(found))) => (vec![one.clone()], found.clone()),
            (one, other) => (vec![one.clone()], other.cloned().into_iter().collect()),
        };
        for (item, partner) in items.iter().zip(compare::partners(&items, &found, pairs)) {
            let begin = facts.len();
            number += 1;
            compare(&path, item, partner, pairs, facts);
            facts[begin..].iter_mut().for_each(|fact| fact.item = number);
        }
    }
}

fn partners(wanted: &[(String, Value)], found: &[(String, Value)]) -> Vec<Option<usize>> {
    let mut scores: Vec<(usize, usize, usize)> = Vec::new();
    for (n, (_, item)) in wanted.iter().enumerate() {
        scores.extend(found.iter().enumerate().map(|(m, (_, other))| (agreed(item, other, &Pairs::new()), n, m)));
    }
    scores.sort_by_key(|(score, n, m)| (Reverse(*score), *n, *m));
    let mut partners = vec![None; wanted.len()];
    for (_, n, m) in scores {
        if partners[n].is_none() && !partners.contains(&Some(m)) {
            partners[n] = Some(m);
        }
    }
    partners
}
