//! The settings of a feed as they are written down, in TOML, and the rules that they are.
//!
//! Every key may be left out. What is not known or makes no sense is refused, all of it at once, with words for who wrote it:
//! a key that is misspelt would otherwise be a rule that never holds.

use super::charset;
use super::network::Network;
use super::rules::Rules;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use toml::{Table, Value};

/// Every key, in the order in which an example has them.
const KEYS: [&str; 11] = [
    "facility",
    "zone",
    "patient_system",
    "charset",
    "processing",
    "addresses",
    "makes_patients",
    "incomplete",
    "systems",
    "coding_systems",
    "tables",
];
/// Rows that a table of settings has at most.
const ROWS_MAX: usize = 10_000;
/// Bytes that settings have at most.
const BYTES_MAX: usize = 1 << 20;

/// Settings with every key, for who writes their own; what it says is what holds where nothing is said, or an example.
pub const EXAMPLE: &str = include_str!("settings.toml");

/// Reads settings; returns the rules that they are, or everything that is wrong with them.
pub fn rules(text: &str, canonical_base: &str) -> Result<Rules, Vec<String>> {
    if text.len() > BYTES_MAX {
        return Err(vec![format!("settings have at most {BYTES_MAX} bytes")]);
    }
    let table: Table = match text.parse() {
        Ok(table) => table,
        Err(error) => return Err(vec![format!("the settings are no TOML: {}", error.to_string().trim())]),
    };
    let mut read = Read { table: &table, wrong: Vec::new() };
    let rules = read.rules(canonical_base);
    if read.wrong.is_empty() { Ok(rules) } else { Err(read.wrong) }
}

struct Read<'t> {
    table: &'t Table,
    wrong: Vec<String>,
}

