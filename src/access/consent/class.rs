//! Data classes: the words in which people say what they share, and the standard elements of a Consent that mean the same.
//!
//! R4 <https://hl7.org/fhir/R4/consent-definitions.html#Consent.provision.class>, `provision.code` and `provision.securityLabel`.
//! The classes are a CodeSystem of this server, `[canonical base]/CodeSystem/data-class`; a Consent that is written holds standard
//! elements alone, so that any reader of Consents understands it.

use super::code::{ACT_CODE, CONFIDENTIALITY, RESOURCE_TYPES};
use serde_json::{Map, Value, json};

const OBSERVATION_CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";
const SERVICE_SECTION: &str = "http://terminology.hl7.org/CodeSystem/v2-0074";

/// A kind of data that a person can name.
#[derive(Debug, PartialEq, Eq)]
pub struct DataClass {
    /// The code in the CodeSystem `data-class`.
    pub code: &'static str,
    /// What it is to people: a heading.
    pub words: &'static str,
    /// What is in it and what is not, in one sentence.
    pub definition: &'static str,
    /// Whether only what is labelled as sensitive is in it.
    pub is_sensitive: bool,
    content: Content,
}

#[derive(Debug, PartialEq, Eq)]
enum Content {
    All,
    /// Resources of these types; and resources of a type with one of these codes. None of them restricted.
    Types(&'static [&'static str], &'static [(&'static str, &'static str, &'static [&'static str])]),
    /// Whatever has one of these labels of sensitivity.
    Labels(&'static [&'static str]),
}

const fn plain(code: &'static str, words: &'static str, definition: &'static str, content: Content) -> DataClass {
    DataClass { code, words, definition, is_sensitive: matches!(content, Content::Labels(_)), content }
}

/// Every class, in the order in which people are asked.
pub const ALL: &[DataClass] = &[
    plain(
        "labs",
        "Laboratory results",
        "Blood, urine and other tests of a laboratory, and their reports.",
        Content::Types(
            &["Specimen"],
            &[
                ("Observation", OBSERVATION_CATEGORY, &["laboratory"]),
                (
                    "DiagnosticReport",
                    SERVICE_SECTION,
                    &["LAB", "HM", "CH", "MB", "SR", "BLB", "TX", "IMM", "PAT", "CP"],
                ),
            ],
        ),
    ),
    plain(
        "meds",
        "Medicines",
        "Prescriptions, medicines that were dispensed or given, and those taken.",
        Content::Types(
            &["MedicationAdministration", "MedicationDispense", "MedicationRequest", "MedicationStatement"],
            &[],
        ),
    ),
    plain(
        "allergies",
        "Allergies",
        "Allergies and intolerances, and the reactions to them.",
        Content::Types(&["AllergyIntolerance"], &[]),
    ),
    plain(
        "conditions",
        "Health problems and diagnoses",
        "Diagnoses and problems, present and past.",
        Content::Types(&["Condition"], &[]),
    ),
    plain(
        "imaging",
        "Images",
        "X-rays, scans and other images, and their reports.",
        Content::Types(
            &["ImagingStudy", "Media"],
            &[
                ("Observation", OBSERVATION_CATEGORY, &["imaging"]),
                ("DiagnosticReport", SERVICE_SECTION, &["RAD", "RUS", "RX", "CT", "NMR", "CUS", "NMS", "OUS", "VUS"]),
            ],
        ),
    ),
    plain(
        "notes",
        "Notes and letters",
        "What doctors and nurses wrote down, letters and documents.",
        Content::Types(&["ClinicalImpression", "Composition", "DocumentManifest", "DocumentReference"], &[]),
    ),
    plain(
        "vitals",
        "Vital signs",
        "Blood pressure, pulse, temperature, weight and the like.",
        Content::Types(&[], &[("Observation", OBSERVATION_CATEGORY, &["vital-signs"])]),
    ),
    plain(
        "immunizations",
        "Vaccinations",
        "Vaccinations given, refused and recommended.",
        Content::Types(&["Immunization", "ImmunizationEvaluation", "ImmunizationRecommendation"], &[]),
    ),
    plain(
        "mental-health",
        "Mental health",
        "Whatever is marked as about mental health.",
        Content::Labels(&["BH", "MH", "PSY", "PSYTHPN"]),
    ),
    plain("hiv", "HIV and AIDS", "Whatever is marked as about HIV or AIDS.", Content::Labels(&["HIV"])),
    plain(
        "sexual-health",
        "Sexual health",
        "Whatever is marked as about sexual health, reproduction or infections passed on by sex.",
        Content::Labels(&["SEX", "STD"]),
    ),
    plain(
        "substance-use",
        "Alcohol and drugs",
        "Whatever is marked as about the use of alcohol or drugs.",
        Content::Labels(&["ETH", "ETHUD", "OPIOIDUD", "SUD"]),
    ),
    plain("genetics", "Genetics", "Whatever is marked as about inherited disease.", Content::Labels(&["GDIS"])),
    plain("all", "My whole record", "Everything, what is marked as sensitive too.", Content::All),
];

