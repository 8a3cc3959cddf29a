//! Searches by holders of random tokens: each lives in a world that holds only what its token shows.
//!
//! What chains and `_has` lead through, what is counted and what is paged is compared with the same question asked in that
//! world; what is in it is decided by reading resource by resource.

use super::database::{Contents, Database, known};
use super::people::{self, TYPES};
use super::random::{addresses, ask, judge, walk};
use crate::access::facts::Knowledge;
use crate::access::grant::Way;
use crate::access::policy::{Needs, decide};
use crate::access::principal::{Person, Token};
use crate::access::role::Role;
use crate::access::scope::{Letter, Scope};
use crate::access::{Grant, Principal};
use crate::fhir::{Instant, ResourceId};
use crate::search::Registry;
use crate::search::tests::dice::Dice;
use crate::search::tests::{BASE_URL, REGISTRY, resource_type};
use std::collections::BTreeSet;
use std::sync::Arc;

const SEED: u64 = 7;
const QUESTIONS: usize = 500;

const NARROWED: [&str; 6] = [
    "Observation.rs?status=final",
    "Observation.rs?code=a",
    "Observation.s?code=http://a.example|a",
    "Patient.rs?gender=male",
    "Patient.rs?birthdate=lt1970",
    "Encounter.rs?class=final",
];

#[tokio::test]
async fn a_limited_search_lives_in_the_world_that_its_token_shows() {
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
        let told = format!("{:?} {:?} {:?}", token.scopes, token.patient, token.person);
        let grant = decide(&Principal::Token(token), &Needs::Token, &registry, &Knowledge::Keeper).expect("a grant");
        let asked = ask(&mut dice, &present, &moments);
        let shown: Contents = contents
            .iter()
            .filter(|((t, id), (resource, _))| shows(&grant, (*t, id), resource, None))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let mut expected = addresses(&known(&shown), &asked, &asked.search.filter);
        expected.retain(|address| {
            let (name, id) = address.split_once('/').expect("an address");
            let key = (resource_type(name), id.to_string());
            shows(&grant, (key.0, &key.1), &contents[&key].0, Some(Letter::Search))
        });
        let found = walk(&database, &grant, &asked, asked.page_size).await;
        let at_once = walk(&database, &grant, &asked, 1_000).await;
        judge(&expected, &found, &at_once)
            .unwrap_or_else(|why| panic!("seed {seed}, question {number}: {} by {told}\n{why}", asked.told()));
        some += usize::from(!expected.is_empty());
        less += usize::from(expected.len() < addresses(&whole, &asked, &asked.search.filter).len());
    }
    println!("{QUESTIONS} questions, {some} with matches, {less} with fewer than without limits");
    assert!(some > QUESTIONS / 12 && less > QUESTIONS / 4, "{some} and {less}: this proves too little");
    database.stop().await;
}

fn shows(
    grant: &Grant,
    (t, id): (crate::fhir::ResourceType, &str),
    resource: &serde_json::Value,
    letter: Option<Letter>,
) -> bool {
    let (id, content) = (ResourceId::parse(id).expect("an id"), resource.to_string());
    match letter {
        Some(letter) => grant.shows(t, &id, content.as_bytes(), Way::Letter(letter)),
        None => grant.shows(t, &id, content.as_bytes(), Way::Seen),
    }
}

/// Returns a token of one to five scopes, in some context, perhaps of a person.
fn token(dice: &mut Dice) -> Token {
    let scope = |dice: &mut Dice| {
        let context = dice.text(&["patient", "patient", "user", "system"]);
        let what = match dice.below(4) {
            0 => dice.text(&["*.rs", "*.s", "*.r"]).to_string(),
            1 => dice.text(&NARROWED).to_string(),
            _ => format!("{}.{}", dice.text(&TYPES), dice.text(&["rs", "r", "s"])),
        };
        Scope::parse(&format!("{context}/{what}")).expect("a scope")
    };
    let scopes = (0..1 + dice.below(5)).map(|_| scope(dice)).collect();
    let patient = dice.percent(85).then(|| people::id("Patient", dice.below(people::EACH)));
    let person = dice.percent(40).then(|| Person { roles: vec![*dice.one(&Role::ALL)], ..Person::default() });
    Token { scopes, patient: patient.and_then(|id| ResourceId::parse(&id)), person, ..Token::default() }
}
