//! How sure it is that two records are of one person.
//!
//! Points are given and taken as [`WEIGHTS`] says; the sum decides the grade of
//! <http://hl7.org/fhir/StructureDefinition/match-grade>. A mistake joins two people or tears one apart, so whatever
//! merely resembles is left to a person: it is `probable` at most.

use super::person::{Name, Person, Place};
use super::resemblance::{dates_resemble, resembles};

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Identifier,
    BirthDate,
    Family,
    Given,
    Generation,
    Gender,
    Telecom,
    Address,
    BirthOrder,
}

/// Points of a field, by how it compares. What one of the two does not have gives and takes nothing.
#[derive(Debug)]
pub struct Weight {
    pub field: Field,
    pub agrees: i32,
    pub resembles: i32,
    pub differs: i32,
    pub why: &'static str,
}

#[rustfmt::skip]
pub const WEIGHTS: [Weight; 9] = [
    Weight { field: Field::Identifier, agrees: 10, resembles: 0, differs: 0, why: "was given to one person alone; having another one besides is usual" },
    Weight { field: Field::BirthDate, agrees: 4, resembles: 1, differs: -6, why: "never changes, and is often mistyped by one digit" },
    Weight { field: Field::Family, agrees: 3, resembles: 2, differs: -2, why: "changes by marriage, and is shared by a household" },
    Weight { field: Field::Given, agrees: 3, resembles: 2, differs: -7, why: "all that tells twins from one another" },
    Weight { field: Field::Generation, agrees: 0, resembles: -1, differs: -8, why: "Jr. and Sr. share everything else; often left out" },
    Weight { field: Field::Gender, agrees: 1, resembles: 0, differs: -2, why: "half of all people agree in it; it can be mistyped and can change" },
    Weight { field: Field::Telecom, agrees: 3, resembles: 0, differs: 0, why: "changes often, and is shared by a household" },
    Weight { field: Field::Address, agrees: 2, resembles: 1, differs: 0, why: "likewise; a postal code alone says less" },
    Weight { field: Field::BirthOrder, agrees: 1, resembles: 0, differs: -6, why: "is noted to tell twins from one another" },
];

/// Points of a full score.
const FULL: i32 = 16;
const CERTAIN: i32 = 13;
const PROBABLE: i32 = 8;
const POSSIBLE: i32 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    CertainlyNot,
    Possible,
    Probable,
    Certain,
}

