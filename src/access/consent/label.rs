//! Security labels: how confidential data are, and which topics make them sensitive.
//!
//! R4 <https://hl7.org/fhir/R4/security-labels.html>; v3-Confidentiality is an order, `U` < `L` < `M` < `N` < `R` < `V`, and the
//! topics of v3-ActCode a tree. What has no label of confidentiality is normal, what has several is as the highest says.

use super::code::{ACT_CODE, CONFIDENTIALITY};
use super::index::{Coded, tokens};
use super::listed::Region;
use crate::fhir::ResourceType;
use crate::search::{Expr, Registry};

/// From the least to the most confidential.
pub const LEVELS: [&str; 6] = ["U", "L", "M", "N", "R", "V"];
pub const NORMAL: usize = 3;
pub const RESTRICTED: usize = 4;
const VERY_RESTRICTED: usize = 5;

/// Names of the system of confidentiality that are in use.
const CONFIDENTIALITIES: [&str; 3] =
    [CONFIDENTIALITY, "http://hl7.org/fhir/v3/Confidentiality", "urn:oid:2.16.840.1.113883.5.25"];
const ACT_CODES: [&str; 3] = [ACT_CODE, "http://hl7.org/fhir/v3/ActCode", "urn:oid:2.16.840.1.113883.5.4"];

/// Topics of sensitivity and the one above; empty for none.
pub const TOPICS: &[(&str, &str)] = &[
    ("ADOL", ""),
    ("B42CFRPART2", "SUD"),
    ("BH", "SPI"),
    ("CEL", ""),
    ("CELEB", ""),
    ("COGN", "SPI"),
    ("DEMO", ""),
    ("DIA", ""),
    ("DOB", ""),
    ("DRGIS", ""),
    ("DVD", "SPI"),
    ("EMOTDIS", "MH"),
    ("EMP", ""),
    ("EMPL", ""),
    ("ETH", ""),
    ("ETHUD", "SUD"),
    ("GDIS", ""),
    ("GENDER", ""),
    ("HIV", ""),
    ("LIVARG", ""),
    ("LOCIS", ""),
    ("MARST", ""),
    ("MENCAT", "SPI"),
    ("MH", "SPI"),
    ("MST", ""),
    ("OPIOIDUD", "SUD"),
    ("PATLOC", ""),
    ("PDS", ""),
    ("PHY", ""),
    ("PHYDBA", ""),
    ("PRS", ""),
    ("PSY", "SPI"),
    ("PSYTHPN", "SPI"),
    ("RACE", ""),
    ("REL", ""),
    ("SCA", ""),
    ("SDV", ""),
    ("SEX", ""),
    ("SICKLE", ""),
    ("SOC", ""),
    ("SPI", ""),
    ("SSP", ""),
    ("STD", ""),
    ("SUD", "SPI"),
    ("TBOO", ""),
    ("VIO", ""),
    ("VIP", ""),
];

/// One label that a provision names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// A place in [`LEVELS`].
    Level(usize),
    /// A place in [`TOPICS`].
    Topic(usize),
}

impl Label {
    /// Returns the label of a Coding; none for one that is not understood.
    pub fn read(system: &str, code: &str) -> Option<Label> {
        if CONFIDENTIALITIES.contains(&system) {
            return LEVELS.iter().position(|level| *level == code).map(Label::Level);
        }
        let topic = || TOPICS.binary_search_by(|(known, _)| (*known).cmp(code)).ok().map(Label::Topic);
        ACT_CODES.contains(&system).then(topic)?
    }

    fn level(self) -> Option<usize> {
        match self {
            Label::Level(level) => Some(level),
            Label::Topic(_) => None,
        }
    }

    fn covers(self, topic: usize) -> bool {
        let Label::Topic(named) = self else { return false };
        let above = |code: &'static str| TOPICS.iter().find(|(known, _)| *known == code).map(|(_, above)| *above);
        std::iter::successors(Some(TOPICS[topic].0), |code| above(code)).any(|code| code == TOPICS[named].0)
    }
}

/// Conditions on the labels of resources of one type.
pub struct Labels<'a> {
    pub registry: &'a Registry,
    pub t: ResourceType,
}

