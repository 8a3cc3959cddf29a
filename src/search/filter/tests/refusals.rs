//! Filters that cannot be answered, and thousands of damaged ones.

use crate::fault::Kind;
use crate::search::filter::operator::OPERATORS;
use crate::search::tests::dice::Dice;
use crate::search::tests::search;

/// The operators that fit a parameter; all others are refused.
const FITTING: [(&str, &str, &str); 9] = [
    ("Patient?_filter=name", "x", "eq ne co sw ew gt lt ge le pr"),
    ("RiskAssessment?_filter=probability", "0.8", "eq ne gt lt ge le ap sa eb pr"),
    ("Patient?_filter=birthdate", "2000", "eq ne co gt lt ge le ap sa eb pr po"),
    ("Observation?_filter=status", "final", "eq ne pr"),
    ("Observation?_filter=subject", "Patient/1", "pr re"),
    ("Observation?_filter=value-quantity", "5", "eq ne gt lt ge le ap sa eb pr"),
    ("ValueSet?_filter=url", "http://x", "eq ne pr"),
    ("Patient?_filter=_id", "a", "eq ne pr"),
    ("Patient?_filter=_lastUpdated", "2000", "eq ne gt lt ge le ap sa eb pr po"),
];

#[test]
fn an_operator_is_refused_where_it_does_not_fit() {
    for (start, value, fitting) in FITTING {
        // Those need value sets, which have tests of their own.
        for (name, _) in OPERATORS.iter().filter(|(name, _)| !["ss", "sb", "in", "ni"].contains(name)) {
            let value = if *name == "pr" { "true" } else { value };
            let query = format!("{start} {name} {value}");
            match search(&query) {
                Ok(_) => assert!(fitting.contains(name), "{query} was accepted"),
                Err(fault) => {
                    assert!(!fitting.contains(name), "{query}: {fault}");
                    assert_eq!(fault.kind(), Kind::NotSupported, "{query}: {fault}");
                    let said = fault.to_string();
                    assert!(said.contains("_filter") && said.contains(&format!("'{name}'")), "{query}: {said}");
                }
            }
        }
    }
}

