//! Searches that make no sense, of every kind: each is refused, and the refusal names the parameter.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#errors>. Nothing is left out in silence.

use super::still_answers;
use crate::app::TestApp;

/// Returns the path with everything escaped that a URL cannot hold. `&`, `=` and `%` mean what they mean there.
fn escaped(path: &str) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_.~:/|?&=%,;$*@!'()".contains(b);
    path.bytes().map(|b| if plain(&b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// A query without its type, and what the refusal must name.
type Rows = &'static [(&'static str, &'static str)];

fn check(t: &str, rows: Rows) {
    let app = TestApp::shared();
    let rows = rows.iter().map(|(query, named)| (query.to_string(), named.to_string()));
    check_all(&app, t, rows.collect());
    still_answers(&app);
}

fn check_all(app: &TestApp, t: &str, rows: Vec<(String, String)>) {
    let mut wrong = Vec::new();
    for (query, named) in rows {
        let shown: String = query.chars().take(100).collect();
        for (method, answer) in [
            ("GET", app.client().get(&escaped(&format!("{t}?{query}")))),
            ("POST", app.client().request("POST", &search_path(t), &[FORM], escaped(&query).as_bytes())),
        ] {
            let issue =
                serde_json::from_slice::<serde_json::Value>(&answer.bytes).unwrap_or_default()["issue"][0].clone();
            let said = issue["diagnostics"].as_str().unwrap_or_default();
            let refused = answer.status == 400 && issue["severity"] == "error" && said.contains(&named);
            if !refused || answer.bytes.len() > 10_000 {
                let text: String = answer.text().chars().take(300).collect();
                wrong.push(format!("{method} {t}?{shown}: {} without '{named}': {text}", answer.status));
            }
        }
    }
    assert!(wrong.is_empty(), "{} not refused as they should be:\n{}", wrong.len(), wrong.join("\n"));
}

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

fn search_path(t: &str) -> String {
    if t.is_empty() { "_search".to_string() } else { format!("{t}/_search") }
}

#[test]
#[rustfmt::skip]
fn values_of_every_kind_are_checked() {
    check("RiskAssessment", &[
        ("probability=abc", "'probability'"), ("probability=1.2.3", "'probability'"), ("probability=ge", "'probability'"),
        ("probability=", "'probability'"), ("probability", "'probability'"), ("probability=1,", "'probability'"),
        ("probability=,1", "'probability'"), ("probability=1e999", "'probability'"), ("probability=NaN", "'probability'"),
        ("probability=Infinity", "'probability'"), ("probability=0x10", "'probability'"), ("probability=1 2", "'probability'"),
        ("probability=gele5", "'probability'"), ("probability=.5", "'probability'"), ("probability=5.", "'probability'"),
        ("probability=--5", "'probability'"), ("probability=5|u|kg", "'probability'"), ("probability:exact=5", "'probability:exact'"),
    ]);
    check("Patient", &[
        ("birthdate=yesterday", "'birthdate'"), ("birthdate=20-01-01", "'birthdate'"), ("birthdate=2000-13", "'birthdate'"),
        ("birthdate=2000-02-30", "'birthdate'"), ("birthdate=2000-1-1", "'birthdate'"), ("birthdate=xx2000", "'birthdate'"),
        ("birthdate=ge", "'birthdate'"), ("birthdate=GE2000", "'birthdate'"), ("birthdate=> 2000", "'birthdate'"),
        ("birthdate=2000,", "'birthdate'"), ("birthdate=2000-01-01T25:00", "'birthdate'"),
        ("birthdate=2000-01-01T10:00:00+99:00", "'birthdate'"), ("birthdate=2000-01-01T10", "'birthdate'"),
        ("birthdate=2000-01-01T24:00:00", "'birthdate'"), ("birthdate=2000-01-01 10:00", "'birthdate'"),
        ("birthdate=01/02/2000", "'birthdate'"), ("birthdate=2000-W01", "'birthdate'"), ("birthdate=", "'birthdate'"),
        ("birthdate=2000-01-01T10:00:00.0000000001Z", "'birthdate'"), ("birthdate=2000|2001", "'birthdate'"),
        ("birthdate:contains=2000", "'birthdate:contains'"), ("birthdate:in=2000", "'birthdate:in'"),
        ("name=", "'name'"), ("name=a,", "'name'"), (r"name=a\b", "'name'"), (r"name=a\", "'name'"), ("name=%20", "'name'"),
        ("name:not=x", "'name:not'"), ("name:in=x", "'name:in'"), ("name:below=x", "'name:below'"), ("name:of-type=x", "'name:of-type'"),
        ("gender=", "'gender'"), ("gender=|", "'gender'"), ("gender=a|b|c", "'gender'"), (r"gender=a\q", "'gender'"),
        ("gender=male,", "'gender'"), ("gender:exact=male", "'gender:exact'"), ("gender:contains=m", "'gender:contains'"),
        ("gender:identifier=m", "'gender:identifier'"), ("gender:in=", "'gender:in'"), ("gender:missing=maybe", "'gender:missing'"),
        ("gender:missing=", "'gender:missing'"), ("gender:missing=TRUE", "'gender:missing'"),
        ("active=http://x.example|", "'active'"), ("identifier=a|b|c", "'identifier'"),
        ("identifier:of-type=a|b", "'identifier:of-type'"), ("identifier:of-type=a||c", "'identifier:of-type'"),
        ("identifier:of-type=", "'identifier:of-type'"), ("gender:Patient=male", "'gender:Patient'"),
        ("organization=", "'organization'"), ("organization=a b", "'organization'"), ("organization=Nope/1", "'organization'"),
        ("organization=Organization/", "'organization'"), ("organization=/1", "'organization'"), ("organization=#x", "'organization'"),
        ("organization=Organization/1/_history/2", "'organization'"), ("organization:Patient=1", "'organization:Patient'"),
        ("organization:Nope=1", "'organization:Nope'"), ("organization:Organization=Patient/1", "'organization:Organization'"),
        ("organization:identifier=a|b|c", "'organization:identifier'"), ("organization:identifier=a|", "'organization:identifier'"),
        ("organization:exact=1", "'organization:exact'"), ("organization:text=x", "'organization:text'"),
    ]);
    check("Observation", &[
        ("value-quantity=five", "'value-quantity'"), ("value-quantity=", "'value-quantity'"), ("value-quantity=5|", "'value-quantity'"),
        ("value-quantity=5||", "'value-quantity'"), ("value-quantity=5|a|b|c", "'value-quantity'"),
        ("value-quantity=5|http://unitsofmeasure.org|", "'value-quantity'"), ("value-quantity=|u|kg", "'value-quantity'"),
        ("value-quantity=ge|u|kg", "'value-quantity'"), ("value-quantity=5 kg", "'value-quantity'"),
        ("value-quantity:exact=5", "'value-quantity:exact'"), ("value-quantity:above=5", "'value-quantity:above'"),
        ("code-value-quantity=a", "'code-value-quantity'"), ("code-value-quantity=a$", "'code-value-quantity'"),
        ("code-value-quantity=$5", "'code-value-quantity'"), ("code-value-quantity=a$b", "'code-value-quantity'"),
        ("code-value-quantity=a$5$6", "'code-value-quantity'"), ("code-value-quantity=", "'code-value-quantity'"),
        ("code-value-quantity:missing=true", "'code-value-quantity:missing'"),
    ]);
    check("ValueSet", &[
        ("url=", "'url'"), (r"url=http://x\y", "'url'"), ("url:exact=http://x", "'url:exact'"), ("url:in=http://x", "'url:in'"),
        ("url:below=", "'url:below'"), ("url=http://x,", "'url'"),
    ]);
    check("Location", &[
        ("near=", "'near'"), ("near=abc", "'near'"), ("near=1", "'near'"), ("near=91|0", "'near'"), ("near=0|181", "'near'"),
        ("near=1|2|x|km", "'near'"), ("near=1|2|-5|km", "'near'"), ("near=1|2|3|parsec", "'near'"), ("near=1|2|3|km|x", "'near'"),
    ]);
}

#[test]
#[rustfmt::skip]
fn names_modifiers_and_controls_are_checked() {
    check("Patient", &[
        ("nosuch=1", "'nosuch'"), ("nosuch:exact=1", "'nosuch:exact'"), ("Name=x", "'Name'"), ("=x", "''"), ("name%00=x", "name of a parameter"),
        ("name%20=x", "'name '"), ("value-quantity=5", "'value-quantity'"), ("name:nope=x", "'name:nope'"), ("name:=x", "'name:'"),
        ("name:exact:contains=x", "'name:exact:contains'"), ("name:Exact=x", "'name:Exact'"), ("_unknown=x", "'_unknown'"),
        ("_id=a_b", "'_id'"), ("_id=", "'_id'"), ("_id=a,", "'_id'"), ("_id=Patient/1", "'_id'"), ("_id:exact=a", "'_id:exact'"),
        ("_lastUpdated=today", "'_lastUpdated'"), ("_lastUpdated=", "'_lastUpdated'"), ("_lastUpdated=2000-99", "'_lastUpdated'"),
        ("_lastUpdated:missing=true", "'_lastUpdated:missing'"), ("_tag=a|b|c", "'_tag'"), ("_tag=|", "'_tag'"), ("_profile=", "'_profile'"),
        ("_security:exact=x", "'_security:exact'"), ("_source=", "'_source'"), ("_text=", "'_text'"), ("_content=", "'_content'"),
        ("_text:exact=x", "'_text:exact'"),
        ("_sort=", "'_sort'"), ("_sort=-", "'_sort'"), ("_sort=nosuch", "'_sort'"), ("_sort=name,,birthdate", "'_sort'"),
        ("_sort=--name", "'_sort'"), ("_sort=name:desc", "'_sort'"), ("_sort:asc=name", "'_sort:asc'"), ("_sort=name&_sort=birthdate", "'_sort'"),
        ("_count=-1", "'_count'"), ("_count=ten", "'_count'"), ("_count=+5", "'_count'"), ("_count=5.0", "'_count'"), ("_count=", "'_count'"),
        ("_count=99999999999", "'_count'"), ("_count=5,6", "'_count'"), ("_count:exact=5", "'_count:exact'"), ("_count=5&_count=6", "'_count'"),
        ("_total=maybe", "'_total'"), ("_total=", "'_total'"), ("_total=none,accurate", "'_total'"), ("_total=none&_total=accurate", "'_total'"),
        ("_summary=yes", "_summary"), ("_summary=", "_summary"), ("_summary=true,text", "_summary"), ("_summary=true&_summary=text", "'_summary'"),
        ("_elements=", "_elements"), ("_elements=name,,id", "_elements"), ("_elements=*", "_elements"), ("_elements=name&_elements=id", "'_elements'"),
        ("_contained=maybe", "'_contained'"), ("_contained=", "'_contained'"), ("_contained=true,false", "'_contained'"),
        ("_containedType=nope", "'_containedType'"), ("_containedType=", "'_containedType'"),
        ("_type=Observation", "'_type'"), ("_type=", "'_type'"), ("_type=Patient&_type=Patient", "'_type'"),
        ("_cursor=", "_cursor"), ("_cursor=x", "_cursor"), ("_cursor=W10", "_cursor"), ("_cursor=%22%3B--", "_cursor"), ("_cursor=a&_cursor=b", "'_cursor'"),
        ("_query=x", "'_query'"), ("_query=", "'_query'"), ("_query=x&_query=y", "'_query'"), ("_query:exact=x", "'_query:exact'"),
        ("_list=", "'_list'"), ("_list=a_b", "'_list'"), ("_list=1,", "'_list'"), ("_list=Patient/1", "'_list'"), ("_list:exact=1", "'_list:exact'"),
        ("_list=List/1/_history/1", "'_list'"), ("_list=$current-problems", "$current-problems"), ("_list=http://x.example/List/1", "'_list'"),
        ("birthdate=%zz", "'birthdate'"), ("birthdate=%ff", "'birthdate'"), ("birthdate=%00", "'birthdate'"),
    ]);
    check("", &[
        ("name=x", "'name'"), ("_type=Nope", "'_type'"), ("_type=Parameters", "'_type'"), ("_type=Patient,", "'_type'"), ("_type=patient", "'_type'"),
        ("_type=Patient&_type=Observation", "'_type'"), ("_type=Patient,Observation&birthdate=2000", "'birthdate'"), ("_sort=birthdate", "'_sort'"),
        ("_include=*", "'_include'"), ("_filter=name eq x", "'_filter'"), ("_list=a_b", "'_list'"),
    ]);
}

#[test]
#[rustfmt::skip]
fn conditions_on_other_resources_are_checked() {
    check("Patient", &[
        ("_include=", "'_include'"), ("_include=Patient", "'_include'"), ("_include=Nope:x", "'_include'"), ("_include=Patient:nosuch", "'_include'"),
        ("_include=Patient:name", "'_include'"), ("_include=Patient:organization:Patient", "'_include'"), ("_include=Patient:organization:Nope", "'_include'"),
        ("_include=Patient:organization:Organization:x", "'_include'"), ("_include:x=Patient:organization", "'_include:x'"),
        ("_revinclude=", "'_revinclude'"), ("_revinclude=*", "'_revinclude'"), ("_revinclude=Observation", "'_revinclude'"),
        ("_revinclude=Observation:subject:Nope", "'_revinclude'"), ("_revinclude=Observation:code", "'_revinclude'"),
        ("_has=x", "'_has'"), ("_has:Observation=x", "'_has:Observation'"), ("_has:Observation:patient=x", "'_has:Observation:patient'"),
        ("_has:Nope:patient:code=x", "'_has:Nope:patient:code'"), ("_has:Observation:nope:code=x", "'_has:Observation:nope:code'"),
        ("_has:Observation:code:code=x", "'_has:Observation:code:code'"), ("_has:Observation:patient:nope=x", "'_has:Observation:patient:nope'"),
        ("_has:Observation:patient:date=x", "'_has:Observation:patient:date'"), ("_has:Observation:patient:code=", "'_has:Observation:patient:code'"),
        ("_has:Observation:patient:code:nope=x", "'_has:Observation:patient:code:nope'"), ("_has::patient:code=x", "'_has::patient:code'"),
        ("_has:Observation:encounter:code=x", "'_has:Observation:encounter:code'"),
    ]);
    check("Observation", &[
        ("subject.nosuch=x", "'subject.nosuch'"), ("subject:Nope.name=x", "'subject:Nope.name'"), ("subject:Medication.code=x", "'subject:Medication.code'"),
        ("code.text=x", "'code.text'"), ("subject:Patient.birthdate=x", "'subject:Patient.birthdate'"), ("subject.=x", "'subject.'"),
        (".name=x", "'.name'"), ("subject..name=x", "'subject..name'"), ("subject:Patient.name:nope=x", "'subject:Patient.name:nope'"),
        ("subject:Patient.name=", "'subject:Patient.name'"), ("nosuch.name=x", "'nosuch.name'"), ("subject:Patient.organization.nosuch=x", "'subject:Patient.organization.nosuch'"),
    ]);
    check("Observation", &[
        ("_filter=", "'_filter'"), ("_filter=%20", "'_filter'"), ("_filter=code", "'_filter'"), ("_filter=code eq", "'_filter'"), ("_filter=code is x", "'_filter'"),
        ("_filter=code eq x and", "'_filter'"), ("_filter=(code eq x", "'_filter'"), ("_filter=code eq x)", "'_filter'"), ("_filter=not code eq x", "'_filter'"),
        ("_filter=code eq \"x", "'_filter'"), (r#"_filter=code eq "\x""#, "'_filter'"), ("_filter=code eq x y", "'_filter'"), ("_filter=nosuch eq x", "'nosuch'"),
        ("_filter=code co x", "'code'"), ("_filter=date eq x", "'date'"), ("_filter=subject eq Patient/1", "'subject'"), ("_filter=code pr 1", "'code'"),
        ("_filter=subject[code eq x.name eq y", "'_filter'"), ("_filter=subject[name eq x] eq y", "'_filter'"), ("_filter=code.name eq x", "_filter: code.name"),
        ("_filter=code:in eq x", "'_filter'"), ("_filter:exact=code eq x", "'_filter:exact'"), ("_filter=_filter eq x", "'_filter'"), ("_filter=_count eq 1", "'_count'"),
        ("_filter=code eq x&_filter=or", "'_filter'"),
    ]);
}

#[test]
fn what_is_too_much_is_refused() {
    let app = TestApp::shared();
    let rows = [
        (vec!["gender=male"; 101].join("&"), "parameters"),
        (format!("gender={}", vec!["male"; 1_001].join(",")), "'gender'"),
        (format!("_id={}", vec!["a"; 1_001].join(",")), "'_id'"),
        (format!("_list={}", vec!["a"; 1_001].join(",")), "'_list'"),
        (format!("name={}", "x".repeat(1_001)), "'name'"),
        (format!("_id={}", "x".repeat(65)), "'_id'"),
        (format!("_sort={}", vec!["name"; 50].join(",")), "'_sort'"),
        (format!("_filter={}name eq x{}", "(".repeat(65), ")".repeat(65)), "'_filter'"),
        (format!("_filter={}", vec!["name eq x"; 101].join(" or ")), "'_filter'"),
    ];
    check_all(&app, "Patient", rows.into_iter().map(|(query, named)| (query, named.to_string())).collect());
    still_answers(&app);
}
