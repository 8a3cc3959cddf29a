//! Code lists of sensitive topics: mental health, HIV, sexual health, substance use, genetics, violence.
//!
//! The lists are `sensitive.txt`; the topics are codes of v3-ActCode, <http://terminology.hl7.org/CodeSystem/v3-ActCode>.

use std::collections::HashMap;

const TEXT: &str = include_str!("sensitive.txt");

/// The topics, in the order of their bits.
pub const TOPICS: [&str; 9] = ["PSY", "HIV", "STD", "SEX", "ETHUD", "OPIOIDUD", "SUD", "GDIS", "SDV"];

/// A set of topics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Topics(u16);

impl Topics {
    /// Returns the set of one topic; empty for what is none of ours.
    pub fn of(code: &str) -> Topics {
        TOPICS.iter().position(|topic| *topic == code).map_or(Topics(0), |bit| Topics(1 << bit))
    }

    pub fn add(&mut self, other: Topics) {
        self.0 |= other.0;
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn codes(self) -> impl Iterator<Item = &'static str> {
        TOPICS.iter().enumerate().filter(move |(bit, _)| self.0 & (1 << bit) != 0).map(|(_, topic)| *topic)
    }
}

/// Which codes are of which topics.
#[derive(Debug, Default)]
pub struct Sensitive {
    systems: HashMap<Box<str>, usize>,
    lists: Vec<List>,
}

#[derive(Debug)]
struct List {
    by_prefix: bool,
    codes: HashMap<Box<str>, Topics>,
}

/// The shortest prefix that a line may have.
const PREFIX_MIN: usize = 3;

impl Sensitive {
    /// Returns the lists that the binary carries, or the line that makes no sense.
    pub fn load() -> Result<Sensitive, String> {
        Sensitive::parse(TEXT)
    }

    fn parse(text: &str) -> Result<Sensitive, String> {
        let mut sensitive = Sensitive::default();
        let mut names: HashMap<&str, usize> = HashMap::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let wrong = || line.to_string();
            let mut words = line.split_whitespace();
            let (first, name, third) = (words.next(), words.next().ok_or_else(wrong)?, words.next().ok_or_else(wrong)?);
            if first == Some("system") {
                names.insert(name, sensitive.lists.len());
                sensitive.systems.extend(words.map(|url| (url.into(), sensitive.lists.len())));
                sensitive.lists.push(List { by_prefix: third == "prefix", codes: HashMap::new() });
                continue;
            }
            let topics = Topics::of(first.unwrap_or_default());
            let list = names.get(name).and_then(|at| sensitive.lists.get_mut(*at)).ok_or_else(wrong)?;
            // A line without a word for people is not finished.
            if topics.is_empty() || words.next().is_none() {
                return Err(wrong());
            }
            for code in list.expanded(third).ok_or_else(wrong)? {
                list.codes.entry(code.into()).or_default().add(topics);
            }
        }
        Ok(sensitive)
    }

    /// Returns the topics of a code.
    pub fn topics(&self, system: &str, code: &str) -> Topics {
        match self.systems.get(system).and_then(|at| self.lists.get(*at)) {
            Some(list) => list.topics(code),
            None => Topics::default(),
        }
    }

    /// Returns whether there is a list at all.
    pub fn is_empty(&self) -> bool {
        self.systems.is_empty()
    }
}

impl List {
    fn topics(&self, code: &str) -> Topics {
        if !self.by_prefix {
            return self.codes.get(code).copied().unwrap_or_default();
        }
        let code = code.replace('.', "").to_ascii_uppercase();
        let mut topics = Topics::default();
        for end in PREFIX_MIN..=code.len().min(8) {
            if let Some(found) = code.get(..end).and_then(|prefix| self.codes.get(prefix)) {
                topics.add(*found);
            }
        }
        topics
    }

    /// Returns the codes or prefixes of a line: `F20-F29` are ten.
    fn expanded(&self, code: &str) -> Option<Vec<String>> {
        if !self.by_prefix {
            return Some(vec![code.to_string()]);
        }
        let code = code.replace('.', "");
        let Some((from, to)) = code.split_once('-') else {
            return (code.len() >= PREFIX_MIN).then(|| vec![code]);
        };
        // The letter and the digits that both have in common stay; the rest counts up.
        let common = from.bytes().zip(to.bytes()).take_while(|(a, b)| a == b).count();
        let (first, last): (u32, u32) = (from.get(common..)?.parse().ok()?, to.get(common..)?.parse().ok()?);
        let width = from.len() - common;
        (from.len() == to.len() && from.len() >= PREFIX_MIN && first < last)
            .then(|| (first..=last).map(|n| format!("{}{n:0width$}", &from[..common])).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_of_the_topics_of_their_lines() {
        let sensitive = Sensitive::load().expect("every line makes sense");
        let icd = "http://hl7.org/fhir/sid/icd-10";
        for (system, code, expected) in [
            (icd, "F32.1", "PSY"),
            (icd, "f321", "PSY"),
            (icd, "F20", "PSY"),
            (icd, "F17.2", ""),
            (icd, "F2", ""),
            (icd, "B24", "HIV"),
            (icd, "B25", ""),
            (icd, "A64", "STD"),
            (icd, "A65", ""),
            (icd, "T40.4X1A", "OPIOIDUD"),
            (icd, "T40.5", "SUD"),
            (icd, "Z11.4", "HIV"),
            (icd, "Z11.5", ""),
            (icd, "O9A.312", "SDV"),
            (icd, "J45.909", ""),
            (icd, "äöü", ""),
            (icd, "", ""),
            ("http://hl7.org/fhir/sid/icd-10-cm", "F10.20", "ETHUD"),
            ("http://www.whocc.no/atc", "N06AB06", "PSY"),
            ("http://www.whocc.no/atc", "N02BE01", ""),
            ("http://snomed.info/sct", "86406008", "HIV"),
            ("http://snomed.info/sct", "8640600", ""),
            ("http://loinc.org", "75622-1", "HIV"),
            ("http://example.org/codes", "86406008", ""),
        ] {
            let found: Vec<&str> = sensitive.topics(system, code).codes().collect();
            assert_eq!(found.join(" "), expected, "{system}|{code}");
        }
        assert!(Sensitive::default().is_empty() && !sensitive.is_empty());
    }

    #[test]
    fn a_line_that_makes_no_sense_is_named() {
        let begin = "system icd10 prefix http://icd\nsystem sct exact http://sct\n";
        for line in [
            "XYZ sct 1 word",
            "PSY other 1 word",
            "PSY sct 1",
            "PSY icd10 F1 word",
            "PSY icd10 F29-F20 word",
            "PSY icd10 A1-B22 word",
        ] {
            assert_eq!(Sensitive::parse(&format!("{begin}{line}")).err().as_deref(), Some(line));
        }
    }
}
