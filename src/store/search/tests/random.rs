//! Random searches of random resources: the database finds what the expression says, page by page and in number.
//!
//! `MEDILINK_TEST_SEED` repeats a run, `MEDILINK_TEST_ALL=1` asks ten times as many questions.

use super::super::{Keyset, Start, page};
use super::database::{Contents, Database, known};
use super::people::TYPES;
use super::questions::{Asker, Question};
use crate::access::Grant;
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::search::tests::dice::Dice;
use crate::search::tests::world::{Known, wanted};
use crate::search::tests::{REGISTRY, resource_type, search};
use crate::search::{Expr, Search, compartment, sort};
use crate::store::View;
use crate::store::find::PageQuery;
use serde_json::Value;
use std::collections::BTreeSet;

const SEED: u64 = 20_261_122;
const QUESTIONS: usize = 1_200;

/// What a random search is made of.
pub(super) struct Asked {
    pub question: Question,
    pub search: Search,
    pub within: Expr,
    pub page_size: u32,
}

#[tokio::test]
async fn the_database_finds_what_an_expression_says() {
    let seed = std::env::var("MEDILINK_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    let all = std::env::var("MEDILINK_TEST_ALL").is_ok_and(|value| value == "1");
    println!("seed {seed}");
    let mut dice = Dice::new(seed);
    let database = Database::start().await;
    let contents = database.fill(&mut dice).await;
    let world = known(&contents);
    let present: BTreeSet<i64> = world.iter().flat_map(|it| it.indexed.rows.shape.columns.iter().copied()).collect();
    let moments: Vec<String> = world.iter().map(|it| Instant(it.updated).to_string()).collect();
    let (mut some, mut rows) = (0, 0);
    let questions = if all { 10 * QUESTIONS } else { QUESTIONS };
    for number in 0..questions {
        let asked = ask(&mut dice, &present, &moments);
        let found = check(&database, &world, &asked).await;
        let found = found.unwrap_or_else(|why| panic!("seed {seed}, question {number}: {}\n{why}", asked.told()));
        some += usize::from(found > 0);
        rows += found;
    }
    println!("{questions} questions, {some} with matches, {rows} matches");
    assert!(some > questions / 4, "the questions find too little to prove anything");
    plain(&database, &contents, &mut dice).await;
    database.stop().await;
}

impl Asked {
    pub fn told(&self) -> String {
        let Asked { question, search, within, page_size } = self;
        let (types, sort) = (&search.types, &search.sort);
        format!("{types:?}?{} sorted by {sort:?} within {within:?} in pages of {page_size}", question.told())
    }
}

/// Returns how many resources a search finds, or how the answers differ.
async fn check(database: &Database, world: &[Known], asked: &Asked) -> Result<usize, String> {
    let meant = asked.question.meant(&asked.search.types);
    let expected = addresses(world, asked, &meant);
    let read = addresses(world, asked, &asked.search.filter);
    if read != expected {
        return Err(format!("read as {:?}, which finds {read:?} and not {expected:?}", asked.search.filter));
    }
    let found = walk(database, &database.grant, asked, asked.page_size).await;
    let whole = walk(database, &database.grant, asked, 1_000).await;
    judge(&expected, &found, &whole).map_err(|why| {
        let sql = page(&asked.search, &asked.within, Start::Beginning, asked.page_size);
        format!("{why}\nexpected {expected:?}\nfound {:?}\n{}\n{:?}", found.0, sql.text, sql.params)
    })?;
    Ok(expected.len())
}

pub(super) fn ask(dice: &mut Dice, present: &BTreeSet<i64>, moments: &[String]) -> Asked {
    let mut types = vec![resource_type(dice.text(&TYPES))];
    let everywhere = dice.percent(5);
    if everywhere || dice.percent(6) {
        types.push(resource_type(dice.text(&TYPES)));
        types.sort_unstable();
        types.dedup();
    }
    let question = Asker { dice, present, moments }.question(&types);
    // What two types know every type knows.
    if everywhere && types.len() == 2 {
        types.clear();
    }
    let filter = question.read(&types);
    let orders = match &*types {
        [t] => REGISTRY.of(*t).params().map(|param| param.spec.code.to_string()).collect(),
        _ => Vec::new(),
    };
    let sort = match dice.below(6) {
        0 => dice.text(&["_id", "-_id", "_lastUpdated", "-_lastUpdated"]).to_string(),
        1 | 2 if !orders.is_empty() => format!("{}{}", dice.text(&["", "-"]), dice.one(&orders)),
        _ => String::new(),
    };
    let search = Search { filter, types: types.clone(), ..search("Patient?").expect("no parameter is no mistake") };
    // Not every parameter gives an order.
    let sort = sort::parse(&REGISTRY, &types, &sort).unwrap_or_default();
    let patients: Vec<ResourceId> = (0..1 + dice.below(2)).map(|_| patient(dice)).collect();
    let within = if dice.percent(15) { compartment::of_patients(&REGISTRY, &patients) } else { Expr::All };
    Asked { question, search: Search { sort, ..search }, within, page_size: 1 + dice.below(25) as u32 }
}

fn patient(dice: &mut Dice) -> ResourceId {
    ResourceId::parse(&super::people::id("Patient", dice.below(super::people::EACH))).expect("an id")
}

/// Returns the addresses of what an expression means within the limits of the search.
pub(super) fn addresses(world: &[Known], asked: &Asked, expr: &Expr) -> BTreeSet<String> {
    let whole = Expr::and([expr.clone(), asked.within.clone()]);
    let types = &asked.search.types;
    let of_types = |it: &Known| types.is_empty() || types.contains(&it.indexed.resource_type);
    let found = world.iter().zip(wanted(world, &whole)).filter(|(it, is)| *is && of_types(it));
    found.map(|(it, _)| address(it.indexed.resource_type, it.indexed.id.as_str())).collect()
}

fn address(t: ResourceType, id: &str) -> String {
    format!("{t}/{id}")
}

/// Walks the pages; returns the addresses in their order, and the count.
pub(super) async fn walk(database: &Database, grant: &Grant, asked: &Asked, count: u32) -> (Vec<String>, i64) {
    let (mut found, mut total, mut after): (Vec<String>, i64, Option<Keyset>) = (Vec::new(), -1, None);
    loop {
        let query = PageQuery {
            search: &asked.search,
            within: &asked.within,
            start: after.as_ref().map_or(Start::Beginning, Start::After),
            count,
            total: after.is_none(),
            follows: &[],
            included_max: 0,
        };
        let page = View::Pool(&database.store).search(grant, &query).await;
        let page = page.unwrap_or_else(|error| panic!("{error:?}: {}", asked.question.told()));
        total = page.total.unwrap_or(total);
        found.extend(page.rows.iter().map(|row| address(row.resource_type, row.id.as_str())));
        after = page.next;
        if after.is_none() || found.len() > 5_000 {
            return (found, total);
        }
    }
}

/// The pages hold what is expected, each once, in the order of the whole; the count is theirs.
pub(super) fn judge(
    expected: &BTreeSet<String>,
    found: &(Vec<String>, i64),
    whole: &(Vec<String>, i64),
) -> Result<(), String> {
    let set: BTreeSet<String> = found.0.iter().cloned().collect();
    if set != *expected {
        let wrong: Vec<_> = set.difference(expected).take(5).collect();
        let missing: Vec<_> = expected.difference(&set).take(5).collect();
        return Err(format!("wrong {wrong:?}, missing {missing:?}"));
    }
    if found.0.len() != set.len() {
        return Err(format!("{} rows of {} resources", found.0.len(), set.len()));
    }
    if found.0 != whole.0 {
        return Err(format!("pages have another order than the whole: {:?}", whole.0));
    }
    if found.1 != expected.len() as i64 || whole.1 != found.1 {
        return Err(format!("{} and {} counted", found.1, whole.1));
    }
    Ok(())
}

/// A query, and what it means written down by hand over the resource as it is.
type Plain = (&'static str, fn(&Value) -> bool);

/// Not to test the index with itself alone.
const PLAIN: &[Plain] = &[
    ("Patient?birthdate=1970", |it| text(&it["birthDate"]).starts_with("1970")),
    ("Patient?birthdate=1970-01", |it| text(&it["birthDate"]).starts_with("1970-01")),
    ("Patient?birthdate=lt1970", |it| ["1969"].iter().any(|year| text(&it["birthDate"]).starts_with(year))),
    ("Patient?birthdate=sa1970", |it| text(&it["birthDate"]).starts_with("2000")),
    ("Patient?birthdate=ge1970-02", |it| {
        // The whole year 1970 has days above February.
        ["1970", "1970-02", "1970-02-01", "2000", "2000-02-29"].contains(&text(&it["birthDate"]))
    }),
    ("Patient?birthdate:missing=true", |it| it.get("birthDate").is_none()),
    ("Patient?gender=male", |it| it["gender"] == "male"),
    ("Patient?gender:not=male", |it| it["gender"] != "male"),
    ("Patient?family=mul", |it| names(it, "family").iter().any(|name| name.starts_with('M'))),
    ("Patient?family:exact=ann", |it| names(it, "family").contains(&"ann")),
    ("Patient?name=an", |it| all_names(it).iter().any(|name| name.to_lowercase().starts_with("an"))),
    ("Patient?name:contains=dens", |it| all_names(it).iter().any(|name| name.contains("denscheidt"))),
    ("Patient?identifier=http://a.example|b", |it| {
        pairs(&it["identifier"], "value").contains(&("http://a.example", "b"))
    }),
    ("Patient?identifier=|1", |it| pairs(&it["identifier"], "value").contains(&("", "1"))),
    ("Observation?code=a", |it| codings(&it["code"]).iter().any(|(_, code)| *code == "a")),
    ("Observation?code=http://a.example|a", |it| codings(&it["code"]).contains(&("http://a.example", "a"))),
    ("Observation?code=http://b.example/x|", |it| codings(&it["code"]).iter().any(|(s, _)| *s == "http://b.example/x")),
    ("Observation?code=|A", |it| codings(&it["code"]).contains(&("", "A"))),
    ("Observation?status=final&category:missing=false", |it| it["status"] == "final" && it.get("category").is_some()),
    ("Observation?value-quantity=gt99", |it| it["valueQuantity"]["value"].as_f64().is_some_and(|n| n > 99.0)),
    ("Observation?value-quantity=le0", |it| it["valueQuantity"]["value"].as_f64().is_some_and(|n| n <= 0.0)),
    ("Observation?value-quantity=1", |it| {
        it["valueQuantity"]["value"].as_f64().is_some_and(|n| (0.5..1.5).contains(&n))
    }),
    ("Observation?subject=Patient/pat1", |it| leads_to(&it["subject"], "Patient/pat1")),
    ("Organization?active=true", |it| it["active"] == true),
    ("Medication?_profile=http://p.example/one", |it| it["meta"]["profile"][0] == "http://p.example/one"),
    ("Encounter?class=final", |it| it["class"]["code"] == "final"),
];

async fn plain(database: &Database, contents: &Contents, dice: &mut Dice) {
    let mut met = 0;
    for (query, is) in PLAIN {
        let search = search(query).unwrap_or_else(|fault| panic!("{query}: {fault}"));
        let (t, question) = (search.types[0], Question::All(Vec::new()));
        let asked = Asked { question, search, within: Expr::All, page_size: 1 + dice.below(9) as u32 };
        let (found, total) = walk(database, &database.grant, &asked, asked.page_size).await;
        let meant = contents.iter().filter(|((of, _), (resource, _))| *of == t && is(resource));
        let meant: BTreeSet<String> = meant.map(|((t, id), _)| address(*t, id)).collect();
        met += usize::from(!meant.is_empty());
        assert_eq!(found.iter().cloned().collect::<BTreeSet<_>>(), meant, "{query}");
        assert_eq!((found.len(), total), (meant.len(), meant.len() as i64), "{query}");
    }
    assert!(met > PLAIN.len() * 3 / 4, "{met} of the plain queries find something");
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn names<'a>(it: &'a Value, part: &str) -> Vec<&'a str> {
    items(&it["name"]).iter().filter_map(|name| name[part].as_str()).collect()
}

fn all_names(it: &Value) -> Vec<&str> {
    let given = items(&it["name"]).iter().flat_map(|name| items(&name["given"])).filter_map(Value::as_str);
    given.chain(names(it, "family")).collect()
}

fn pairs<'a>(list: &'a Value, key: &str) -> Vec<(&'a str, &'a str)> {
    items(list).iter().map(|item| (text(&item["system"]), text(&item[key]))).collect()
}

fn codings(concept: &Value) -> Vec<(&str, &str)> {
    pairs(&concept["coding"], "code")
}

/// A reference to this server, in any of its forms.
fn leads_to(reference: &Value, target: &str) -> bool {
    let reference = text(&reference["reference"]).trim_end_matches("/_history/1");
    reference.strip_prefix("http://here.example/fhir/").unwrap_or(reference) == target
}