impl Grade {
    /// Returns the code of the extension match-grade.
    pub fn code(self) -> &'static str {
        match self {
            Grade::CertainlyNot => "certainly-not",
            Grade::Possible => "possible",
            Grade::Probable => "probable",
            Grade::Certain => "certain",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    pub grade: Grade,
    /// From 0 to 1.
    pub value: f32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Likeness {
    Unknown,
    Agrees,
    Resembles,
    Differs,
}
use Likeness::{Agrees, Differs, Resembles, Unknown};

type Compared = Vec<(Field, Likeness)>;

/// Returns how sure it is that the two are one person.
pub fn compare(a: &Person, b: &Person) -> Score {
    let mut compared = names(a, b);
    compared.extend([
        (Field::Identifier, any(&a.identifiers, &b.identifiers, Unknown)),
        (Field::BirthDate, birth_date(a, b)),
        (Field::Gender, exact(&a.gender, &b.gender)),
        (Field::Telecom, any(&a.telecoms, &b.telecoms, Unknown)),
        (Field::Address, address(&a.addresses, &b.addresses)),
        (Field::BirthOrder, exact(&a.birth_order, &b.birth_order)),
    ]);
    graded(&compared)
}

fn graded(compared: &Compared) -> Score {
    let of = |field| compared.iter().find(|(f, _)| *f == field).map_or(Unknown, |(_, likeness)| *likeness);
    let mut points = points(compared);
    let who = [Field::Family, Field::Given, Field::BirthDate];
    if of(Field::Identifier) == Agrees {
        // The same number beside another name and birthday is worth a look, whatever the rest says.
        points = points.max(POSSIBLE);
        if !who.iter().any(|f| of(*f) == Agrees) {
            points = points.min(CERTAIN - 1);
        }
    } else {
        let rest = [Field::Generation, Field::Gender, Field::BirthOrder];
        let clean = who.iter().all(|f| of(*f) == Agrees) && rest.iter().all(|f| matches!(of(*f), Agrees | Unknown));
        if !clean {
            points = points.min(CERTAIN - 1);
        }
    }
    let grade = match points {
        CERTAIN.. => Grade::Certain,
        PROBABLE.. => Grade::Probable,
        POSSIBLE.. => Grade::Possible,
        _ => Grade::CertainlyNot,
    };
    Score { grade, value: points.clamp(0, FULL) as f32 / FULL as f32 }
}

fn points(compared: &Compared) -> i32 {
    compared.iter().map(|(field, likeness)| weigh(*field, *likeness)).sum()
}

fn weigh(field: Field, likeness: Likeness) -> i32 {
    let Some(weight) = WEIGHTS.iter().find(|w| w.field == field) else { return 0 };
    match likeness {
        Unknown => 0,
        Agrees => weight.agrees,
        Resembles => weight.resembles,
        Differs => weight.differs,
    }
}

/// Returns the comparison of those two names that are the most alike: people have maiden names and names of art.
fn names(a: &Person, b: &Person) -> Compared {
    let pairs = a.names.iter().flat_map(|one| b.names.iter().map(move |other| (one, other)));
    pairs.map(|(one, other)| name(one, other)).max_by_key(points).unwrap_or_default()
}

fn name(a: &Name, b: &Name) -> Compared {
    let generation = match (&a.generation, &b.generation) {
        (None, None) => Unknown,
        (Some(a), Some(b)) if a == b => Agrees,
        (Some(_), Some(_)) => Differs,
        _ => Resembles,
    };
    // Family and given name in the place of each other.
    let swapped = !a.family.is_empty()
        && a.family != a.given.join(" ")
        && a.family == b.given.join(" ")
        && b.family == a.given.join(" ");
    let (family, given) =
        if swapped { (Resembles, Resembles) } else { (family(&a.family, &b.family), given(&a.given, &b.given)) };
    vec![(Field::Family, family), (Field::Given, given), (Field::Generation, generation)]
}

fn family(a: &str, b: &str) -> Likeness {
    if a.is_empty() || b.is_empty() {
        return Unknown;
    }
    if a == b {
        return Agrees;
    }
    // One part of a double name, as in Garcia for Garcia Lopez.
    let shares = a.split(' ').any(|part| part.chars().count() > 2 && b.split(' ').any(|other| other == part));
    if shares || resembles(a, b) { Resembles } else { Differs }
}

fn given(a: &[String], b: &[String]) -> Likeness {
    let (Some(first), Some(other)) = (a.first(), b.first()) else { return Unknown };
    let initial = |short: &String, long: &String| short.chars().count() == 1 && long.starts_with(short.as_str());
    if first == other {
        // Twins may share the first name and be called by the second.
        return match (a.get(1), b.get(1)) {
            (Some(x), Some(y)) if x != y && !resembles(x, y) && !initial(x, y) && !initial(y, x) => Resembles,
            _ => Agrees,
        };
    }
    let called_by_second = b.contains(first) || a.contains(other);
    if called_by_second || initial(first, other) || initial(other, first) || resembles(first, other) {
        Resembles
    } else {
        Differs
    }
}

fn birth_date(a: &Person, b: &Person) -> Likeness {
    match (&a.birth_date, &b.birth_date) {
        (Some(a), Some(b)) if a == b && a.len() == 10 => Agrees,
        (Some(a), Some(b)) if dates_resemble(a, b) => Resembles,
        (Some(_), Some(_)) => Differs,
        _ => Unknown,
    }
}

fn exact<T: PartialEq>(a: &Option<T>, b: &Option<T>) -> Likeness {
    match (a, b) {
        (Some(a), Some(b)) if a == b => Agrees,
        (Some(_), Some(_)) => Differs,
        _ => Unknown,
    }
}

fn any<T: PartialEq>(a: &[T], b: &[T], otherwise: Likeness) -> Likeness {
    if a.iter().any(|it| b.contains(it)) { Agrees } else { otherwise }
}

fn address(a: &[Place], b: &[Place]) -> Likeness {
    let known = |text: &str, other: &str| !text.is_empty() && text == other;
    let likeness = |a: &Place, b: &Place| {
        let near = known(&a.postal_code, &b.postal_code) || known(&a.city, &b.city);
        match (near, known(&a.line, &b.line)) {
            (true, true) => Agrees,
            (true, false) if known(&a.postal_code, &b.postal_code) => Resembles,
            _ => Unknown,
        }
    };
    let pairs = || a.iter().flat_map(|one| b.iter().map(move |other| likeness(one, other)));
    [Agrees, Resembles].into_iter().find(|wanted| pairs().any(|found| found == *wanted)).unwrap_or(Unknown)
}

#[cfg(test)]
mod tests;
