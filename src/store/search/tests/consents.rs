//! Searches by people under random consents: each lives in a world that holds only what reading one by one shows.
//!
//! The rules, who cares for whom, labels and roles go into SQL for the search and are checked in memory for each resource; what
//! chains and `_has` lead through, what is counted and what is paged must come to the same.

use super::database::{Contents, Database, known};
use super::people::{self, CODES, CONFIDENTIALITY, DATES, SENSITIVITY, SYSTEMS, TYPES};
use super::random::{addresses, ask, judge, walk};
use crate::access::book::Library;
use crate::access::consent::{Implied, Rule};
use crate::access::facts::{Circle, Facts, Knowledge, patients};
use crate::access::grant::Way;
use crate::access::policy::{Needs, decide};
use crate::access::principal::{Person, Token};
use crate::access::role::Role;
use crate::access::scope::{Letter, Scope};
use crate::access::{Grant, Principal};
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::search::Registry;
use crate::search::key::Keyer;
use crate::search::tests::dice::Dice;
use crate::search::tests::{BASE_URL, REGISTRY, resource_type};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

const SEED: u64 = 11;
const QUESTIONS: usize = 500;

#[tokio::test]
async fn a_search_under_consents_lives_in_the_world_that_reading_shows() {
    let seed = std::env::var("MEDILINK_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    println!("seed {seed}");
    let mut dice = Dice::new(seed);
    let database = Database::start().await;
    let contents = database.fill(&mut dice).await;
    let whole = known(&contents);
    let present: BTreeSet<i64> = whole.iter().flat_map(|it| it.indexed.rows.shape.columns.iter().copied()).collect();
    let moments: Vec<String> = whole.iter().map(|it| Instant(it.updated).to_string()).collect();
    let registry = Arc::new(Registry::new(REGISTRY.catalog.clone(), BASE_URL));
    let (mut less, mut some) = (0, 0);
    for number in 0..QUESTIONS {
        let token = Arc::new(token(&mut dice));
        let facts = facts(&mut dice, &token);
        let told = format!("{:?} {:?} {:?} {facts:?}", token.scopes, token.person, facts.implied);
        let knowledge = Knowledge::Of(Arc::new(facts));
        let grant = decide(&Principal::Token(token), &Needs::Token, &registry, &knowledge).expect("a grant");
        let asked = ask(&mut dice, &present, &moments);
        let mut shown = Contents::new();
        for ((t, id), (resource, updated)) in &contents {
            if shows(&database, &grant, (*t, id), (resource, *updated), Way::Seen).await {
                shown.insert((*t, id.clone()), (resource.clone(), *updated));
            }
        }
        let mut expected = Vec::new();
        for address in addresses(&known(&shown), &asked, &asked.search.filter) {
            let (name, id) = address.split_once('/').expect("an address");
            let key = (resource_type(name), id.to_string());
            let (resource, updated) = &contents[&key];
            if shows(&database, &grant, (key.0, &key.1), (resource, *updated), Way::Letter(Letter::Search)).await {
                expected.push(address);
            }
        }
        let found = walk(&database, &grant, &asked, asked.page_size).await;
        let at_once = walk(&database, &grant, &asked, 1_000).await;
        judge(&expected.iter().cloned().collect(), &found, &at_once)
            .unwrap_or_else(|why| panic!("seed {seed}, question {number}: {} by {told}\n{why}", asked.told()));
        some += usize::from(!expected.is_empty());
        less += usize::from(expected.len() < addresses(&whole, &asked, &asked.search.filter).len());
    }
    println!("{QUESTIONS} questions, {some} with matches, {less} with fewer than without limits");
    assert!(some > QUESTIONS / 12 && less > QUESTIONS / 5, "{some} and {less}: this proves too little");
    database.stop().await;
}

async fn shows(
    database: &Database,
    grant: &Grant,
    (t, id): (ResourceType, &str),
    (resource, updated): (&Value, i64),
    way: Way,
) -> bool {
    let mut resource = resource.clone();
    resource["meta"]["lastUpdated"] = Instant(updated).to_string().into();
    let id = ResourceId::parse(id).expect("an id");
    database.store.shows(grant, t, &id, resource.to_string().as_bytes(), way).await.expect("an answer")
}

fn token(dice: &mut Dice) -> Token {
    let scope = |dice: &mut Dice| {
        let what = if dice.percent(60) { "*.rs".to_string() } else { format!("{}.rs", dice.text(&TYPES)) };
        Scope::parse(&format!("user/{what}")).expect("a scope")
    };
    let roles = [Role::Physician, Role::Physician, Role::Nurse, Role::LabTechnician, Role::Patient, Role::Receptionist];
    let roles = vec![*dice.one(&roles)];
    let who = match roles[0] {
        Role::Patient => ("Patient", people::id("Patient", dice.below(people::EACH))),
        _ => ("Practitioner", people::id("Practitioner", dice.below(people::EACH))),
    };
    let person = Person {
        roles,
        fhir_user: Some((resource_type(who.0), ResourceId::parse(&who.1).expect("an id"))),
        ..Person::default()
    };
    Token { scopes: (0..1 + dice.below(3)).map(|_| scope(dice)).collect(), person: Some(person), ..Token::default() }
}

fn facts(dice: &mut Dice, token: &Token) -> Facts {
    let library = Arc::new(Library::default());
    {
        let mut book = library.change();
        for _ in 0..dice.below(12) {
            let patient = people::id("Patient", dice.below(people::EACH));
            let consents = (0..1 + dice.below(2))
                .map(|_| consent(dice, &patient))
                .filter_map(|consent| Rule::read(&consent, BASE_URL).map(|rule| ("c".into(), Arc::new(rule))));
            let rules = consents.collect();
            book.set_rules(Keyer::fixed().target("Patient", &patient), rules);
        }
    }
    let (own, proxy_of) = patients(token);
    let (t, id) = token.person.as_ref().and_then(|person| person.fhir_user.clone()).expect("somebody");
    let mut references: Vec<Box<str>> = vec![format!("{t}/{id}").into()];
    if dice.percent(70) {
        references.push(format!("Organization/{}", people::id("Organization", dice.below(people::EACH))).into());
    }
    let glass = dice.percent(10).then(|| people::id("Patient", dice.below(people::EACH)));
    Facts {
        circle: Arc::new(Circle::new(references)),
        purpose: dice.text(&["TREAT", "TREAT", "HRESCH"]).into(),
        own,
        proxy_of,
        glass: glass.map(|id| Keyer::fixed().target("Patient", &id)),
        implied: *dice.one(&[Implied::Treatment, Implied::Permit, Implied::Permit, Implied::Deny]),
        now: Instant::now(),
        library,
    }
}

fn consent(dice: &mut Dice, patient: &str) -> Value {
    let provision = provision(dice, 0);
    json!({
        "resourceType": "Consent", "id": "c", "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": format!("Patient/{patient}")},
        "dateTime": dice.text(&["2020-01-01", "2021-01-01"]),
        "policyRule": {"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": dice.text(&["OPTIN", "OPTIN", "OPTOUT"])
        }]},
        "provision": provision,
    })
}