impl Labels<'_> {
    fn any(&self, systems: &[&'static str], codes: &[&'static str]) -> Option<Expr> {
        // A label without a system is taken for one of ours: it hides rather than shows.
        let one = |code: &'static str| {
            systems.iter().map(move |system| Coded::Of(system, code)).chain([Coded::WithoutSystem(code)])
        };
        let wanted: Vec<Coded> = codes.iter().copied().flat_map(one).collect();
        tokens(self.registry, self.t, &["_security"], &wanted)
    }

    fn levels(&self, levels: &[&'static str]) -> Option<Expr> {
        self.any(&CONFIDENTIALITIES, levels)
    }

    /// Returns the condition that a resource is at most so confidential; none where the index cannot say.
    pub fn at_most(&self, level: usize) -> Option<Expr> {
        if level >= VERY_RESTRICTED {
            return Some(Expr::All);
        }
        let not_above = Expr::not(self.levels(&LEVELS[level + 1..])?);
        if level >= NORMAL {
            return Some(not_above);
        }
        Some(Expr::and([self.levels(&LEVELS[..=level])?, not_above]))
    }

    fn at_least(&self, level: usize) -> Option<Expr> {
        match level {
            0 => Some(Expr::All),
            level if level > NORMAL => self.levels(&LEVELS[level..]),
            level => Some(Expr::not(self.at_most(level - 1)?)),
        }
    }

    fn topics(&self, wanted: impl Fn(usize) -> bool) -> Option<Expr> {
        let codes: Vec<&str> = (0..TOPICS.len()).filter(|topic| wanted(*topic)).map(|topic| TOPICS[topic].0).collect();
        if codes.is_empty() { Some(Expr::None) } else { self.any(&ACT_CODES, &codes) }
    }

    /// Returns what a permit with these labels covers: up to the highest level, and of what is restricted only that of which every
    /// topic is named, if any is. A permit that names topics alone covers what is labelled with them, and is not very restricted.
    pub fn permitted(&self, labels: &[Label]) -> Region {
        let region = || {
            let level = labels.iter().filter_map(|label| label.level()).max();
            let names_topics = labels.iter().any(|label| matches!(label, Label::Topic(_)));
            let named = |topic: usize| labels.iter().any(|label| label.covers(topic));
            Some(match (level, names_topics) {
                (Some(level), false) => self.at_most(level)?,
                (Some(level), true) if level < RESTRICTED => self.at_most(level)?,
                (Some(level), true) => {
                    let no_other = Expr::not(self.topics(|topic| !named(topic))?);
                    Expr::and([self.at_most(level)?, Expr::or([self.at_most(NORMAL)?, no_other])])
                }
                (None, _) => {
                    let no_other = Expr::not(self.topics(|topic| !named(topic))?);
                    Expr::and([self.at_most(RESTRICTED)?, self.topics(named)?, no_other])
                }
            })
        };
        region().map_or_else(Region::unknown, Region::known)
    }

    /// Returns what a refusal with these labels covers: from the lowest level on, and whatever has one of the topics.
    pub fn denied(&self, labels: &[Label]) -> Region {
        let region = || {
            let level = labels.iter().filter_map(|label| label.level()).min();
            let level = level.map_or(Some(Expr::None), |level| self.at_least(level))?;
            Some(Expr::or([level, self.topics(|topic| labels.iter().any(|label| label.covers(topic)))?]))
        };
        region().map_or_else(Region::unknown, Region::known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_sorted_and_known_by_their_system() {
        assert!(TOPICS.is_sorted_by(|a, b| a.0 < b.0));
        for (_, above) in TOPICS.iter().filter(|(_, above)| !above.is_empty()) {
            assert!(Label::read(ACT_CODE, above).is_some(), "{above}");
        }
        assert_eq!(Label::read(CONFIDENTIALITY, "R"), Some(Label::Level(RESTRICTED)));
        assert_eq!(Label::read("urn:oid:2.16.840.1.113883.5.25", "N"), Some(Label::Level(NORMAL)));
        for (system, code) in [("", "R"), (ACT_CODE, "R"), (CONFIDENTIALITY, "HIV"), (CONFIDENTIALITY, "r")] {
            assert_eq!(Label::read(system, code), None, "{system}|{code}");
        }
    }

    #[test]
    fn a_topic_covers_those_below_it() {
        let label = |code| Label::read(ACT_CODE, code).unwrap();
        let place = |code: &str| TOPICS.iter().position(|(known, _)| *known == code).unwrap();
        for (outer, inner, expected) in [
            ("SUD", "ETHUD", true),
            ("SPI", "OPIOIDUD", true),
            ("ETHUD", "SUD", false),
            ("ETH", "ETHUD", false),
            ("PSY", "MH", false),
            ("HIV", "HIV", true),
        ] {
            assert_eq!(label(outer).covers(place(inner)), expected, "{outer} {inner}");
        }
    }
}
