//! What a call of `$everything` asks for, by URL or by Parameters.
//!
//! R4 <https://hl7.org/fhir/R4/patient-operation-everything.html>: `start`, `end`, `_since`, `_type`, `_count`.

use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceType};
use crate::interaction::Context;
use crate::operation::Call;
use crate::operation::parameters::Parameters;
use crate::rest::Body;
use crate::search::expr::Date;
use crate::search::{Expr, Registry, period};

const KNOWN: [&str; 5] = ["start", "end", "_since", "_type", "_count"];
/// What the URL may say besides: how the answer is written, and which page it is.
const BESIDE: [&str; 4] = ["_format", "_pretty", "_summary", "_elements"];
/// The search parameter of the date of care. Resources of other types have none, and those without a value come always: that
/// care was not given within a stretch of time is not known of them.
const CLINICAL_DATE: &str = "http://hl7.org/fhir/SearchParameter/clinical-date";
/// What records refer to outside of themselves.
const OUTSIDE: [&str; 8] = [
    "Device",
    "HealthcareService",
    "Location",
    "Medication",
    "Organization",
    "Practitioner",
    "PractitionerRole",
    "Substance",
];

pub struct Asked {
    /// What the links repeat: the parameters, but for the cursor.
    pub pairs: Vec<(String, String)>,
    pub cursor: Option<String>,
    /// Matches on a page.
    pub count: u32,
    /// As it was asked for.
    pub wanted: Option<u32>,
    /// What holds of matches besides belonging to the record.
    pub filter: Expr,
    /// Types of matches that have to be walked; empty for all.
    pub walked: Vec<ResourceType>,
    /// Types of what comes along.
    pub outside: Vec<ResourceType>,
    /// The types that are asked for; empty for all.
    types: Vec<ResourceType>,
}

/// One parameter: its name, its value, and where it stands.
struct Given {
    name: String,
    value: String,
    at: Option<String>,
}

impl Given {
    fn wrong(&self, want: &str) -> Fault {
        let value: String = self.value.chars().filter(|c| !c.is_control()).take(80).collect();
        let text = format!("the parameter '{}' wants {want}, not '{value}'", self.name);
        match &self.at {
            Some(path) => Fault::at(Kind::Value, path.clone(), text),
            None => Fault::new(Kind::Invalid, text),
        }
    }
}

impl Asked {
    pub fn read(ctx: &Context, call: Call) -> Result<Asked, Fault> {
        let mut given: Vec<Given> = Vec::new();
        let mut cursor = None;
        for (name, value) in &ctx.request.query {
            match name.as_str() {
                "_cursor" => cursor = Some(value.clone()),
                known if KNOWN.contains(&known) || BESIDE.contains(&known) => {
                    given.push(Given { name: name.clone(), value: value.clone(), at: None });
                }
                _ => {
                    let text =
                        format!("$everything does not know the parameter '{name}'; it knows {}", KNOWN.join(", "));
                    return Err(Fault::new(Kind::NotSupported, text));
                }
            }
        }
        if !matches!(call.body, Body::None) {
            let parameters = Parameters::read(ctx, call.body, &KNOWN)?;
            for name in KNOWN {
                let texts = parameters.located(name)?.into_iter();
                given.extend(texts.map(|(at, value)| Given { name: name.to_string(), value, at: Some(at) }));
            }
        }
        Asked::of(ctx.store.registry(), given, cursor, ctx.settings.page_size_max)
    }

    fn of(registry: &Registry, given: Vec<Given>, cursor: Option<String>, max: u32) -> Result<Asked, Fault> {
        for (at, one) in given.iter().enumerate() {
            if one.name != "_type" && given[..at].iter().any(|other| other.name == one.name) {
                return Err(one.wrong("one value"));
            }
        }
        let one = |name: &str| given.iter().find(|one| one.name == name);
        let wanted = one("_count").map(count).transpose()?;
        let types = types(&given)?;
        let filter = Expr::and([since(one("_since"))?, dated(registry, one("start"), one("end"))?]);
        let all: Vec<ResourceType> = OUTSIDE.iter().filter_map(|name| ResourceType::parse(name)).collect();
        let outside: Vec<ResourceType> = all.into_iter().filter(|t| types.is_empty() || types.contains(t)).collect();
        // What is outside of the record is found by the members that name it, whatever types these have.
        let walked = if outside.is_empty() { types.clone() } else { Vec::new() };
        let pairs = given.into_iter().map(|given| (given.name, given.value)).collect();
        Ok(Asked { pairs, cursor, count: wanted.unwrap_or(max).min(max), wanted, filter, walked, outside, types })
    }