#[test]
fn a_comparison_that_cannot_be_made_names_its_place_and_parameter() {
    for (query, words) in [
        ("Patient?_filter=nosuch eq 1", "character 1: parameter 'nosuch'"),
        ("Patient?_filter=name eq x and nosuch eq 1", "character 15: parameter 'nosuch'"),
        ("Patient?_filter=(birthdate gt yesterday)", "character 2: parameter 'birthdate'"),
        ("Patient?_filter=birthdate eq ge2000", "'birthdate'"),
        ("Patient?_filter=birthdate po ge2000", "'birthdate'"),
        ("Patient?_filter=birthdate eq 2000,2001", "'birthdate'"),
        ("Patient?_filter=gender eq a|b|c", "'gender'"),
        (r"Patient?_filter=gender eq a\b", "'gender'"),
        (r"Patient?_filter=gender eq a\", "'gender'"),
        (r#"Patient?_filter=name eq """#, "'name'"),
        (r#"Patient?_filter=name eq " ""#, "'name'"),
        (r#"Patient?_filter=gender eq """#, "'gender'"),
        ("Patient?_filter=name pr maybe", "'pr' takes true or false"),
        ("Patient?_filter=identifier ne x", "may have several values"),
        ("Patient?_filter=organization eq Organization/1", "compared by 're'"),
        ("Patient?_filter=organization re a b", "'and', 'or'"),
        ("Patient?_filter=organization re #x", "'organization'"),
        ("Patient?_filter=gender re x", "compared by 'eq'"),
        ("Patient?_filter=_filter eq x", "'_filter' cannot stand in a filter"),
        ("Patient?_filter=_query eq x", "'_query'"),
        ("Patient?_filter=_count eq 5", "'_count'"),
        ("Patient?_filter=_list co 5", "compared by 'eq' alone"),
        ("Patient?_filter=name.given eq x", "'_filter: name.given'"),
        ("Patient?_filter=nosuch.name eq x", "'_filter: nosuch.name'"),
        ("Patient?_filter=organization.nosuch eq x", "'nosuch'"),
        ("Patient?_filter=organization:Patient.name eq x", "'_filter: organization:Patient.name'"),
        ("Observation?_filter=subject.birthdate gt x", "'birthdate'"),
        ("Observation?_filter=related[type eq has-component].target pr true", "'_filter: related.target'"),
        ("Group?_filter=characteristic[code eq a].value gt b", "characteristic[code eq ...].value eq ..."),
        ("Group?_filter=characteristic.value eq b", "characteristic[code eq ...].value eq ..."),
        ("Patient?_filter:exact=name eq x", "'_filter:exact'"),
        ("Patient?_filter=", "'_filter' has no value"),
        ("?_filter=name eq x", "'name'"),
    ] {
        let fault = search(query).err().unwrap_or_else(|| panic!("{query} was accepted"));
        let said = fault.to_string();
        assert_eq!(fault.status(), 400, "{query}: {said}");
        assert!(said.contains("_filter") && said.contains(words), "{query}: {said}");
    }
}

#[test]
fn a_filter_has_limits() {
    let nested = |levels: usize| format!("Patient?_filter={}name eq x{}", "(".repeat(levels), ")".repeat(levels));
    assert!(search(&nested(64)).is_ok());
    let path = format!("Patient?_filter={}name eq x", "link.".repeat(70));
    let many = format!("Patient?_filter={}", vec!["name eq x"; 101].join(" or "));
    let long = format!("Patient?_filter=name eq \"{}\"", "x".repeat(16_384));
    let wide = format!("Task?_filter={}status eq x", "focus.".repeat(20));
    for query in [nested(65), nested(100_000), path, many, long, wide] {
        let shown: String = query.chars().take(80).collect();
        let fault = search(&query).err().unwrap_or_else(|| panic!("{shown} was accepted"));
        assert_eq!(fault.kind(), Kind::TooCostly, "{shown}: {fault}");
        assert!(fault.to_string().contains("'_filter'"), "{shown}: {fault}");
    }
}

#[test]
fn damaged_filters_are_answered_or_refused_and_never_panic() {
    const GOOD: [&str; 6] = [
        r#"given eq "pe\u00e4ter" and birthdate ge 2014-10-10 or not (name co "x) y")"#,
        "subject:Patient[name eq x and (active eq true)].organization.name sw \"é\" and code eq loinc|1-8",
        "value-quantity gt 5.4|ucum|mg and date po 2020-01-01T10:00:00Z and status ne final",
        "identifier eq urn:x|7 and organization re Organization/4 and _lastUpdated sa 2020 or _id pr true",
        "patient.general-practitioner:Practitioner.name ew 😀 or code in http://vs and code ss a and code sb b",
        "name lt ß and name ge \"\\ud83d\\ude00\" and telecom pr false and address ew ﷺ",
    ];
    const ODD: [&str; 24] = [
        "(", ")", "[", "]", "\"", "\\", ".", ":", "|", ",", "$", " ", "\u{0}", "\u{1}", "é", "😀", "not ", " and ",
        " or ", "eq", "-", "9", "\u{2028}", "ge",
    ];
    let mut dice = Dice::new(11);
    for round in 0..4_000 {
        let mut text: Vec<char> = GOOD[round % GOOD.len()].chars().collect();
        for _ in 0..=dice.below(4) {
            let at = dice.below(text.len());
            match dice.below(4) {
                0 => drop(text.remove(at)),
                1 => text.truncate(at + 1),
                2 => drop(text.splice(at..at, ODD[dice.below(ODD.len())].chars()).count()),
                _ => drop(text.splice(at..=at, ODD[dice.below(ODD.len())].chars()).count()),
            }
            if text.is_empty() {
                text.push('x');
            }
        }
        let text: String = text.into_iter().collect();
        for base in ["Patient", "Observation", ""] {
            if let Err(fault) = search(&format!("{base}?_filter={text}")) {
                let said = fault.to_string();
                assert_eq!(fault.status(), 400, "{text}: {said}");
                // `&` ends the parameter; what follows it is another.
                assert!(said.contains("_filter") || text.contains('&'), "{text}: {said}");
            }
        }
    }
}