impl Read<'_> {
    fn rules(&mut self, canonical_base: &str) -> Rules {
        for key in self.table.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            self.wrong.push(format!("there is no setting '{}'; there are {}", shown(key), KEYS.join(", ")));
        }
        let usual = Rules::default();
        Rules {
            facility: self
                .text("facility", |text| if is_word(text) && !text.contains(' ') { Ok(()) } else { Err(WORD) }),
            zone: self.zone().unwrap_or(usual.zone),
            patient_system: self.text("patient_system", uri),
            charset: self.text("charset", |text| if charset::is_known(text) { Ok(()) } else { Err(CHARSET) }),
            processing: self.processing().unwrap_or(usual.processing),
            makes_patients: self.flag("makes_patients").unwrap_or(usual.makes_patients),
            accepts_incomplete: self.incomplete().unwrap_or(usual.accepts_incomplete),
            addresses: self.addresses(),
            systems: self.uris("systems"),
            coding_systems: self.uris("coding_systems"),
            tables: self.tables(),
            canonical_base: canonical_base.to_string(),
        }
    }

    fn expected(&mut self, key: &str, what: &str) {
        self.wrong.push(format!("{key}: {what} is expected"));
    }

    /// Returns a text that passes the check, which says otherwise what is expected.
    fn text(&mut self, key: &str, check: impl Fn(&str) -> Result<(), &'static str>) -> Option<String> {
        let value = self.table.get(key)?;
        let Some(text) = value.as_str().map(str::trim) else {
            self.expected(key, "a text in quotes");
            return None;
        };
        match check(text) {
            Ok(()) => Some(text.to_string()),
            Err(what) => {
                self.expected(key, what);
                None
            }
        }
    }

    fn flag(&mut self, key: &str) -> Option<bool> {
        let value = self.table.get(key)?;
        if value.as_bool().is_none() {
            self.expected(key, "true or false");
        }
        value.as_bool()
    }

    /// Returns from where messages are taken.
    fn addresses(&mut self) -> Vec<Network> {
        let Some(value) = self.table.get("addresses") else { return Vec::new() };
        let read = |value: &Value| value.as_str().and_then(|text| Network::parse(text.trim()));
        let all: Option<Vec<Network>> = value.as_array().and_then(|list| list.iter().map(read).collect());
        match all.filter(|all| (1..=ROWS_MAX).contains(&all.len())) {
            Some(all) => all,
            None => {
                self.expected("addresses", "a list of addresses and networks, such as \"10.1.0.0/16\" or \"::1\",");
                Vec::new()
            }
        }
    }

    fn incomplete(&mut self) -> Option<bool> {
        let is_known = |text: &str| if ["refuse", "accept"].contains(&text) { Ok(()) } else { Err(INCOMPLETE) };
        self.text("incomplete", is_known).map(|text| text == "accept")
    }

    fn zone(&mut self) -> Option<TimeZone> {
        let name = self.text("zone", |_| Ok(()))?;
        match TimeZone::get(&name) {
            Ok(zone) => Some(zone),
            Err(_) => {
                let text =
                    "the name of a time zone, such as \"Europe/Berlin\", that this machine knows (package tzdata)";
                self.expected("zone", text);
                None
            }
        }
    }

    /// Table 0103: production, training, debugging.
    fn processing(&mut self) -> Option<Vec<String>> {
        let value = self.table.get("processing")?;
        let codes: Option<Vec<&str>> = value.as_array().and_then(|list| list.iter().map(Value::as_str).collect());
        match codes.filter(|codes| !codes.is_empty() && codes.iter().all(|code| ["P", "T", "D"].contains(code))) {
            Some(codes) => Some(codes.into_iter().map(String::from).collect()),
            None => {
                self.expected("processing", "a list of \"P\" (production), \"T\" (training), \"D\" (debugging)");
                None
            }
        }
    }

    /// Returns the table of a key; an empty one where it is left out or none.
    fn table_of(&mut self, key: &str) -> BTreeMap<String, Value> {
        let Some(value) = self.table.get(key) else { return BTreeMap::new() };
        match value.as_table().filter(|rows| rows.len() <= ROWS_MAX) {
            Some(rows) => rows.iter().map(|(name, value)| (name.trim().to_string(), value.clone())).collect(),
            None => {
                self.expected(key, &format!("a table, [{key}], of at most {ROWS_MAX} rows"));
                BTreeMap::new()
            }
        }
    }

    fn uris(&mut self, key: &str) -> BTreeMap<String, String> {
        let mut uris = BTreeMap::new();
        for (name, value) in self.table_of(key) {
            match value.as_str().map(str::trim).filter(|text| uri(text).is_ok()) {
                Some(text) => {
                    uris.insert(name, text.to_string());
                }
                None => self.expected(&format!("{key}.{}", shown(&name)), URI),
            }
        }
        uris
    }

    fn tables(&mut self) -> BTreeMap<String, BTreeMap<String, String>> {
        let mut tables = BTreeMap::new();
        for (table, rows) in self.table_of("tables") {
            let at = format!("tables.{}", shown(&table));
            let number = table.strip_prefix("HL7").filter(|n| n.len() == 4 && n.bytes().all(|b| b.is_ascii_digit()));
            let Some(rows) = number.and_then(|_| rows.as_table()).filter(|rows| rows.len() <= ROWS_MAX) else {
                self.expected(&at, "a table by its number, such as [tables.HL70001], with a code in each row");
                continue;
            };
            let mut codes = BTreeMap::new();
            for (code, meaning) in rows {
                match meaning.as_str().map(str::trim).filter(|meaning| !meaning.is_empty()) {
                    Some(meaning) => {
                        codes.insert(code.trim().to_string(), meaning.to_string());
                    }
                    None => self.expected(&format!("{at}.{}", shown(code)), "a code of the table, in quotes"),
                }
            }
            tables.insert(table, codes);
        }
        tables
    }
}

const URI: &str = "a URI, such as \"urn:oid:1.2.3\" or \"https://hospital.example/mrn\",";
const WORD: &str = "a short name without spaces";
const INCOMPLETE: &str = "\"refuse\" or \"accept\"";
const CHARSET: &str = "a character set of table 0211, such as \"UNICODE UTF-8\" or \"8859/1\",";

