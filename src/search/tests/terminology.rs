//! Value sets and code systems: what they hold, and what is said where they do not hold it.

use super::evaluate::{Indexed, matches};
use super::{REGISTRY, resource_type, search};
use crate::fhir::ResourceId;
use crate::search::ask::{Ask, WantedCodes, Way};
use crate::search::terminology::{
    Canonical, Codes, Definitions, Expansion, Lack, System, Wanted, expand, expand::implicit, terms,
};
use crate::search::{Expr, extract};
use serde_json::{Value, json};
use std::sync::Arc;

/// Animals: a tree by nesting, a second parent by property, and a concept that is no longer used.
fn animals() -> Value {
    let concept =
        |code: &str, nested: Value| json!({"code": code, "display": format!("The {code}"), "concept": nested});
    json!({"resourceType": "CodeSystem", "url": "http://animals", "content": "complete", "property": [{"code": "legs", "type": "integer"}],
        "concept": [
            concept("animal", json!([
                concept("mammal", json!([
                    {"code": "cat", "property": [{"code": "legs", "valueInteger": 4}]},
                    {"code": "whale", "property": [{"code": "parent", "valueCode": "swimmer"}, {"code": "legs", "valueInteger": 0}]},
                    {"code": "mammoth", "property": [{"code": "inactive", "valueBoolean": true}]}])),
                concept("bird", json!([{"code": "duck", "property": [{"code": "subsumedBy", "valueCode": "swimmer"}]}])),
                {"code": "swimmer", "property": [{"code": "child", "valueCode": "fish"}]}])),
            {"code": "fish"}, {"code": "stone"}]})
}

fn known() -> Definitions {
    let mut known = Definitions::default();
    let mut system = |resource: Value| {
        let url = resource["url"].as_str().unwrap().to_string();
        known.systems.insert(Canonical::parse(&url), System::read(&resource).map(Arc::new));
    };
    system(animals());
    system(json!({"url": "http://empty", "content": "not-present"}));
    system(json!({"url": "http://parts", "content": "complete", "hierarchyMeaning": "part-of",
                  "concept": [{"code": "car", "concept": [{"code": "wheel"}]}]}));
    for (url, include) in [
        ("http://vs/pets", json!([{"system": "http://animals", "concept": [{"code": "cat"}, {"code": "duck"}]}])),
        (
            "http://vs/swimmers",
            json!([{"system": "http://animals", "filter": [{"property": "concept", "op": "is-a", "value": "swimmer"}]}]),
        ),
        ("http://vs/loop-a", json!([{"valueSet": ["http://vs/loop-b"]}])),
        ("http://vs/loop-b", json!([{"valueSet": ["http://vs/loop-a"]}])),
    ] {
        let set = json!({"url": url, "compose": {"include": include}});
        known.sets.insert(Canonical::parse(url), Ok(Arc::new(set)));
    }
    let gone = Lack::Missing("value set http://vs/gone is not stored on this server".into());
    known.sets.insert(Canonical::parse("http://vs/gone"), Err(gone));
    known
}

/// Returns the codes as `system: a b; …`, or the lack or needs.
fn listed(set: &Value) -> String {
    match expand(set, &known()) {
        Ok(Expansion::Done(codes)) => text(&codes),
        Ok(Expansion::Needs(needs)) => format!("needs {needs:?}"),
        Err(lack) => format!("{lack:?}"),
    }
}

fn text(codes: &Codes) -> String {
    use crate::search::terminology::Members;
    let one = |system: &str, members: &Members| match members {
        Members::All => format!("{system}: *"),
        Members::Some(codes) => format!("{system}: {}", codes.iter().map(|c| &**c).collect::<Vec<_>>().join(" ")),
    };
    codes.systems.iter().map(|(system, members)| one(system, members)).collect::<Vec<_>>().join("; ")
}