/// Returns the class of this code; `*` is another name of all.
pub fn of(code: &str) -> Option<&'static DataClass> {
    let code = if code == "*" { "all" } else { code };
    ALL.iter().find(|class| class.code == code)
}

/// Returns the elements of `provision` that permit these classes and who the patient is, and nothing else.
///
/// They go into a provision of the type `permit` beside actor, purpose and period. What is alternative to each other is nested as
/// further permits, which say anew what differs from the outer one. No class permits nothing: there are no elements for that,
/// and the answer is null.
pub fn provision_of(classes: &[&DataClass]) -> Value {
    if classes.is_empty() {
        return Value::Null;
    }
    if classes.iter().any(|class| class.content == Content::All) {
        return json!({});
    }
    let (mut labels, mut types) = (Vec::new(), vec!["Patient"]);
    let mut coded: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for class in classes {
        match &class.content {
            Content::All => {}
            Content::Labels(codes) => labels.extend_from_slice(codes),
            Content::Types(whole, parts) => {
                types.extend_from_slice(whole);
                for (t, system, codes) in *parts {
                    match coded.iter_mut().find(|(known, ..)| known == t) {
                        Some((_, _, known)) => known.extend_from_slice(codes),
                        None => coded.push((t, system, codes.to_vec())),
                    }
                }
            }
        }
    }
    let distinct = |mut codes: Vec<&'static str>| {
        codes.sort_unstable();
        codes.dedup();
        codes
    };
    let (labels, types) = (distinct(labels), distinct(types));
    // Each part says whatever the ones before it say, so that a nested one takes nothing over from the outer one.
    let mut parts = Vec::new();
    if !labels.is_empty() {
        parts.push(json!({"securityLabel": codings(ACT_CODE, &labels)}));
    }
    let normal = codings(CONFIDENTIALITY, &["N"]);
    parts.push(json!({"securityLabel": normal, "class": codings(RESOURCE_TYPES, &types)}));
    parts.extend(coded.into_iter().map(|(t, system, codes)| {
        let code = json!([{"coding": codings(system, &codes)}]);
        json!({"securityLabel": normal, "class": codings(RESOURCE_TYPES, &[t]), "code": code})
    }));
    nested(parts)
}

fn nested(parts: Vec<Value>) -> Value {
    let mut parts = parts.into_iter();
    let mut outer = parts.next().unwrap_or_else(|| Value::Object(Map::new()));
    let inner: Vec<Value> = parts
        .map(|mut part| {
            part["type"] = "permit".into();
            part
        })
        .collect();
    if !inner.is_empty() {
        outer["provision"] = inner.into();
    }
    outer
}

fn codings(system: &str, codes: &[&str]) -> Value {
    codes.iter().map(|code| json!({"system": system, "code": code})).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(codes: &[&str]) -> Value {
        let classes: Vec<&DataClass> = codes.iter().map(|code| of(code).expect("a class")).collect();
        provision_of(&classes)
    }

    #[test]
    fn types_share_a_provision_and_codes_and_labels_have_their_own() {
        assert_eq!(
            named(&["allergies", "meds"])["class"].as_array().map(Vec::len),
            Some(6),
            "four types of medicines, allergies and the patient"
        );
        let mixed = named(&["vitals", "labs", "hiv", "genetics", "conditions"]);
        let labels: Vec<_> = mixed["securityLabel"].as_array().unwrap().iter().map(|l| &l["code"]).collect();
        assert_eq!(labels, ["GDIS", "HIV"]);
        let inner = mixed["provision"].as_array().unwrap();
        assert_eq!(inner.len(), 3, "whole types, observations, reports");
        assert!(inner.iter().all(|part| part["type"] == "permit" && part["class"].is_array()));
        assert_eq!(inner[1]["code"][0]["coding"].as_array().map(Vec::len), Some(2), "laboratory and vital signs");
        assert_eq!(named(&["labs", "*"]), json!({}));
        assert_eq!(provision_of(&[]), Value::Null);
    }

    #[test]
    fn every_class_has_its_own_code_and_words() {
        for (i, class) in ALL.iter().enumerate() {
            assert_eq!(of(class.code), Some(class));
            assert!(ALL[..i].iter().all(|other| other.words != class.words), "{}", class.words);
            assert!(class.definition.ends_with('.'), "{}", class.code);
        }
        assert_eq!(of("nonsense"), None);
    }
}
