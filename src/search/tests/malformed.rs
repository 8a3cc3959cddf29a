//! Queries that are refused, each with the parameter named.

use super::{search, searched};
use crate::fault::Kind;

/// Query, what the message must name, and whether it is a thing that this server does not know or answer.
#[rustfmt::skip]
const REFUSED: &[(&str, &str, bool)] = &[
    ("Patient?nosuch=1", "'nosuch'", true),
    ("Patient?nosuch:exact=1", "'nosuch:exact'", true),
    ("Patient?Name=x", "'Name'", true),
    ("Patient?=x", "''", true),
    ("Patient?name:nope=x", "'name:nope'", true),
    ("Patient?name:=x", "'name:'", true),
    ("Patient?name:not=x", "'name:not'", true),
    ("Patient?name:Patient=x", "'name:Patient'", true),
    ("Patient?gender:exact=male", "'gender:exact'", true),
    ("Patient?gender:contains=m", "'gender:contains'", true),
    ("Patient?gender:in=http://vs", "'gender:in'", true),
    ("Patient?gender:not-in=http://vs", "'gender:not-in'", true),
    ("Patient?gender:text=m", "'gender:text'", true),
    ("Patient?gender:above=m", "'gender:above'", true),
    ("Patient?gender:identifier=m", "'gender:identifier'", true),
    ("Patient?birthdate:exact=2000", "'birthdate:exact'", true),
    ("Patient?birthdate=notadate", "'birthdate'", false),
    ("Patient?birthdate=20-01-01", "'birthdate'", false),
    ("Patient?birthdate=2000-13", "'birthdate'", false),
    ("Patient?birthdate=2000-02-30", "'birthdate'", false),
    ("Patient?birthdate=2000-1-1", "'birthdate'", false),
    ("Patient?birthdate=xx2000", "'birthdate'", false),
    ("Patient?birthdate=ge", "'birthdate'", false),
    ("Patient?birthdate=gege2000", "'birthdate'", false),
    ("Patient?birthdate=2000,", "'birthdate'", false),
    ("Patient?birthdate=2000-01-01T25:00", "'birthdate'", false),
    ("Patient?birthdate=2000-01-01T10:00:00+99:00", "'birthdate'", false),
    ("Patient?birthdate=", "'birthdate'", false),
    ("Patient?birthdate", "'birthdate'", false),
    ("Patient?name=", "'name'", false),
    ("Patient?name=a,", "'name'", false),
    (r"Patient?name=a\b", "'name'", false),
    (r"Patient?name=a\", "'name'", false),
    ("Patient?gender=", "'gender'", false),
    ("Patient?gender=|", "'gender'", false),
    ("Patient?gender=a|b|c", "'gender'", false),
    ("Patient?identifier=a|b|c", "'identifier'", false),
    ("Patient?identifier:of-type=a|b", "'identifier:of-type'", false),
    ("Patient?identifier:of-type=a||c", "'identifier:of-type'", false),
    ("Patient?active=http://x.example|", "'active'", true),
    ("Patient?gender:missing=maybe", "'gender:missing'", false),
    ("Patient?gender:missing=", "'gender:missing'", false),
    ("Patient?organization=a b", "'organization'", false),
    ("Patient?organization=Nope/1", "'organization'", false),
    ("Patient?organization=#x", "'organization'", false),
    ("Patient?organization=Organization/1/_history/2", "'organization'", true),
    ("Patient?organization:Patient=1", "'organization:Patient'", false),
    ("Patient?organization:Organization=Patient/1", "'organization:Organization'", false),
    ("Patient?organization:identifier=a|b|c", "'organization:identifier'", false),
    ("Patient?organization:identifier=a|", "'organization:identifier'", false),
    ("Provenance?entity=1&x=1", "'x'", true),
    ("RiskAssessment?probability=abc", "'probability'", false),
    ("RiskAssessment?probability=1.2.3", "'probability'", false),
    ("RiskAssessment?probability=ge", "'probability'", false),
    ("RiskAssessment?probability=1e999", "'probability'", false),
    ("RiskAssessment?probability=NaN", "'probability'", false),
    ("Observation?value-quantity=five", "'value-quantity'", false),
    ("Observation?value-quantity=5|", "'value-quantity'", false),
    ("Patient?birthdate=1973-02-28T01:01:09.9999999999", "'birthdate'", false),
    ("Observation?value-quantity=5|a|b|c", "'value-quantity'", false),
    ("Observation?value-quantity=5|http://unitsofmeasure.org|", "'value-quantity'", false),
    ("Observation?value-quantity=", "'value-quantity'", false),
    ("Observation?code-value-quantity=a$5", "'code-value-quantity'", true),
    ("Location?near=1|2|3|km", "'near'", true),
    ("ValueSet?url=", "'url'", false),
    ("ValueSet?url:below=http://x", "'url:below'", true),
    ("Observation?subject.name=x", "'subject.name'", true),
    ("Observation?subject:Patient.name=x", "'subject:Patient.name'", true),
    ("Patient?_has:Observation:patient:code=x", "'_has:Observation:patient:code'", true),
    ("Patient?_id=a_b", "'_id'", false),
    ("Patient?_id=", "'_id'", false),
    ("Patient?_id:exact=a", "'_id:exact'", true),
    ("Patient?_lastUpdated=today", "'_lastUpdated'", false),
    ("Patient?_lastUpdated:missing=true", "'_lastUpdated:missing'", true),
    ("Patient?_text=", "'_text'", false),
    ("Patient?_text=(a", "'_text'", false),
    ("Patient?_text=a or", "'_text'", false),
    ("Patient?_text:exact=a", "'_text:exact'", true),
    ("Bundle?_text=a", "'_text'", true),
    ("Patient?_content=\"a", "'_content'", false),
    ("Patient?_content=-a", "'_content'", false),
    ("Patient?_content=a,,b", "'_content'", false),
    ("Patient?_content=***", "'_content'", false),
    ("Patient?_content:text=a", "'_content:text'", true),
    ("Patient?identifier:text= ", "'identifier:text'", false),
    ("Patient?name:text=a", "'name:text'", true),
    ("Patient?organization:text=a", "'organization:text'", true),
    ("Patient?_filter=name eq x", "'_filter'", true),
    ("Patient?_list=1", "'_list'", true),
    ("Patient?_query=x", "'_query'", true),
    ("Patient?_count=-1", "'_count'", false),
    ("Patient?_count=ten", "'_count'", false),
    ("Patient?_count=+5", "'_count'", false),
    ("Patient?_count=99999999999", "'_count'", false),
    ("Patient?_count:exact=5", "'_count:exact'", true),
    ("Patient?_total=maybe", "'_total'", false),
    ("Patient?_summary=yes", "'_summary'", false),
    ("Patient?_elements=", "'_elements'", false),
    ("Patient?_elements=name,,id", "'_elements'", false),
    ("Patient?_sort=nosuch", "'_sort'", false),
    ("Patient?_sort=", "'_sort'", false),
    ("Patient?_sort=-", "'_sort'", false),
    ("Patient?_sort=gender", "'_sort'", true),
    ("Patient?_sort=a,b,c,d,e,f,g,h,i", "'_sort'", false),
    ("Patient?_include=Nope:x", "'_include'", false),
    ("Patient?_include=Patient", "'_include'", false),
    ("Patient?_include=Patient:nosuch", "'_include'", false),
    ("Patient?_include=Patient:name", "'_include'", false),
    ("Patient?_include=Patient:organization:Patient", "'_include'", false),
    ("Patient?_include:x=Patient:organization", "'_include:x'", true),
    ("Patient?_revinclude=Observation:subject:Nope", "'_revinclude'", false),
    ("Patient?_contained=true", "'_contained'", true),
    ("Patient?_containedType=container", "'_containedType'", true),
    ("Patient?_type=Observation", "'_type'", false),
    ("?_type=Nope", "'_type'", false),
    ("?_type=Parameters", "'_type'", false),
    ("?name=x", "'name'", true),
    ("?_include=*", "'_include'", false),
    ("?_sort=date", "'_sort'", true),
    ("?_type=Patient,Observation&birthdate=2000", "'birthdate'", true),
];

#[test]
fn a_bad_query_is_refused_with_the_parameter_named() {
    for (query, named, not_supported) in REFUSED {
        let fault = search(query).err().unwrap_or_else(|| panic!("{query} was accepted"));
        let expected = if *not_supported { Kind::NotSupported } else { Kind::Invalid };
        assert_eq!(fault.kind(), expected, "{query}: {fault}");
        assert_eq!(fault.status(), 400);
        assert!(fault.to_string().contains(named), "{query}: {fault}");
    }
}

#[test]
fn a_lenient_search_notes_what_it_leaves_out_and_still_refuses_bad_values() {
    let search = searched("Patient?nosuch=1&gender=male&Nosuch=x", true).unwrap();
    let ignored: Vec<&str> = search.ignored.iter().map(|i| i.name.as_str()).collect();
    assert_eq!(ignored, ["nosuch", "Nosuch"]);
    assert!(searched("Patient?birthdate=notadate", true).is_err());
}

#[test]
fn a_query_has_limits() {
    let many = vec!["gender=male"; 101].join("&");
    assert_eq!(search(&format!("Patient?{many}")).unwrap_err().kind(), Kind::TooCostly);
    let list = vec!["male"; 1_001].join(",");
    assert_eq!(search(&format!("Patient?gender={list}")).unwrap_err().kind(), Kind::TooCostly);
    let long = "x".repeat(1_001);
    assert_eq!(search(&format!("Patient?name={long}")).unwrap_err().kind(), Kind::Invalid);
}