fn animals_where(property: &str, op: &str, value: &str) -> Value {
    let filter = json!([{"property": property, "op": op, "value": value}]);
    json!({"url": "http://vs/x", "compose": {"include": [{"system": "http://animals", "filter": filter}]}})
}

#[test]
fn filters_leave_the_concepts_that_have_the_property() {
    for (property, op, value, expected) in [
        ("concept", "is-a", "mammal", "cat mammal mammoth whale"),
        ("concept", "is-a", "swimmer", "duck fish swimmer whale"),
        ("concept", "descendent-of", "swimmer", "duck fish whale"),
        ("concept", "is-not-a", "animal", "stone"),
        ("concept", "generalizes", "whale", "animal mammal swimmer whale"),
        ("concept", "=", "cat", "cat"),
        ("concept", "in", "cat, duck,nope", "cat duck"),
        ("code", "regex", "[cd]..?.?", "cat duck"),
        ("concept", "regex", "a", ""),
        ("legs", "=", "4", "cat"),
        ("legs", "in", "0,4", "cat whale"),
        ("legs", "exists", "true", "cat whale"),
        ("legs", "exists", "false", "animal bird duck fish mammal mammoth stone swimmer"),
        ("legs", "regex", "[0-3]", "whale"),
        ("display", "regex", "The .*mal", "animal mammal"),
        ("parent", "=", "mammal", "cat mammoth whale"),
        ("child", "=", "fish", "swimmer"),
    ] {
        assert_eq!(
            listed(&animals_where(property, op, value)),
            format!("http://animals: {expected}"),
            "{property} {op} {value}"
        );
    }
}

#[test]
fn what_a_filter_cannot_say_is_a_lack() {
    for (property, op, value, part) in [
        ("concept", "is-a", "unicorn", "has no concept 'unicorn'"),
        ("wings", "=", "2", "does not have"),
        ("legs", "is-a", "4", "for the property 'concept' alone"),
        ("legs", "exists", "perhaps", "true or false"),
        ("concept", "regex", "(", "cannot be read"),
        ("concept", "regex", &"x{1000}".repeat(200), "too large"),
        ("concept", "near", "cat", "not answered"),
    ] {
        let found = listed(&animals_where(property, op, value));
        assert!(found.contains(part), "{property} {op} {value}: {found}");
    }
}

#[test]
fn a_value_set_is_what_it_includes_without_what_it_excludes() {
    let (animals, pets, swimmers) = ("http://animals", "http://vs/pets", "http://vs/swimmers");
    let of = |compose: Value| listed(&json!({"url": "http://vs/x", "compose": compose}));
    let all = json!({"system": animals});
    for (compose, expected) in [
        (json!({"include": [all]}), "http://animals: *"),
        (json!({"include": [{"valueSet": [pets]}]}), "http://animals: cat duck"),
        (json!({"include": [{"valueSet": [pets, swimmers]}]}), "http://animals: duck"),
        (json!({"include": [{"system": animals, "valueSet": [pets]}]}), "http://animals: cat duck"),
        (json!({"include": [{"system": "http://other", "valueSet": [pets]}]}), ""),
        (
            json!({"include": [{"valueSet": [pets]}, {"system": "b", "concept": [{"code": "1"}]}]}),
            "b: 1; http://animals: cat duck",
        ),
        (
            json!({"include": [{"valueSet": [swimmers]}], "exclude": [{"valueSet": [pets]}]}),
            "http://animals: fish swimmer whale",
        ),
        (json!({"include": [{"valueSet": [swimmers]}], "exclude": [all]}), ""),
        (
            json!({"include": [all], "exclude": [{"valueSet": [swimmers]}]}),
            "http://animals: animal bird cat mammal mammoth stone",
        ),
        (
            json!({"inactive": false, "include": [all]}),
            "http://animals: animal bird cat duck fish mammal stone swimmer whale",
        ),
        (
            json!({"inactive": false, "include": [{"system": animals, "concept": [{"code": "cat"}, {"code": "mammoth"}]}]}),
            "http://animals: cat mammoth",
        ),
    ] {
        assert_eq!(of(compose.clone()), expected, "{compose}");
    }
    for (compose, part) in [
        (json!({"include": [{"valueSet": ["http://vs/loop-a"]}]}), "http://vs/loop-b includes http://vs/loop-a again"),
        (json!({"include": [{"valueSet": ["http://vs/gone"]}]}), "http://vs/gone is not stored"),
        (json!({"include": [{"valueSet": ["http://vs/pets|2"]}]}), "needs"),
        (
            json!({"include": [{"system": "http://empty"}], "exclude": [{"system": "http://empty", "concept": [{"code": "x"}]}]}),
            "without its concepts",
        ),
        (
            json!({"include": [{"system": "http://parts", "filter": [{"property": "concept", "op": "is-a", "value": "car"}]}]}),
            "'part-of'",
        ),
        (json!({"include": [{}]}), "neither a system nor a value set"),
    ] {
        let found = of(compose.clone());
        assert!(found.contains(part), "{compose}: {found}");
    }
}