    /// Returns whether a match of this type is to be shown.
    pub fn is_wanted(&self, t: ResourceType) -> bool {
        self.types.is_empty() || self.types.contains(&t)
    }
}

fn count(given: &Given) -> Result<u32, Fault> {
    given.value.parse().ok().filter(|count| *count > 0).ok_or_else(|| given.wrong("a number from 1 on"))
}

fn types(given: &[Given]) -> Result<Vec<ResourceType>, Fault> {
    let mut types = Vec::new();
    for one in given.iter().filter(|one| one.name == "_type") {
        for name in one.value.split(',').map(str::trim) {
            types.push(ResourceType::parse(name).ok_or_else(|| one.wrong("resource types of R4, with commas"))?);
        }
    }
    types.sort_unstable();
    types.dedup();
    Ok(types)
}

fn since(given: Option<&Given>) -> Result<Expr, Fault> {
    let Some(given) = given else { return Ok(Expr::All) };
    let from = moments(given).ok_or_else(|| given.wrong("an instant"))?;
    Ok(Expr::Updated { from: from.lo, to: period::END })
}

/// Returns the stretch that a date means. A `+` of a time zone that nobody escaped reaches us as a space.
fn moments(given: &Given) -> Option<period::Period> {
    period::parse(&given.value.replace(' ', "+"))
}

/// Returns which resources tell of care between the dates: `start` and `end` are compared as the prefixes `ge` and `le` do.
fn dated(registry: &Registry, start: Option<&Given>, end: Option<&Given>) -> Result<Expr, Fault> {
    let mut pairs = Vec::new();
    let mut limits = Vec::new();
    for (prefix, given) in [("ge", start), ("le", end)] {
        let Some(given) = given else { continue };
        let stretch = moments(given).ok_or_else(|| given.wrong("a date"))?;
        // A year is its first or its last day: what lasts longer than the year is not left out for that.
        let edge = Instant(if prefix == "ge" { stretch.lo } else { stretch.hi }).to_string();
        let value = if given.value.contains('T') { given.value.replace(' ', "+") } else { edge[..10].to_string() };
        pairs.push(("date".to_string(), format!("{prefix}{value}")));
        limits.push(stretch);
    }
    match (&limits[..], end) {
        ([], _) => return Ok(Expr::All),
        ([from, to], Some(end)) if from.lo > to.hi => return Err(end.wrong("a date that is not before 'start'")),
        _ => {}
    }
    let has_date = |t: &ResourceType| registry.of(*t).param("date").is_some_and(|p| &*p.spec.url == CLINICAL_DATE);
    let (with, without): (Vec<ResourceType>, Vec<ResourceType>) = ResourceType::all().partition(has_date);
    let mut dates = Vec::new();
    for t in with {
        collect(&crate::search::parse(registry, Some(t), &pairs, false)?.filter, &mut dates);
    }
    // Probes by the keys of dates are cheap; a set of all resources without one would be asked for each resource.
    let is_undated = dates.iter().map(|date| Expr::not(Expr::Date(Date { tests: Vec::new(), ..date.clone() })));
    let undated = Expr::and(is_undated.collect::<Vec<_>>());
    let within = dates.into_iter().map(Expr::Date);
    Ok(Expr::or([Expr::Types(without)].into_iter().chain(within).chain([undated])))
}

