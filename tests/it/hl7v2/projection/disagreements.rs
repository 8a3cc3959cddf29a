//! Where we stand by our reading: lines of `disagreements/`, each with the rule that decides.

use std::collections::{BTreeMap, BTreeSet};

use super::Compared;
use super::compare::Fact;

/// One line: which facts, and why they do not count.
pub struct Rule {
    pub line: String,
    message: String,
    event: String,
    path: String,
    expected: String,
    ours: String,
}

const FILES: [&str; 5] = [
    include_str!("../disagreements/people.txt"),
    include_str!("../disagreements/visits.txt"),
    include_str!("../disagreements/orders.txt"),
    include_str!("../disagreements/observations.txt"),
    include_str!("../disagreements/supply.txt"),
];

/// Returns all lines.
pub fn rules() -> Vec<Rule> {
    let lines = FILES.iter().flat_map(|file| file.lines()).filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| Rule::read(line).unwrap_or_else(|| panic!("six cells with ` | ` between: {line}"))).collect()
}

impl Rule {
    fn read(line: &str) -> Option<Rule> {
        let cells: Vec<String> = line.splitn(6, " | ").map(|cell| cell.trim().to_string()).collect();
        let [message, event, path, expected, ours, reason] = <[String; 6]>::try_from(cells).ok()?;
        // No excuse for everything: a line names the element or the segment, and what decides.
        let is_blanket = !expected.starts_with('@') && (path.starts_with('*') || (expected == "*" && ours == "*"));
        (!is_blanket && reason.len() >= 20).then(|| Rule {
            line: line.to_string(),
            message,
            event,
            path,
            expected,
            ours,
        })
    }

    /// Returns the segment that the expected text stands in alone, where the line is about that.
    fn segment(&self) -> Option<&str> {
        self.expected.strip_prefix('@')
    }

    fn is_about(&self, compared: &Compared, fact: &Fact) -> bool {
        matches(&self.message, &compared.name)
            && matches(&self.event, &compared.event)
            && matches(&self.path, &fact.path)
            && matches(&self.ours, if fact.ours.is_empty() { "-" } else { &fact.ours })
    }
}

/// Marks the facts that lines settle; returns how many each line does.
pub fn settle(rules: &[Rule], all: &mut [Compared]) -> Vec<usize> {
    let mut uses = vec![0; rules.len()];
    let unmapped: BTreeSet<&str> = rules.iter().filter_map(Rule::segment).collect();
    for compared in all {
        let words = Words::of(&compared.message, &unmapped);
        let settled: Vec<Option<usize>> = compared
            .facts
            .iter()
            .map(|fact| {
                let is_settled = |rule: &Rule| match rule.segment() {
                    Some(segment) => rule.is_about(compared, fact) && words.is_of(segment, fact, &compared.facts),
                    None => rule.is_about(compared, fact) && matches(&rule.expected, &fact.expected),
                };
                rules.iter().position(is_settled).filter(|_| !fact.agreed)
            })
            .collect();
        for (fact, settled) in compared.facts.iter_mut().zip(settled) {
            fact.settled = settled;
            if let Some(rule) = settled {
                uses[rule] += 1;
            }
        }
    }
    uses
}

/// Which segments each text of a message stands in.
struct Words<'m> {
    places: BTreeMap<String, BTreeSet<&'m str>>,
    unmapped: &'m BTreeSet<&'m str>,
}

impl<'m> Words<'m> {
    fn of(message: &'m str, unmapped: &'m BTreeSet<&'m str>) -> Words<'m> {
        let mut places: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for line in message.split('\r') {
            let name = line.get(..3).unwrap_or_default();
            for word in line.split(['|', '^', '~', '&']).map(str::trim).filter(|word| !word.is_empty()) {
                places.entry(word.to_lowercase()).or_default().insert(name);
                // Dates are written otherwise in resources.
                if let Some(date) = word.get(..8).filter(|date| date.bytes().all(|b| b.is_ascii_digit())) {
                    let date = format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]);
                    places.entry(date).or_default().insert(name);
                }
            }
        }
        Words { places, unmapped }
    }

    /// Returns whether the expected text stands in this segment, and else in none that the guide has a map for.
    fn is_alone(&self, segment: &str, fact: &Fact) -> bool {
        let found = self.places.get(&fact.expected.to_lowercase());
        found.is_some_and(|found| found.contains(segment) && found.iter().all(|name| self.unmapped.contains(name)))
    }

    /// The same of the item that a fact belongs to, where nothing of that is agreed on; or of its resource.
    fn is_of(&self, segment: &str, fact: &Fact, all: &[Fact]) -> bool {
        let is_fixed = |fact: &Fact| {
            let last = fact.path.rsplit('.').next().unwrap_or_default();
            ["status", "intent", "subject", "patient", "encounter", "system", "use"].contains(&last)
                || last.ends_with(')')
        };
        let of_resource = || all.iter().filter(|other| other.resource == fact.resource && !is_fixed(other));
        let of_item = || of_resource().filter(|other| other.item == fact.item);
        self.is_alone(segment, fact)
            || [of_item().collect::<Vec<_>>(), of_resource().collect()].iter().any(|group| {
                group.iter().all(|other| !other.agreed) && group.iter().any(|other| self.is_alone(segment, other))
            })
    }
}

/// Returns whether a text is one of the patterns between `||`, in which `*` stands for anything.
fn matches(patterns: &str, text: &str) -> bool {
    patterns.split("||").any(|pattern| {
        let parts: Vec<&str> = pattern.trim().split('*').collect();
        let [first, middle @ .., last] = &parts[..] else { return parts == [text] };
        let Some(mut rest) = text.strip_prefix(first) else { return false };
        for part in middle {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    })
}
