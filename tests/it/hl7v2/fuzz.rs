//! Damaged messages: whatever their bytes, nothing panics, nothing takes long, and what comes of them is sound.
//!
//! The dice are the same each time, so a failure can be repeated: it says its seed. `FUZZ=100000 cargo test damaged` throws longer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use medilink::hl7v2::rules::Rules;
use medilink::hl7v2::{Message, convert, event};

use super::{fixtures, projection, sound};
use crate::dice::Dice;

/// How many damaged messages there are, unless `FUZZ` says otherwise.
const THROWS: u64 = 4_000;

/// No message takes longer of a processor, in a build without optimization.
const MESSAGE_MAX: Duration = Duration::from_secs(10);

/// All of them together.
const ALL_MAX: Duration = Duration::from_secs(10);

/// How many segments, repetitions and so on a message has that is not small; one four times as large is compared with it.
const SMALL: usize = 300;

/// What fields are replaced by: numbers, moments and codes at the edge of their types, and what is no text at all.
const ODD: &[&str] = &[
    "\"\"",
    "\"\"^\"\"",
    "",
    " ",
    "0",
    "-1",
    "1e999",
    "99999999999999999999999999",
    "-0.0",
    "+.5",
    "1.",
    ".",
    "NaN",
    "<=",
    ">",
    "00000000",
    "99999999",
    "20260230",
    "202613",
    "20260101250000",
    "2026010112",
    "20260101120000.99999+9999",
    "2026-01-01",
    "20260101120000-",
    "20260101120000+0000Z",
    "^^^^^^^^^^^^^^^^",
    "&&&&&&&&&&&",
    "~~~~~~~~~~",
    "\\",
    "\\F",
    "\\X\\",
    "\\XZZ\\",
    "\\X00\\",
    "\\X0D\\",
    "\\.sp9999999\\",
    "\\.in-99999999\\",
    "\\C2842\\",
    "\\M2842\\",
    "\\H\\",
    "^~\\&",
    "\u{0}",
    "\u{7f}",
    "\u{fffd}",
    "\u{202e}",
    "\u{1f9ec}",
    "ß",
    "İ",
    "e\u{301}",
    "{0}",
    "{99}",
    "urn:x-draft:0",
    "urn:x-draft:99",
    "http://[",
    "javascript:x",
    "#1",
    "<div>",
    "a|b,c$d\\e",
    "A^B^C^D^E^F^G^H^I^J^K^L^M^N^O^P^Q^R^S^T",
    "1^2&3&ISO^&&^4",
    "X^^^&&ISO",
    "X^^^&1.2.3&ISO",
    "^^^X",
];

/// Returns what is damaged: our fixtures, and real messages where they are there.
fn sources() -> Vec<String> {
    let mut all: Vec<String> = fixtures::messages().into_iter().map(|(_, text)| text).collect();
    all.extend(projection::messages());
    all
}

struct Damage<'d> {
    dice: Dice,
    sources: &'d [String],
}