fn provision(dice: &mut Dice, depth: usize) -> Value {
    let mut provision = json!({"type": dice.text(&["permit", "deny"])});
    let coded = |dice: &mut Dice| json!({"system": dice.text(&SYSTEMS), "code": dice.text(&CODES)});
    if dice.percent(25) {
        provision["class"] = json!([{"system": "http://hl7.org/fhir/resource-types", "code": dice.text(&["Observation", "Condition", "Patient"])}]);
    }
    if dice.percent(20) {
        provision["code"] = json!([{"coding": [coded(dice)]}]);
    }
    if dice.percent(20) {
        let (system, code) = match dice.percent(50) {
            true => (CONFIDENTIALITY, dice.text(&["N", "R", "V"])),
            false => (SENSITIVITY, dice.text(&["PSY", "HIV", "ETH"])),
        };
        provision["securityLabel"] = json!([{"system": system, "code": code}]);
    }
    if dice.percent(20) {
        provision["dataPeriod"] = json!({"start": dice.text(&DATES[..7]), "end": "1999"});
    }
    if dice.percent(20) {
        let what = format!("Encounter/{}", people::id("Encounter", dice.below(people::EACH)));
        provision["data"] = json!([{"meaning": dice.text(&["instance", "related"]), "reference": {"reference": what}}]);
    }
    if dice.percent(15) {
        let who = format!("Practitioner/{}", people::id("Practitioner", dice.below(4)));
        let role = json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]});
        provision["actor"] = json!([{"role": role, "reference": {"reference": who}}]);
    }
    if depth < 2 && dice.percent(40) {
        let nested: Vec<Value> = (0..1 + dice.below(2)).map(|_| self::provision(dice, depth + 1)).collect();
        provision["provision"] = nested.into();
    }
    provision
}
