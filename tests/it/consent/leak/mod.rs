//! What people see by searches, pages, includes, chains, histories, `$everything` and `$search` is what reading one by one allows.
//!
//! The records are those of a hospital, see `hospital.rs`; consents, askers and questions are chosen by chance, which a seed repeats.
//! What is expected is worked out from what the keeper of the record finds and from single reads by the asker.

mod asker;
mod cast;
mod questions;
mod signs;
mod wills;
mod world;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use self::asker::{Asker, SIZE_MAX};
use self::cast::User;
use self::questions::{Kind, Question};
use self::wills::Wills;
use self::world::World;
use crate::app::wants_all;
use crate::dice::Dice;

/// Users, consents and questions together.
const TRIPLES: usize = 500;
/// Of them so many under the same consents, side by side.
const AT_ONCE: usize = 4;
/// Walks of which a consent changes in the middle.
const INTERRUPTED: usize = 40;

/// Returns the seed of the run, which `MEDILINK_TEST_SEED` sets.
fn seed() -> u64 {
    std::env::var("MEDILINK_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_260_115)
}

#[test]
fn what_is_found_is_what_can_be_read() {
    let Some(world) = World::load() else { return };
    let (seed, began) = (seed(), Instant::now());
    println!("seed {seed}; {} resources", world.resources.len());
    let mut dice = Dice::new(seed);
    let cast = cast::cast(&world);
    let wills = Wills::new(&world, &mut dice);
    for _ in 0..3 * world.patients.len() {
        wills.change(&world, &mut dice);
    }
    let mut told = Told::default();
    let triples = if wants_all() { 4 * TRIPLES } else { TRIPLES };
    for _ in 0..triples / AT_ONCE {
        wills.change(&world, &mut dice);
        let asked: Vec<(&User, Question, Walk)> =
            (0..AT_ONCE).map(|_| (dice.one(&cast), fitting(&world, &mut dice), Walk::any(&mut dice))).collect();
        let faults = Mutex::new(Vec::new());
        let answers: Vec<(usize, usize)> = thread::scope(|scope| {
            let each = asked.iter().map(|(user, question, walk)| {
                let (world, faults) = (&world, &faults);
                scope.spawn(move || {
                    let asker = Asker::new(world, &user.client);
                    let checked = check(&asker, question, *walk);
                    let fault = |what: &String| format!("{} asks {} {walk:?}: {what}", user.name, question.path);
                    faults.lock().expect("not poisoned").extend(checked.faults.iter().map(fault));
                    (checked.there, checked.seen)
                })
            });
            each.collect::<Vec<_>>().into_iter().map(|it| it.join().expect("a check ends")).collect()
        });
        for ((user, question, _), (there, seen)) in asked.iter().zip(answers) {
            told.add(user, question, there, seen);
        }
        told.take(&world, faults.into_inner().expect("not poisoned"));
    }
    println!("{triples} triples in {:?}", began.elapsed());
    told.print();
    for _ in 0..INTERRUPTED {
        let faults = interrupted(&world, &mut dice, &cast, &wills);
        told.take(&world, faults);
    }
    println!("all in {:?}", began.elapsed());
    signs::nothing_tells_hidden_from_absent(&world, &cast);
    assert!(told.faults.is_empty(), "seed {seed}: {} faults:\n{}", told.faults.len(), told.faults.join("\n"));
    told.expect_variety();
}

/// How the pages of an answer are walked.
#[derive(Debug, Clone, Copy)]
struct Walk {
    count: usize,
    total: bool,
}

impl Walk {
    fn any(dice: &mut Dice) -> Walk {
        let count = if dice.percent(50) { 1 + dice.below(7) } else { 500 };
        Walk { count, total: dice.percent(50) }
    }
}

/// What came of one question.
#[derive(Default)]
struct Checked {
    faults: Vec<String>,
    /// How many the keeper finds, and the asker.
    there: usize,
    seen: usize,
}

/// Returns a question that finds something, and not too much to read one by one.
fn fitting(world: &World, dice: &mut Dice) -> Question {
    loop {
        let question = questions::question(world, dice);
        let n = asker::size(world, &question);
        if (1..=SIZE_MAX).contains(&n) || dice.percent(2) && n == 0 {
            return question;
        }
    }
}

fn check(asker: &Asker, question: &Question, walk: Walk) -> Checked {
    let mut checked = Checked::default();
    let expected = asker.expected(question);
    let seen = asker.walk(question, walk.count, walk.total);
    checked.there = expected.there;
    checked.seen = seen.matches.len();
    let mut wrong = |text: String| checked.faults.push(text);
    if let Some(status) = seen.refused {
        if !expected.matches.is_empty() {
            wrong(format!("is refused with {status}, though {:?} can be read", expected.matches));
        }
        return checked;
    }
    let in_order = |names: &[String]| {
        let mut names = names.to_vec();
        // Of what was stored in the same moment each plan has an order of its own.
        if question.path.contains("_lastUpdated") {
            names.sort_unstable();
        }
        names
    };
    if in_order(&seen.matches) != in_order(&expected.matches) {
        wrong(format!("finds {}", difference(&seen.matches, &expected.matches)));
    }
    let more: Vec<&String> = seen.along.difference(&expected.along_at_most).collect();
    let less: Vec<&String> = expected.along.difference(&seen.along).collect();
    if !more.is_empty() || !less.is_empty() {
        wrong(format!("brings along {more:?} too many, and not {less:?}"));
    }
    for total in seen.totals {
        if total != expected.matches.len() {
            wrong(format!("tells a total of {total}, not of {}", expected.matches.len()));
        }
    }
    if let Some(count) = asker.count(question).filter(|count| *count != expected.matches.len()) {
        wrong(format!("counts {count}, not {}", expected.matches.len()));
    }
    checked
}

fn difference(seen: &[String], expected: &[String]) -> String {
    let more: Vec<&String> = seen.iter().filter(|name| !expected.contains(name)).collect();
    let less: Vec<&String> = expected.iter().filter(|name| !seen.contains(name)).collect();
    match (more.is_empty(), less.is_empty()) {
        (true, true) => format!("in another order, or twice: {seen:?} not {expected:?}"),
        _ => format!("{more:?} too many, and not {less:?}"),
    }
}

/// A consent changes while somebody walks from page to page: pages after it hold what may be seen after it, and nothing is lost that
/// may be seen before and after.
fn interrupted(world: &World, dice: &mut Dice, cast: &[User], wills: &Wills) -> Vec<String> {
    let user = dice.one(cast);
    let before = Asker::new(world, &user.client);
    let (question, expected) = loop {
        let question = fitting(world, dice);
        if matches!(question.kind, Kind::Search { is_fixed: true, .. }) && asker::size(world, &question) > 5 {
            let expected = before.expected(&question);
            break (question, expected);
        }
    };
    let separator = if question.path.contains('?') { '&' } else { '?' };
    let mut next = Some(format!("{}{separator}_count=2", question.path));
    let (mut first, mut rest, mut changed) = (Vec::new(), Vec::new(), false);
    for page in 0..400 {
        let Some(path) = next.take() else { break };
        if page == 2 {
            changed = true;
            let patient = dice.below(world.patients.len());
            let code = dice.text(&["OPTIN", "OPTOUT"]);
            let id = format!("leak-{patient}-0");
            let status = dice.text(&["active", "inactive"]);
            wills::write(world, &wills::plain(&id, &world.patients[patient], status, code));
            wills.change(world, dice);
        }
        let answer = user.client.get(&path);
        if answer.status == 403 && page == 0 {
            return Vec::new();
        }
        let entries = answer.clone().expect(200).entries();
        if page < 2 { &mut first } else { &mut rest }.extend(world::matches(&entries));
        next = answer.link("next");
    }
    let after = Asker::new(world, &user.client).expected(&question);
    let mut faults = Vec::new();
    let mut wrong = |what: &str, names: Vec<&String>| {
        if !names.is_empty() {
            faults.push(format!("{} walks {}: {what}: {names:?}", user.name, question.path));
        }
    };
    wrong("hidden before", first.iter().filter(|name| !expected.matches.contains(name)).collect());
    // Where the pages ended before the change, everything has to be what it was before.
    let allowed = if changed { &after } else { &expected };
    wrong("hidden after", rest.iter().filter(|name| !allowed.matches.contains(name)).collect());
    let both = expected.matches.iter().filter(|name| allowed.matches.contains(name));
    wrong("lost", both.filter(|name| !first.contains(name) && !rest.contains(name)).collect());
    faults
}

/// What came of it all.
#[derive(Default)]
struct Told {
    faults: Vec<String>,
    /// By asker, and by kind of question: how many there are and how many of them were seen.
    seen: BTreeMap<String, (usize, usize)>,
}

impl Told {
    fn add(&mut self, user: &User, question: &Question, there: usize, seen: usize) {
        let kind = match question.kind {
            Kind::Search { ref chains, .. } if !chains.is_empty() => "chain",
            Kind::Search { ref along, .. } if !along.is_empty() => "along",
            Kind::Search { .. } => "search",
            Kind::Everything(_) => "everything",
            Kind::History => "history",
            Kind::Ranked => "ranked",
        };
        for key in [user.name.clone(), format!("by {kind}")] {
            let known = self.seen.entry(key).or_default();
            *known = (known.0 + there, known.1 + seen);
        }
    }

    fn take(&mut self, world: &World, faults: Vec<String>) {
        if !faults.is_empty() && self.faults.len() < 40 {
            if std::env::var_os("MEDILINK_TEST_TELL").is_some() {
                for consent in world.keeper.get("Consent?status=active&_count=500").expect(200).resources() {
                    println!("{consent}");
                }
                faults.iter().for_each(|fault| println!("FAULT {fault}"));
            }
            self.faults.extend(faults);
        }
    }

    fn print(&self) {
        for (who, (there, seen)) in &self.seen {
            println!("{who}: {seen} of {there}");
        }
    }

    /// A test in which everything or nothing is seen would prove nothing.
    fn expect_variety(&self) {
        for kind in ["chain", "along", "search", "everything", "history", "ranked"] {
            let (there, seen) = self.seen.get(&format!("by {kind}")).copied().unwrap_or_default();
            assert!(seen > 0 && seen < there, "by {kind}: {seen} of {there}");
        }
    }
}