impl Damage<'_> {
    fn number_of_segments(&mut self) -> usize {
        // Seldom so many that what costs the square of them shows.
        if self.dice.percent(3) { 3_000 } else { 2 + self.dice.below(20) }
    }

    fn lines(&mut self) -> (Vec<String>, usize) {
        let text = self.dice.one(self.sources);
        let lines: Vec<String> = text.split('\r').filter(|line| !line.is_empty()).map(String::from).collect();
        let at = self.dice.below(lines.len());
        (lines, at)
    }

    /// Damages the segments of a message once.
    fn segments(&mut self, lines: &mut Vec<String>) {
        let at = self.dice.below(lines.len());
        match self.dice.below(9) {
            0 => drop(lines.remove(at)),
            1 => {
                let other = self.dice.below(lines.len());
                lines.swap(at, other);
            }
            2 => {
                let (line, times) = (lines[at].clone(), self.number_of_segments());
                lines.splice(at..at, std::iter::repeat_n(line, times));
            }
            3 => {
                let (others, from) = self.lines();
                lines.insert(at, others[from].clone());
            }
            // The segments of one message as another event has them.
            4 => self.field(lines, 0, Some(8)),
            5 => lines[at] = lines[at].chars().skip(3).collect(),
            6 => lines[at] = format!("ZZ1{}", lines[at].chars().skip(3).collect::<String>()),
            7 => {
                let encoding = *self.dice.one(&["^~\\&", "^", "~^\\&", "&~\\^", "!~\\&#", "é~\\&", "^~", "^^"]);
                lines[0] = format!("MSH|{encoding}{}", lines[0].get(8..).unwrap_or_default());
            }
            _ => {
                let field = *self.dice.one(&["#", "\u{1}", "é", "^", "M"]);
                lines.iter_mut().for_each(|line| *line = line.replace('|', field));
            }
        }
    }

    /// Damages a field: by what is odd, or by the same field many times.
    fn field(&mut self, lines: &mut [String], at: usize, field: Option<usize>) {
        let mut fields: Vec<String> = lines[at].split('|').map(String::from).collect();
        let place = field.unwrap_or_else(|| self.dice.below(fields.len() + 3));
        fields.resize(fields.len().max(place + 1), String::new());
        fields[place] = match (field, self.dice.below(6)) {
            (Some(_), _) => self.dice.one(&event::ALL).name.to_string(),
            (None, 0) => [&*fields[place]].repeat(2 + self.dice.below(400)).join("~"),
            (None, 1) => [&*fields[place]].repeat(2 + self.dice.below(40)).join("^"),
            (None, 2) => fields[place].repeat(2 + self.dice.below(2_000)),
            (None, 3) => fields[place].replace('^', self.dice.text(ODD)),
            _ => self.dice.text(ODD).to_string(),
        };
        lines[at] = fields.join("|");
    }

    fn bytes(&mut self, text: String) -> String {
        let mut bytes = text.into_bytes();
        for _ in 0..self.dice.below(4) {
            let at = self.dice.below(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
            match (bytes.len(), self.dice.below(5)) {
                (0, _) => bytes.extend(b"MSH|^~\\&|"),
                (_, 0) => bytes[at] ^= 1 << self.dice.below(8),
                (_, 1) => bytes[at] = *self.dice.one(b"|^~\\&\r\n\0\x0b\x1c\x7f\xff\"#"),
                (_, 2) => bytes.insert(at, *self.dice.one(b"|^~\\&\r\n\0\x0b\x1c\x7f\xff\"#")),
                (_, 3) => bytes.truncate(at),
                _ => {
                    let end = (at + self.dice.below(40)).min(bytes.len());
                    bytes.drain(at..end);
                }
            }
        }
        match String::from_utf8(bytes) {
            Ok(text) => text,
            // As in a set of one byte each.
            Err(wrong) => wrong.into_bytes().iter().map(|byte| char::from(*byte)).collect(),
        }
    }

    fn message(&mut self) -> String {
        let (mut lines, _) = self.lines();
        for _ in 0..=self.dice.below(4) {
            if self.dice.percent(60) && !lines.is_empty() {
                let at = self.dice.below(lines.len());
                self.field(&mut lines, at, None);
            } else if !lines.is_empty() {
                self.segments(&mut lines);
            }
        }
        let text = lines.join(if self.dice.percent(95) { "\r" } else { "\r\n" });
        if self.dice.percent(50) { self.bytes(text) } else { text }
    }
}

/// Returns how long this thread has been on a processor: what others do on a busy machine does not count.
fn worked() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("the time of this thread");
    let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.expect("nanoseconds"))
}

/// Returns what is wrong with what comes of a message.
fn wrong_with(text: &str) -> Option<String> {
    let begun = worked();
    let outcome = catch_unwind(AssertUnwindSafe(|| match Message::parse(text) {
        Ok(message) => match convert(&message, &Rules::default()) {
            Ok(conversion) => sound::check(&conversion),
            Err(problems) if problems.is_empty() => Err("refused without a reason".to_string()),
            Err(_) => Ok(()),
        },
        Err(_) => Ok(()),
    }));
    match outcome {
        Err(_) => Some("a panic".to_string()),
        Ok(Err(wrong)) => Some(wrong),
        Ok(Ok(())) if worked() - begun > MESSAGE_MAX => Some(format!("it took {:?}", worked() - begun)),
        Ok(Ok(())) => None,
    }
}

#[test]
fn damaged_messages_are_taken_or_refused_and_never_more() {
    let sources = sources();
    let throws = std::env::var("FUZZ").ok().and_then(|count| count.parse().ok());
    let begun = Instant::now();
    let mut failures: Vec<String> = Vec::new();
    for seed in 0..throws.unwrap_or(THROWS) {
        if throws.is_none() && begun.elapsed() > ALL_MAX {
            println!("stopped after {seed} messages");
            break;
        }
        let text = Damage { dice: Dice::new(seed), sources: &sources }.message();
        if let Some(wrong) = wrong_with(&text) {
            let short: String = text.replace('\r', "\n").chars().take(3_000).collect();
            failures.push(format!("{wrong}, seed {seed}:\n{short}\n"));
        }
    }
    let kinds: std::collections::BTreeSet<&str> = failures.iter().filter_map(|f| f.split(", seed").next()).collect();
    assert!(failures.is_empty(), "{} fail: {kinds:#?}; the first: {}", failures.len(), failures[0]);
}

/// Returns how long a message takes at best, and what is wrong with what comes of it.
fn measured(text: &str) -> (Duration, Option<String>) {
    let mut best = Duration::MAX;
    for _ in 0..2 {
        let begun = worked();
        if let Some(wrong) = wrong_with(text) {
            return (worked() - begun, Some(wrong));
        }
        best = best.min(worked() - begun);
    }
    (best, None)
}

