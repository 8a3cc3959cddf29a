//! Codes of tables and what they mean in FHIR; coding systems and their URIs.
//!
//! v2-to-FHIR, concept maps. `tables/*.txt` hold them: `table NAME SYSTEM` begins the codes that mean something in this system (a name
//! comes again where some of its codes are of another one; `HL70004/status` is the same table for another element), then `CODES
//! CODE DISPLAY` in each line. `=` stands for the same code; `-` for a code that is known and says nothing here.

use super::convert::Ctx;
use std::collections::HashMap;
use std::sync::LazyLock;

pub const NPI: &str = "http://hl7.org/fhir/sid/us-npi";
pub const SSN: &str = "http://hl7.org/fhir/sid/us-ssn";
pub const UCUM: &str = "http://unitsofmeasure.org";

/// What a code of a table means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    pub system: &'static str,
    pub code: String,
    pub display: Option<&'static str>,
}

const FILES: [&str; 4] = [
    include_str!("tables/person.txt"),
    include_str!("tables/visit.txt"),
    include_str!("tables/order.txt"),
    include_str!("tables/care.txt"),
];

/// The codes of a table, in upper case; none for those that say nothing.
type Codes = HashMap<String, Option<Meaning>>;

static TABLES: LazyLock<HashMap<&'static str, Codes>> = LazyLock::new(|| {
    let mut tables: HashMap<&str, Codes> = HashMap::new();
    // A line that cannot be read is missing, which a test sees.
    for row in FILES.iter().flat_map(|text| rows(text)).flatten() {
        let codes = tables.entry(row.table).or_default();
        for code in row.codes {
            let meaning = row.target.map(|target| {
                let same = if target == "=" { code } else { target };
                Meaning { system: row.system, code: same.to_string(), display: row.display }
            });
            codes.insert(code.to_ascii_uppercase(), meaning);
        }
    }
    tables
});

/// One line of a table.
struct Row {
    table: &'static str,
    system: &'static str,
    codes: Vec<&'static str>,
    target: Option<&'static str>,
    display: Option<&'static str>,
}

/// Reads a file; an error for each line that is none.
fn rows(text: &'static str) -> Vec<Result<Row, String>> {
    let mut head: Option<(&str, &str)> = None;
    let mut rows = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (second, display) = rest.split_once(' ').unwrap_or((rest, ""));
        if first == "table" {
            head = Some((second, display));
            continue;
        }
        let row = head.filter(|(name, system)| !name.is_empty() && system.contains(':') && !second.is_empty());
        rows.push(row.ok_or_else(|| line.to_string()).map(|(table, system)| Row {
            table,
            system,
            codes: first.split(',').collect(),
            target: (second != "-").then_some(second),
            display: (!display.is_empty()).then_some(display),
        }));
    }
    rows
}

/// Returns what a code of a table means: nothing where the table has it not, and inside nothing where it says nothing.
pub fn look_up(table: &str, code: &str) -> Option<Option<Meaning>> {
    TABLES.get(table)?.get(&code.to_ascii_uppercase()).cloned()
}

/// Returns whether we have a table of this name.
pub fn is_there(table: &str) -> bool {
    TABLES.contains_key(table)
}

/// Returns the meaning that a table has for one of its codes in FHIR: some feeds send `female`.
fn by_target(table: &str, code: &str) -> Option<Meaning> {
    let meanings = TABLES.get(table)?.values().flatten();
    meanings.into_iter().find(|meaning| meaning.code.len() > 2 && meaning.code.eq_ignore_ascii_case(code)).cloned()
}

/// Coding systems: by name in upper case, and by OID.
static SYSTEMS: LazyLock<(HashMap<&str, &str>, HashMap<&str, &str>)> = LazyLock::new(|| {
    let (mut by_name, mut by_oid) = (HashMap::new(), HashMap::new());
    for line in include_str!("tables/systems.txt").lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let (Some(names), Some(uri), Some(oid)) = (words.next(), words.next(), words.next()) else { continue };
        by_name.extend(names.split(',').map(|name| (name, uri)));
        by_oid.insert(oid, uri);
    }
    (by_name, by_oid)
});

/// Returns the URI by which everybody knows an OID.
pub fn of_oid(oid: &str) -> Option<&'static str> {
    SYSTEMS.1.get(oid).copied()
}

/// Returns the URI of a table of HL7: `HL70002`, `HL7-0354` and `0002` are v2-0002 and so on.
pub fn of_table(name: &str) -> Option<String> {
    let number = name.split('/').next()?;
    let number = match number.strip_prefix("HL7").or_else(|| number.strip_prefix("hl7")) {
        Some(rest) => rest.trim_start_matches(['-', '_', ' ']),
        None => number,
    };
    let is_number = (3..=5).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    let number = number.trim_start_matches('0');
    (is_number && number.len() <= 4).then(|| format!("http://terminology.hl7.org/CodeSystem/v2-{number:0>4}"))
}

/// Returns the URI of a coding system that is known by name, OID or URI.
pub fn known_system(name: &str) -> Option<String> {
    let upper = name.to_ascii_uppercase();
    if let Some(uri) = SYSTEMS.0.get(upper.as_str()) {
        return Some(uri.to_string());
    }
    of_table(&upper).filter(|_| upper.starts_with("HL7"))
}

impl Ctx<'_> {
    /// Returns what a code of a table means, by the rules of the feed and then by the standard; as [`look_up`].
    pub fn table(&self, table: &str, code: &str) -> Option<Option<Meaning>> {
        let base = table.split('/').next().unwrap_or(table);
        let ruled =
            self.rules.tables.get(table).or_else(|| self.rules.tables.get(base)).and_then(|codes| codes.get(code));
        let code = ruled.map_or(code, String::as_str);
        look_up(table, code).or_else(|| by_target(table, code).map(Some))
    }

    /// Returns whether the rules of the feed say what a code of a table means.
    pub fn is_ruled(&self, table: &str, code: &str) -> bool {
        self.rules.tables.get(table).is_some_and(|codes| codes.contains_key(code))
    }
}
