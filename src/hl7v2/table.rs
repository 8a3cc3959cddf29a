//! Codes of tables and what they mean in FHIR; coding systems and their URIs.
//!
//! v2-to-FHIR, concept maps. `tables/*.txt` hold them: `table NAME SYSTEM` begins the codes that mean something in this system (a name
//! comes again where some of its codes are of another one; `HL70004/status` is the same table for another element), then `CODES
//! CODE DISPLAY` in each line. `=` stands for the same code; `-` for a code that is known and says nothing here.

use super::ctx::Ctx;
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

/// URIs of coding systems.
struct Systems {
    /// In upper case.
    by_name: HashMap<&'static str, &'static str>,
    by_oid: HashMap<&'static str, &'static str>,
}

static SYSTEMS: LazyLock<Systems> = LazyLock::new(|| {
    let (mut by_name, mut by_oid) = (HashMap::new(), HashMap::new());
    for line in include_str!("tables/systems.txt").lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let (Some(names), Some(uri), Some(oid)) = (words.next(), words.next(), words.next()) else { continue };
        by_name.extend(names.split(',').map(|name| (name, uri)));
        by_oid.insert(oid, uri);
    }
    Systems { by_name, by_oid }
});

/// Returns the URI by which everybody knows an OID.
pub fn of_oid(oid: &str) -> Option<&'static str> {
    SYSTEMS.by_oid.get(oid).copied()
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
    if let Some(uri) = SYSTEMS.by_name.get(upper.as_str()) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_line_of_the_tables_is_read_and_says_a_code_once() {
        let mut seen = BTreeSet::new();
        for row in FILES.iter().flat_map(|text| rows(text)) {
            let row = row.unwrap_or_else(|line| panic!("{line}"));
            assert!(of_table(row.table).is_some(), "{} is no table", row.table);
            assert!(row.system.starts_with("http://") || row.system.starts_with("urn:"), "{}", row.system);
            for code in row.codes {
                assert!(seen.insert((row.table, code.to_ascii_uppercase())), "{} {code} twice", row.table);
            }
            let target = row.target.unwrap_or("=");
            assert!(target == "=" || target.bytes().all(|b| b.is_ascii_graphic()), "{target}");
        }
    }

    /// R4, the codes of required bindings (and of one that is extensible, and small).
    const CODES: &[(&str, &str)] = &[
        ("http://hl7.org/fhir/administrative-gender", "male female other unknown"),
        ("http://hl7.org/fhir/name-use", "usual official temp nickname anonymous old maiden"),
        ("http://hl7.org/fhir/address-use", "home work temp old billing"),
        ("http://hl7.org/fhir/address-type", "postal physical both"),
        ("http://hl7.org/fhir/contact-point-use", "home work temp old mobile"),
        ("http://hl7.org/fhir/contact-point-system", "phone fax email pager url sms other"),
        (
            "http://hl7.org/fhir/encounter-status",
            "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown",
        ),
        (
            "http://hl7.org/fhir/appointmentstatus",
            "proposed pending booked arrived fulfilled cancelled noshow entered-in-error checked-in waitlist",
        ),
        ("http://hl7.org/fhir/participationstatus", "accepted declined tentative needs-action"),
        ("http://hl7.org/fhir/request-status", "draft active on-hold revoked completed entered-in-error unknown"),
        ("http://hl7.org/fhir/request-priority", "routine urgent asap stat"),
        (
            "http://hl7.org/fhir/CodeSystem/medicationrequest-status",
            "active on-hold cancelled completed entered-in-error stopped draft unknown",
        ),
        (
            "http://hl7.org/fhir/observation-status",
            "registered preliminary final amended corrected cancelled entered-in-error unknown",
        ),
        (
            "http://hl7.org/fhir/diagnostic-report-status",
            "registered partial preliminary final amended corrected appended cancelled entered-in-error unknown",
        ),
        ("http://hl7.org/fhir/specimen-status", "available unavailable unsatisfactory entered-in-error"),
        ("http://hl7.org/fhir/composition-status", "preliminary final amended entered-in-error"),
        ("http://hl7.org/fhir/document-reference-status", "current superseded entered-in-error"),
        ("http://hl7.org/fhir/allergy-intolerance-category", "food medication environment biologic"),
        ("http://hl7.org/fhir/allergy-intolerance-type", "allergy intolerance"),
        ("http://hl7.org/fhir/allergy-intolerance-criticality", "low high unable-to-assess"),
        ("http://hl7.org/fhir/reaction-event-severity", "mild moderate severe"),
        (
            "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification",
            "unconfirmed confirmed refuted entered-in-error",
        ),
        ("http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "active inactive resolved"),
        ("http://hl7.org/fhir/event-status", "completed entered-in-error not-done"),
        (
            "http://hl7.org/fhir/event-timing",
            "MORN NOON AFT EVE NIGHT PHS HS WAKE C CM CD CV AC ACM ACD ACV PC PCM PCD PCV",
        ),
        (
            "http://terminology.hl7.org/CodeSystem/subscriber-relationship",
            "child parent spouse common other self injured",
        ),
    ];

    #[test]
    fn what_codes_mean_is_in_fhir() {
        let mut checked = BTreeSet::new();
        for meaning in TABLES.values().flat_map(|codes| codes.values().flatten()) {
            if let Some((system, codes)) = CODES.iter().find(|(system, _)| *system == meaning.system) {
                assert!(codes.split(' ').any(|code| code == meaning.code), "{} is no code of {system}", meaning.code);
                checked.insert(*system);
            }
            let is_required = meaning.system.starts_with("http://hl7.org/fhir/");
            assert!(!is_required || checked.contains(meaning.system), "{} is not checked", meaning.system);
        }
        assert_eq!(checked.len(), CODES.len());
    }

    #[track_caller]
    fn check(table: &str, codes: &str) {
        for pair in codes.split(' ') {
            let (code, expected) = pair.split_once('=').unwrap();
            let found = match look_up(table, code) {
                Some(Some(meaning)) => meaning.code,
                Some(None) => "-".to_string(),
                None => "?".to_string(),
            };
            assert_eq!(found, expected, "{table} {code}");
        }
    }

    #[test]
    fn codes_mean_what_the_standard_says() {
        check("HL70001", "F=female M=male O=other A=other N=other U=unknown X=?");
        check("HL70002", "A=L M=M G=T B=U U=UNK O=OTH T=NAVU");
        check("HL70004", "E=EMER I=IMP O=AMB P=PRENC R=R U=U");
        check("HL70004/status", "E=in-progress P=planned U=unknown");
        check("HL70005", "2106-3=2106-3 W=2106-3 U=UNK");
        check("HL70006", "CAT=1041 MOS=1023 ZZ=?");
        check(
            "HL70038",
            "CA=revoked CM=completed DC=revoked ER=entered-in-error HD=on-hold IP=active RP=revoked SC=active",
        );
        check("HL70038/medication", "CA=cancelled DC=stopped CM=completed");
        check("HL70063", "SPO=SPS MTH=MTH EMC=C UNK=U CGV=?");
        check("HL70063/subscriber", "SEL=self SPO=spouse CHD=child PAR=parent FND=other");
        check("HL70078", "H=H <=< SYN-R=SYN-R AC=?");
        check(
            "HL70085",
            "F=final P=preliminary C=corrected A=amended D=entered-in-error W=entered-in-error X=cancelled",
        );
        check("HL70085", "I=registered O=- S=- R=preliminary B=preliminary U=final V=final");
        check("HL70119", "NW=active CA=revoked DC=revoked HD=active HR=on-hold FU=completed RE=- ZZ=?");
        check("HL70119/medication", "NW=active CA=cancelled DC=stopped HD=on-hold RE=-");
        check(
            "HL70123",
            "O=registered I=registered S=registered P=preliminary R=partial A=partial F=final C=corrected X=cancelled Y=?",
        );
        check("HL70127", "DA=medication FA=food EA=environment PA=environment LA=environment AA=biologic MA=- MC=-");
        check("HL70127/type", "DA=allergy MC=-");
        check("HL70128", "SV=severe MO=moderate MI=mild U=-");
        check("HL70128/criticality", "SV=high MI=low MO=-");
        check("HL70136/specimen", "Y=available N=unavailable");
        check("HL70162", "IM=IM IV=IVINJ SC=SQ PO=PO NS=?");
        check("HL70177", "V=V R=R U=N ETH=ETHUD AID=HIV HIV=HIV PSY=PSY");
        check("HL70189", "H=2135-2 N=2186-5 U=UNK");
        check("HL70190", "H=home B=work O=work C=temp BA=old BI=billing M=-");
        check("HL70190/type", "M=postal SH=postal H=-");
        check(
            "HL70200",
            "L=official R=official D=usual M=maiden N=nickname BAD=old TEMP=temp NAV=temp MSK=anonymous P=-",
        );
        check("HL70201", "PRN=home WPN=work PRS=mobile NET=-");
        check("HL70202", "PH=phone FX=fax BP=pager CP=phone Internet=email X.400=email TTY=other");
        check("HL70202/use", "CP=mobile PH=-");
        check("HL70217", "1=EM 2=UR 3=EL");
        check("HL70271", "DI=preliminary IP=preliminary IN=preliminary PA=preliminary AU=final LA=final DO=final");
        check("HL70273", "AV=current OB=superseded CA=entered-in-error");
        check("HL70278", "Pending=pending WAITLIST=waitlist Booked=booked Started=checked-in Complete=fulfilled");
        check("HL70278", "Cancelled=cancelled Deleted=entered-in-error Noshow=noshow Blocked=-");
        check("HL70296", "EN=en ger=de Farsi=fa xx=?");
        check("HL70322", "CP=completed PA=completed RE=not-done NA=not-done");
        check("HL70443", "AT=ATND AD=ADM CP=CON RP=REF");
        check("HL70485", "S=stat A=asap R=routine P=-");
    }

    #[test]
    fn what_maps_call_codes_is_there() {
        for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/hl7v2/maps")).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for line in text.lines().filter(|line| !line.starts_with('#')) {
                let words: Vec<&str> = line.split_whitespace().collect();
                let is_code = words.get(2).is_some_and(|conversion| *conversion == "code");
                let table = words.iter().find_map(|word| word.strip_prefix("table=")).filter(|_| is_code);
                assert!(table.is_none_or(is_there), "{line}: there is no such table");
            }
        }
    }

    #[test]
    fn tables_and_systems_have_uris() {
        let v2 = |n: &str| Some(format!("http://terminology.hl7.org/CodeSystem/v2-{n}"));
        for (name, number) in [
            ("HL70002", "0002"),
            ("HL7-0354", "0354"),
            ("HL70004/status", "0004"),
            ("HL70207", "0207"),
            ("0078", "0078"),
        ] {
            assert_eq!(of_table(name), v2(number), "{name}");
        }
        for name in ["", "HL7", "L", "99X", "HL7ABC", "HL7123456"] {
            assert_eq!(of_table(name), None, "{name}");
        }
        for line in include_str!("tables/systems.txt").lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split(' ').collect();
            let [names, uri, oid] = words[..] else { panic!("{line}") };
            for name in names.split(',') {
                assert_eq!(known_system(&name.to_ascii_lowercase()).as_deref(), Some(uri), "{name}");
            }
            assert_eq!(of_oid(oid), Some(uri), "{line}");
        }
    }
}