#[test]
fn a_large_message_takes_as_long_as_many_small_ones() {
    let header = "MSH|^~\\&|A|B|||20260301||ORU^R01|1|P|2.5.1\rPID|1||1^^^&2.999&ISO\r";
    let result = |line: &str, count: usize| format!("{header}OBR|1|||1^X^LN\r{}", line.repeat(count));
    let names = |count: usize| (0..count).fold(header.to_string(), |text, n| format!("{text}Y{n:05X}|1\r"));
    let numbered = |count: usize| {
        (0..count).fold(result("", 0), |t, n| format!("{t}OBX|{n}|ST|{n}^X^LN||a||||||F||||||||||{n}^L\r"))
    };
    let admit = |line: &str, count: usize| {
        format!(
            "{}PV1|1|I|||||||||||||||||V^^^&2.999&ISO\r{}",
            header.replace("ORU^R01", "ADT^A01"),
            line.repeat(count)
        )
    };
    let charge = |line: &str, count: usize| {
        let order = "ORC|RE|1^A\rOBR|1|||1^X^LN\rDG1|1||1^X^I10\r";
        format!("{}{}", header.replace("ORU^R01", "DFT^P03"), format!("{order}{line}").repeat(count))
    };
    let medicines = |count: usize| {
        (0..count).fold(header.replace("ORU^R01", "RDE^O11"), |text, n| {
            format!("{text}ORC|NW|{n}\rTQ1|1||BID\rRXO|1^X^L|1\rRXE||1^X^L|1||mg\rBLG|||A\rFT1|1|{n}||2026||CG|1^X^L\r")
        })
    };
    let cases: [(&str, &dyn Fn(usize) -> String); 23] = [
        ("results", &|n| result("OBX|1|ST|1^X^LN||a||||||F\r", n)),
        ("numbered", &numbered),
        ("texts", &|n| result("OBX|1|TX|1^X^LN||a||||||F\r", n)),
        ("notes", &|n| result("NTE|1||a\r", n)),
        ("orders", &|n| format!("{header}{}", "OBR|1|||1^X^LN\rOBX|1|ST|1^X^LN||a||||||F\r".repeat(n))),
        ("nested", &|n| format!("{header}{}", "ORC|RE|1^A\rOBR|1|1^A|2^B|1\rOBX|1|ST|1||a\rSPM|1|1&A\r".repeat(n))),
        ("unknown", &|n| result("ZZZ|1\r", n)),
        ("names", &names),
        ("patients", &|n| header.replace("PID", &"PID|1||1^^^&2.999&ISO\r".repeat(n))),
        ("persons", &|n| admit("NK1|1|A^B|SPO|Street^^Town||1^PRN\r", n)),
        ("allergies", &|n| admit("AL1|1|DA|1^X^L|SV|Rash\r", n)),
        ("diagnoses", &|n| admit("DG1|1||1^X^I10|||A\r", n)),
        ("procedures", &|n| admit("PR1|1||1^X^SCT||20260101\r", n)),
        ("insurances", &|n| admit("IN1|1|P^X|C^^^&2.999&ISO|Name\r", n)),
        ("charges", &|n| charge("FT1|1|||20260301||CG|1^X^L\r", n)),
        ("billed", &|n| format!("{}{}", charge("", n), "FT1|1|||20260301||CG|1^X^L\r".repeat(n))),
        ("medicines", &medicines),
        ("observed", &|n| admit("OBX|1|ST|1^X^LN||a||||||F\r", n)),
        ("identifiers", &|n| format!("{header}PV1|1|I\rPID|1||{}\rOBR|1", "A^^^&2.999&ISO~".repeat(n))),
        ("participants", &|n| {
            format!("{}{}", admit("", 0).replace("I||||||", "I|||||1^A^B"), "~2^C^D^^^^^^&2.999&ISO".repeat(n))
        }),
        ("escapes", &|n| result(&format!("OBX|1|FT|1^X^LN||{}", "\\.sp9\\\\X41\\".repeat(n)), 1)),
        ("fields", &|n| result(&format!("OBX{}", "|".repeat(20 * n)), 1)),
        ("components", &|n| result(&format!("OBX|1|CWE|{}", "^&".repeat(20 * n)), 1)),
    ];
    let mut slow = Vec::new();
    for (name, make) in cases {
        let ((small, wrong), (large, more)) = (measured(&make(SMALL)), measured(&make(4 * SMALL)));
        slow.extend(wrong.or(more).map(|wrong| format!("{name}: {wrong}")));
        println!("{name:13} {small:12.1?} {large:12.1?}");
        // What costs the square of it would be sixteen times as much.
        if large > Duration::from_millis(300) && large > small * 10 {
            slow.push(format!("{name}: {small:?} became {large:?}"));
        }
    }
    assert!(slow.is_empty(), "{slow:#?}");
}