#[test]
fn an_expansion_counts_where_there_is_no_definition() {
    let contains = json!([{"system": "s", "abstract": true, "code": "top", "contains": [{"system": "s", "code": "a"}]}, {"system": "t", "code": "b"}]);
    assert_eq!(listed(&json!({"url": "u", "expansion": {"total": 3, "contains": contains}})), "s: a; t: b");
    assert!(
        listed(&json!({"url": "u", "expansion": {"total": 9, "contains": contains}}))
            .contains("a part of its expansion")
    );
    assert!(listed(&json!({"url": "u"})).contains("without its codes"));
    let many: Vec<Value> = (0..20_001).map(|i| json!({"code": i.to_string()})).collect();
    let many = json!({"url": "u", "compose": {"include": [{"system": "s", "concept": many}]}});
    assert!(matches!(expand(&many, &known()), Err(Lack::TooMany(_))));
}

#[test]
fn what_is_not_known_yet_is_asked_for_all_at_once() {
    let include = json!([{"valueSet": ["http://a|1"]}, {"system": "http://b", "version": "2", "filter": [{"property": "concept", "op": "is-a", "value": "x"}]}]);
    let Ok(Expansion::Needs(needs)) =
        expand(&json!({"url": "u", "compose": {"include": include}}), &Definitions::default())
    else {
        panic!("nothing is known");
    };
    let wanted =
        [Wanted::ValueSet(Canonical::of("http://a", Some("1"))), Wanted::System(Canonical::of("http://b", Some("2")))];
    assert_eq!(needs.into_iter().collect::<Vec<_>>(), wanted);
    assert!(implicit("http://snomed.info/sct?fhir_vs").is_some());
    let isa = implicit("http://snomed.info/sct?fhir_vs=isa/126851005").unwrap();
    assert_eq!(isa["compose"]["include"][0]["filter"][0]["value"], "126851005");
    assert_eq!(implicit("http://snomed.info/sct?fhir_vs=ecl/x"), None);
}

/// Returns the tree of a query with the codes in the place of its question.
fn with_codes(query: &str, codes: &[(&str, &str)]) -> Expr {
    let mut all = Codes::default();
    for (system, code) in codes {
        match *code {
            "*" => all.add(Codes::of(system, crate::search::terminology::Members::All)),
            code => all.insert(system, code),
        }
    }
    let filter = search(query).unwrap().filter;
    let mut asks = Vec::new();
    filter.asks(&mut asks);
    let answers: Vec<Expr> = asks
        .iter()
        .map(|ask| match ask {
            Ask::Codes(ask) => terms::coded_with(&REGISTRY, &ask.places, &all),
            Ask::Tree(_) | Ask::Text(_) => panic!("{query} asks for something else"),
        })
        .collect();
    filter.answered(&mut answers.into_iter())
}

