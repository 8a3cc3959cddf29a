//! The tables: how much is agreed on, by event and by element, and every disagreement.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use super::Compared;
use super::compare::Fact;
use super::disagreements::Rule;

#[derive(Default, Clone, Copy)]
struct Tally {
    agreed: usize,
    compared: usize,
    settled: usize,
}

impl Tally {
    fn count(&mut self, fact: &Fact) {
        if fact.settled.is_some() {
            self.settled += 1;
            return;
        }
        self.compared += 1;
        self.agreed += usize::from(fact.agreed);
    }

    fn share(self) -> f64 {
        if self.compared == 0 { 100.0 } else { self.agreed as f64 * 100.0 / self.compared as f64 }
    }

    /// Returns the share where facts count as well on which we stand by our reading.
    fn share_of_all(self) -> f64 {
        Tally { compared: self.compared + self.settled, ..self }.share()
    }

    fn row(self, name: &str) -> String {
        let Tally { agreed, compared, settled } = self;
        format!("  {name:44} {agreed:6} of {compared:6} {:6.1} %  settled {settled}\n", self.share())
    }
}

/// Writes `target/tables/hl7v2-projection.txt` and says its head; returns the share of facts that are agreed on.
pub fn report(all: &[Compared], rules: &[Rule], uses: &[usize], is_whole: bool) -> f64 {
    let (mut total, mut events, mut fields) = (Tally::default(), BTreeMap::new(), BTreeMap::new());
    let mut sources: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut lines = String::new();
    for compared in all {
        for fact in &compared.facts {
            total.count(fact);
            sources.entry(compared.name.split('/').next().unwrap_or_default()).or_default().count(fact);
            events.entry(compared.event.as_str()).or_insert_with(Tally::default).count(fact);
            // Type and element; what is deeper is told with each disagreement.
            let field = fact.path.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
            fields.entry(field).or_insert_with(Tally::default).count(fact);
            if !fact.agreed && fact.settled.is_none() {
                let ours = if fact.ours.is_empty() { "-" } else { &fact.ours };
                let _ = writeln!(
                    lines,
                    "  {} {} | {} | {} | {ours}",
                    compared.name, compared.event, fact.path, fact.expected
                );
            }
        }
    }
    let mut head = format!(
        "HL7 v2: facts that others find in the same messages: {:.1} % agree; {:.1} % with those on which the guide decides otherwise\n",
        total.share(),
        total.share_of_all()
    );
    head += &total.row("all");
    sources.iter().for_each(|(source, tally)| head += &tally.row(source));
    head += "\nby event\n";
    events.iter().for_each(|(event, tally)| head += &tally.row(event));
    head += "\nby element\n";
    fields.iter().for_each(|(field, tally)| head += &tally.row(field));
    head += &refusals(all);
    let mut rest = String::from("\nstood by, facts: line, and below it facts: element | expected | ours\n");
    let settled = settled(all);
    for (n, (rule, uses)) in rules.iter().zip(uses).enumerate() {
        let _ = writeln!(rest, "  {uses:5}: {}", rule.line);
        for ((_, fact), count) in settled.range((n, String::new())..(n + 1, String::new())) {
            let _ = writeln!(rest, "         {count:5}: {fact}");
        }
    }
    let rest = format!("{rest}\ndisagreements: message event | element | expected | ours\n{lines}");
    println!("{head}");
    if !is_whole {
        println!("{rest}");
        return total.share();
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tables");
    std::fs::create_dir_all(&folder).expect("a folder for tables");
    let file = folder.join("hl7v2-projection.txt");
    std::fs::write(&file, format!("{head}{rest}")).expect("a table");
    println!("all disagreements: {}", file.display());
    total.share()
}

/// Returns how often each line settles which fact.
fn settled(all: &[Compared]) -> BTreeMap<(usize, String), usize> {
    let mut counts = BTreeMap::new();
    for fact in all.iter().flat_map(|compared| &compared.facts) {
        if let Some(rule) = fact.settled {
            let ours = if fact.ours.is_empty() { "-" } else { &fact.ours };
            *counts.entry((rule, format!("{} | {} | {ours}", fact.path, fact.expected))).or_default() += 1;
        }
    }
    counts
}

fn refusals(all: &[Compared]) -> String {
    let mut text = String::from("\nrefused as they are, and completed where they are fragments\n");
    for compared in all {
        if let Some(problem) = &compared.refused {
            let _ = writeln!(text, "  {} {}: {problem}", compared.name, compared.event);
        }
    }
    text
}
