//! Which of our resources stands for which of those expected, and the facts of all pairs.

use std::cmp::Reverse;

use serde_json::Value;

use super::compare::{Fact, Pairs, agreed, compare};
use super::resources::{CLINICAL, Resources};

/// Returns the facts of all clinical resources; how many there are of each type is one, too.
pub fn facts(expected: &Resources, ours: &Resources) -> Vec<Fact> {
    let mut pairs = Pairs::new();
    let mut projected: Vec<(&str, Value, Option<Value>)> = Vec::new();
    let mut facts = Vec::new();
    for resource_type in CLINICAL {
        let project = |all: &Resources| -> Vec<(String, Value)> {
            all.of_type(resource_type).map(|(key, resource)| (key.to_string(), all.project(resource))).collect()
        };
        let (wanted, mut found) = (project(expected), project(ours));
        let (expected, ours) = (wanted.len(), found.len());
        if expected + ours > 0 {
            let (path, agreed) = (format!("{resource_type}()"), expected == ours);
            facts.push(Fact { path, expected: expected.to_string(), ours: ours.to_string(), agreed, settled: None });
        }
        for ((key, wanted), partner) in wanted.iter().zip(partners(&wanted, &found)) {
            let partner = partner.map(|place| {
                pairs.insert(key.clone(), found[place].0.clone());
                found[place].1.take()
            });
            projected.push((resource_type, wanted.clone(), partner));
        }
    }
    // Links can be followed once all pairs are known.
    for (resource_type, wanted, partner) in &projected {
        compare(resource_type, wanted, partner.as_ref(), &pairs, &mut facts);
    }
    facts
}

fn partners(wanted: &[(String, Value)], found: &[(String, Value)]) -> Vec<Option<usize>> {
    let mut scores: Vec<(usize, usize, usize)> = Vec::new();
    for (n, (_, item)) in wanted.iter().enumerate() {
        scores.extend(found.iter().enumerate().map(|(m, (_, other))| (agreed(item, other), n, m)));
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