#[test]
fn codes_are_found_in_codings_with_their_system_and_in_plain_codes_by_their_value_set() {
    let coding = json!([{"system": "http://s", "code": "a"}, {"code": "b"}]);
    let it = json!({"resourceType": "Observation", "status": "final", "code": {"coding": coding}});
    let t = resource_type("Observation");
    let id = ResourceId::parse("x").unwrap();
    let it = Indexed { resource_type: t, id, updated: None, rows: extract(&REGISTRY, t, &it) };
    let status = "http://hl7.org/fhir/observation-status";
    for (query, codes, expected) in [
        ("code:in=http://vs", &[("http://s", "a")][..], true),
        ("code:in=http://vs", &[("http://s", "c"), ("http://s", "a")], true),
        ("code:in=http://vs", &[("http://s", "*")], true),
        ("code:in=http://vs", &[("http://t", "*"), ("http://t", "a"), ("http://s", "b")], false),
        ("code:in=http://vs", &[], false),
        ("code:not-in=http://vs", &[("http://s", "a")], false),
        ("code:not-in=http://vs", &[("http://s", "c")], true),
        ("category:not-in=http://vs", &[("http://s", "c")], true),
        ("status:in=http://vs", &[(status, "final")], true),
        ("status:in=http://vs", &[(status, "*")], true),
        ("status:in=http://vs", &[(status, "amended"), ("http://s", "final")], false),
        ("status:not-in=http://vs", &[(status, "amended")], true),
        ("combo-code:in=http://vs", &[("http://s", "a")], true),
    ] {
        let expr = with_codes(&format!("Observation?{query}"), codes);
        assert_eq!(matches(&expr, &it), expected, "{query} {codes:?}");
    }
}

#[test]
fn a_question_says_what_it_wants() {
    let asked = |query: &str| {
        let mut asks = Vec::new();
        let search = search(query).unwrap();
        search.filter.asks(&mut asks);
        asks.into_iter().cloned().collect::<Vec<Ask>>()
    };
    let codes = |query: &str| match &asked(query)[..] {
        [Ask::Codes(ask)] => ask.wanted.clone(),
        other => panic!("{query}: {other:?}"),
    };
    let stored = Some(ResourceId::parse("1").unwrap());
    let in_set = |canonical: &str, stored: &Option<ResourceId>| WantedCodes::InValueSet {
        canonical: canonical.into(),
        stored: stored.clone(),
    };
    assert_eq!(codes("Observation?code:in=ValueSet/1"), in_set("ValueSet/1", &stored));
    assert_eq!(
        codes("Observation?code:in=http://here.example/fhir/ValueSet/1"),
        in_set("http://here.example/fhir/ValueSet/1", &stored)
    );
    assert_eq!(
        codes("Observation?code:in=http://x.example/fhir/ValueSet/1|2"),
        in_set("http://x.example/fhir/ValueSet/1|2", &None)
    );
    let gender = WantedCodes::Below { system: "http://hl7.org/fhir/administrative-gender".into(), code: "male".into() };
    assert_eq!(codes("Patient?gender:below=male"), gender);
    let above = WantedCodes::Above { system: "http://s".into(), code: "a".into() };
    assert_eq!(codes("Observation?code:above=http://s|a"), above);
    for (query, t, way) in [
        ("Location?partof:below=1", "Location", Way::Down),
        ("Procedure?location:below=1", "Location", Way::Down),
        ("MedicationAdministration?context:above=Encounter/1", "Encounter", Way::Up),
        ("Patient?organization:above=http://here.example/fhir/Organization/1", "Organization", Way::Up),
    ] {
        match &asked(query)[..] {
            [Ask::Tree(tree)] => {
                assert_eq!((tree.resource_type, tree.way), (resource_type(t), way), "{query}");
                assert!(!tree.parents.is_empty() && !tree.places.is_empty());
            }
            other => panic!("{query}: {other:?}"),
        }
    }
}
