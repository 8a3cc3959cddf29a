//! Where we stand by our reading: lines of `disagreements.txt`, each with the rule that decides.

use super::Compared;

/// One line: which facts, and why they do not count.
pub struct Rule {
    pub line: String,
    message: String,
    event: String,
    path: String,
    expected: String,
    ours: String,
}

/// Returns all lines.
pub fn rules() -> Vec<Rule> {
    let lines = include_str!("../disagreements.txt").lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| Rule::read(line).unwrap_or_else(|| panic!("six cells with ` | ` between: {line}"))).collect()
}

impl Rule {
    fn read(line: &str) -> Option<Rule> {
        let cells: Vec<String> = line.splitn(6, " | ").map(|cell| cell.trim().to_string()).collect();
        let [message, event, path, expected, ours, reason] = <[String; 6]>::try_from(cells).ok()?;
        // No excuse for everything: a line names the element, and what decides.
        let is_blanket = path.starts_with('*') || (expected == "*" && ours == "*");
        (!is_blanket && reason.len() >= 20).then(|| Rule {
            line: line.to_string(),
            message,
            event,
            path,
            expected,
            ours,
        })
    }
}

/// Marks the facts that lines settle; returns how many each line does.
pub fn settle(rules: &[Rule], all: &mut [Compared]) -> Vec<usize> {
    let mut uses = vec![0; rules.len()];
    for compared in all {
        for fact in compared.facts.iter_mut().filter(|fact| !fact.agreed) {
            fact.settled = rules.iter().position(|rule| {
                matches(&rule.message, &compared.name)
                    && matches(&rule.event, &compared.event)
                    && matches(&rule.path, &fact.path)
                    && matches(&rule.expected, &fact.expected)
                    && matches(&rule.ours, if fact.ours.is_empty() { "-" } else { &fact.ours })
            });
            if let Some(rule) = fact.settled {
                uses[rule] += 1;
            }
        }
    }
    uses
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