/// Adds the dates of a condition, the tests of one column together.
fn collect(expr: &Expr, dates: &mut Vec<Date>) {
    match expr {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|part| collect(part, dates)),
        Expr::Date(date) => match dates.iter_mut().find(|known| known.keys == date.keys) {
            Some(known) => known.tests.extend(&date.tests),
            None => dates.push(date.clone()),
        },
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::fhir::ResourceId;
    use crate::search::evaluate::{self, Indexed};
    use crate::search::extract;
    use serde_json::{Value, json};
    use std::sync::{Arc, LazyLock};

    static REGISTRY: LazyLock<Registry> =
        LazyLock::new(|| Registry::new(Arc::new(Catalog::load().expect("the definitions load")), "http://here/fhir"));

    fn asked(query: &[(&str, &str)]) -> Result<Asked, Fault> {
        let given = query.iter().map(|(name, value)| Given {
            name: (*name).to_string(),
            value: (*value).to_string(),
            at: None,
        });
        Asked::of(&REGISTRY, given.collect(), None, 1_000)
    }

    fn t(name: &str) -> ResourceType {
        ResourceType::parse(name).unwrap()
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_its_name() {
        for (query, part) in [
            ([("start", "yesterday")].as_slice(), "'start' wants a date"),
            (&[("end", "2013-13")], "'end' wants a date"),
            (&[("_since", "")], "'_since' wants an instant"),
            (&[("_type", "Patient,Nope")], "'_type' wants resource types"),
            (&[("_count", "0")], "'_count' wants a number"),
            (&[("_count", "-1")], "'_count' wants a number"),
            (&[("_count", "99999999999")], "'_count' wants a number"),
            (&[("start", "2013"), ("start", "2014")], "'start' wants one value"),
            (&[("start", "2014-02"), ("end", "2014-01")], "not before 'start'"),
        ] {
            let fault = asked(query).err().unwrap_or_else(|| panic!("{query:?} is read"));
            assert!(fault.kind() == Kind::Invalid && fault.to_string().contains(part), "{query:?}: {fault}");
        }
    }

    #[test]
    fn types_narrow_what_is_walked_unless_they_are_found_by_what_names_them() {
        let wanted = asked(&[("_type", "Observation, Condition"), ("_type", "Condition"), ("_count", "5000")]).unwrap();
        assert_eq!(wanted.walked, [t("Condition"), t("Observation")]);
        assert!(wanted.outside.is_empty() && wanted.is_wanted(t("Condition")) && !wanted.is_wanted(t("Encounter")));
        assert_eq!((wanted.count, wanted.wanted), (1_000, Some(5_000)));
        let outside = asked(&[("_type", "Practitioner")]).unwrap();
        assert_eq!((outside.walked, outside.outside), (vec![], vec![t("Practitioner")]));
        let all = asked(&[]).unwrap();
        assert_eq!((all.outside.len(), all.is_wanted(t("Encounter"))), (OUTSIDE.len(), true));
    }

    #[test]
    fn dates_of_care_are_compared_and_what_has_none_comes_always() {
        let observed =
            |date: Value| json!({"resourceType": "Observation", "status": "final", "effectiveDateTime": date});
        let visit = |start: &str, end: Option<&str>| json!({"resourceType": "Encounter", "period": {"start": start, "end": end}});
        for (resource, is_found) in [
            (observed("2013-01-01".into()), true),
            (observed("2014-12-31".into()), true),
            (observed("2012-12-31".into()), false),
            (observed("2015".into()), false),
            (json!({"resourceType": "Observation", "status": "final"}), true),
            (visit("2012-05-01", None), true),
            (visit("2014-05-01", Some("2016-05-01")), true),
            (visit("2012-05-01", Some("2012-06-01")), false),
            (json!({"resourceType": "Condition", "onsetDateTime": "1990", "recordedDate": "1990"}), true),
            (json!({"resourceType": "Patient", "birthDate": "1990-01-01"}), true),
        ] {
            let name = t(resource["resourceType"].as_str().unwrap());
            let rows = extract(&REGISTRY, name, &resource);
            let id = ResourceId::parse("x").unwrap();
            let indexed = Indexed { resource_type: name, id, updated: None, rows };
            let filter = asked(&[("start", "2013"), ("end", "2014")]).unwrap().filter;
            assert_eq!(evaluate::matches(&filter, &indexed), is_found, "{resource}");
        }
    }
}
