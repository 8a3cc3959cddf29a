//! The expression that a query becomes; keys are hashes, so a term shows how many it has.

use super::search;
use crate::search::expr::{Expr, TextTest};
use expect_test::{Expect, expect};

pub fn shown(expr: &Expr) -> String {
    let all = |parts: &[Expr], word: &str| {
        let parts: Vec<String> = parts.iter().map(shown).collect();
        format!("({})", parts.join(word))
    };
    match expr {
        Expr::All => "all".into(),
        Expr::None => "none".into(),
        Expr::And(parts) => all(parts, " and "),
        Expr::Or(parts) => all(parts, " or "),
        Expr::Not(part) => format!("not {}", shown(part)),
        Expr::Types(types) => format!("types {types:?}"),
        Expr::Ids(ids) => format!("ids {ids:?}"),
        Expr::Refers(r) => format!("refers by {} to {:?} with {}", r.columns.len(), r.targets, shown(&r.to)),
        Expr::Referred(r) => format!("referred by {} of {} with {}", r.columns.len(), r.source, shown(&r.by)),
        Expr::Nos(nos) => format!("nos {nos:?}"),
        Expr::Ask(ask) => format!("ask {ask:?}"),
        Expr::Updated { from, to } => format!("updated {from}..{to}"),
        Expr::Near(near) => format!("near {} {}", near.latitude, near.longitude),
        Expr::Governed(governed) => format!("{governed:?}"),
        Expr::Compartment(keys) => format!("compartment of {}", keys.len()),
        Expr::Term(t) => {
            let exclusive = if t.exclusive.is_some() { " exclusive" } else { "" };
            let role = t.role.map(|role| format!(" {role:?}").to_lowercase()).unwrap_or_default();
            format!("term {:?}{role}{exclusive} {}", t.rank, t.keys.len()).to_lowercase()
        }
        Expr::Text(t) => match &t.test {
            TextTest::Prefix { from, before } => format!("text {from:?}..{:?}", before.as_deref().unwrap_or_default()),
            TextTest::Exact(value) => format!("text = {value:?}"),
            TextTest::Contains { part, .. } => format!("text contains {part:?}"),
            TextTest::End { part, .. } => format!("text ends with {part:?}"),
        },
        Expr::Date(d) => {
            let tests: Vec<String> = d.tests.iter().map(|t| format!("{:?}", t.comparison).to_lowercase()).collect();
            format!("date {}{}", tests.join(" "), if d.single { " single" } else { "" })
        }
        Expr::Quantity(q) => format!("quantity {:?} {} ± {}", q.comparison, q.value, q.margin).to_lowercase(),
        Expr::Missing(m) => format!("missing {} of {:?}", m.columns.len(), m.types),
    }
}

fn check(query: &str, expected: Expect) {
    expected.assert_eq(&shown(&search(query).unwrap_or_else(|f| panic!("{query}: {f}")).filter));
}

#[test]
fn a_query_becomes_keys_and_limits() {
    check("Patient?", expect!["all"]);
    check("Patient?identifier=urn:mrn|7", expect!["term identity 1"]);
    check("Patient?gender=male,female", expect!["term flag exclusive 2"]);
    check("Patient?gender:not=male,female", expect!["not term flag exclusive 2"]);
    check("Observation?code=a,s|b", expect!["term code 2"]);
    check("Observation?combo-code=a", expect!["term code 2"]);
    check("Observation?patient=1&code=s|a", expect!["(term patient patient exclusive 1 and term code code 1)"]);
    check("Observation?subject=1", expect!["term code exclusive 4"]);
    check("Observation?date=ge2013&date=lt2014", expect!["(date ge single and date lt single)"]);
    check("Observation?encounter=1&encounter=1", expect!["term event exclusive 1"]);
    check(
        "Patient?name=Müller,Ab&family:exact=Ab",
        expect![[r#"((text "muller".."mulles" or text "ab".."ac") and text = "ab\u{1}Ab")"#]],
    );
    check("Patient?name:contains=b", expect![[r#"text contains "b""#]]);
    check("Patient?_id=a,b&_lastUpdated=1970-01-01", expect!["(ids [a, b] and updated 0..86399999999)"]);
    check("Patient?_lastUpdated=ne1970-01-01", expect!["not updated 0..86399999999"]);
    check("Observation?value-quantity=ap5.40|u|mg", expect!["quantity ap 54e-1 ± 54e-2"]);
    check("Observation?subject:missing=false", expect!["not missing 1 of [Observation]"]);
    check("?_tag=s|a&_type=Patient,Observation", expect!["term flag 2"]);
    check("Patient?gender=http://hl7.org/fhir/administrative-gender|", expect!["term flag exclusive 4"]);
    check("Patient?gender=http://elsewhere|male", expect!["none"]);
}

#[test]
fn what_shapes_the_answer_is_read_apart() {
    let search = search(
        "Observation?_count=5&_sort=-date,_id&_total=accurate&_summary=true&_elements=code,status&_cursor=x&_format=json\
         &_include=Observation:subject:Patient&_include:iterate=Patient:organization&_revinclude=Provenance:target",
    )
    .unwrap();
    expect![[r#"
        (
            Some(
                5,
            ),
            Accurate,
            Some(
                "true",
            ),
            [
                "code",
                "status",
            ],
            Some(
                "x",
            ),
        )
    "#]]
    .assert_debug_eq(&(search.count, search.total, search.summary, search.elements, search.cursor));
    expect![[r#"
        [
            Include {
                source: Observation,
                param: Some(
                    "subject",
                ),
                target: Some(
                    Patient,
                ),
                reverse: false,
                iterate: false,
            },
            Include {
                source: Patient,
                param: Some(
                    "organization",
                ),
                target: None,
                reverse: false,
                iterate: true,
            },
            Include {
                source: Provenance,
                param: Some(
                    "target",
                ),
                target: None,
                reverse: true,
                iterate: false,
            },
        ]
    "#]]
    .assert_debug_eq(&search.includes);
    let sorts: Vec<String> = search
        .sort
        .iter()
        .map(|s| format!("{:?} {}", s.by, s.descending).split_whitespace().next().unwrap_or_default().to_string())
        .collect();
    assert_eq!(sorts, ["Date", "Id"]);
}