/// RFC 3986: a scheme, a colon, and something after it, without spaces.
fn uri(text: &str) -> Result<(), &'static str> {
    let parts = text.split_once(':');
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    };
    let is_fine = parts.is_some_and(|(scheme, rest)| is_scheme(scheme) && !rest.is_empty())
        && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    if is_fine { Ok(()) } else { Err(URI) }
}

fn is_word(text: &str) -> bool {
    (1..=100).contains(&text.len()) && !text.contains(char::is_control)
}

/// Returns a name as it can be told.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Rules, Vec<String>> {
        rules(text, "https://here.example/fhir")
    }

    #[test]
    fn settings_are_rules_and_what_is_left_out_is_as_usual() {
        let rules = read("").unwrap();
        assert_eq!(rules.processing, ["P", "T", "D"]);
        assert!(rules.makes_patients && rules.systems.is_empty() && rules.zone == TimeZone::UTC);
        assert_eq!(rules.canonical_base, "https://here.example/fhir");
        let rules = read(EXAMPLE).unwrap();
        assert!(!rules.accepts_incomplete && read("incomplete = 'accept'").unwrap().accepts_incomplete);
        assert!(rules.takes_from("127.0.0.1") && rules.takes_from("::1") && !rules.takes_from("10.0.0.1"));
        assert!(!rules.takes_from("") && read("").unwrap().takes_from(""));
        assert_eq!(rules.facility.as_deref(), Some("HOSP"));
        assert_eq!(rules.zone.iana_name(), Some("Europe/Berlin"));
        assert_eq!(rules.systems["HOSP"], "https://hospital.example/mrn");
        assert_eq!(rules.tables["HL70001"]["W"], "F");
        let known: Vec<&str> = KEYS.into_iter().filter(|key| EXAMPLE.contains(key)).collect();
        assert_eq!(known, KEYS, "the example has every key");
    }

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let wrong = read(text).map(|_| ()).unwrap_err();
        assert_eq!(wrong.len(), expected.len(), "{wrong:?}");
        for (wrong, expected) in wrong.iter().zip(expected) {
            assert!(wrong.starts_with(expected), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_known_or_makes_no_sense_is_refused_in_words() {
        check("zone = ", &["the settings are no TOML: "]);
        check("zones = 'x'", &["there is no setting 'zones'; there are facility, zone, "]);
        check("zone = 'Europe/Nowhere'", &["zone: the name of a time zone"]);
        check("zone = 1", &["zone: a text in quotes is expected"]);
        check("patient_system = 'MRN'", &["patient_system: a URI, such as"]);
        check("facility = ''", &["facility: a short name"]);
        check("facility = 'a b'", &["facility: a short name"]);
        check("charset = 'Klingon'", &["charset: a character set"]);
        check("processing = ['X']", &["processing: a list of"]);
        check("processing = []", &["processing: a list of"]);
        check("processing = 'P'", &["processing: a list of"]);
        check("addresses = '10.0.0.1'", &["addresses: a list of addresses"]);
        check("addresses = []", &["addresses: a list of addresses"]);
        check("addresses = ['10.1.2.3/16']", &["addresses: a list of addresses"]);
        check("makes_patients = 'yes'", &["makes_patients: true or false is expected"]);
        check("incomplete = 'maybe'", &["incomplete: \"refuse\" or \"accept\" is expected"]);
        check("systems = 'x'", &["systems: a table, [systems]"]);
        check("[systems]\nLAB = 'lab'\nX = 1", &["systems.LAB: a URI", "systems.X: a URI"]);
        check("[coding_systems]\nL = 'a b:c'", &["coding_systems.L: a URI"]);
        check("[tables]\nHL70001 = 1", &["tables.HL70001: a table by its number"]);
        check("[tables.sex]\nW = 'F'", &["tables.sex: a table by its number"]);
        check("[tables.HL70001]\nW = 1", &["tables.HL70001.W: a code"]);
        check("x = 1\nzone = 2", &["there is no setting 'x'", "zone: a text"]);
    }
}
