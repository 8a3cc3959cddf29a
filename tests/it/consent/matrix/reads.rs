//! Rows that read, search and look back.

use serde_json::json;

use super::row::{Row, ask, group};

pub fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = group("Reading one", single()).collect();
    rows.extend(group("Versions and history", history()));
    rows.extend(group("Searching", search()));
    rows.extend(group("Searching through others", through()));
    rows.extend(group("A patient's compartment", compartment()));
    rows.extend(group("Operations that look", operations()));
    rows
}

fn single() -> Vec<Row> {
    vec![
        ask("GET metadata"),
        ask("GET Patient/cara")
            .note("Who runs the installation, reception and insurers know who the patients are, and nothing clinical: src/access/roles.txt."),
        ask("GET Patient/noor"),
        ask("GET Patient/otis"),
        ask("GET Observation/cara"),
        ask("GET Observation/noor"),
        ask("GET Observation/otis"),
        ask("GET Observation/rita"),
        ask("GET Observation/rita-r").what("labelled R"),
        ask("GET Observation/rita-v").what("labelled V")
            .note("Open to the patient and to whom she names, even where the glass is broken."),
        ask("GET Observation/absent"),
        ask("HEAD Observation/otis"),
        ask("GET Condition/cara"),
        ask("GET Condition/otis"),
        ask("GET Claim/cara"),
        ask("GET Claim/otis"),
        ask("GET DocumentReference/otis"),
        ask("GET Binary/cara"),
        ask("GET Binary/otis")
            .note("As open as the DocumentReference whose attachment it is."),
        ask("GET Consent/noor"),
        ask("GET Consent/otis")
            .note("Caring for a patient shows none of their Consents. The guest is named in Noor's; broken glass opens the whole record."),
        ask("GET Communication/cara"),
        ask("GET Task/cara"),
        ask("GET Task/otis"),
        ask("GET Provenance/otis")
            .note("It names what was written and who wrote it, not the patient: patients' word does not reach it where it names none."),
        ask("GET Group/both").what("Cara and Noor")
            .note("All whom it is about must allow it."),
        ask("GET Practitioner/phys"),
        ask("GET Organization/house"),
    ]
}

fn history() -> Vec<Row> {
    vec![
        ask("GET Observation/cara/_history/1"),
        ask("GET Observation/otis/_history/1"),
        ask("GET Observation/rita-r/_history/1").what("from before the label"),
        ask("GET Observation/cara/_history"),
        ask("GET Observation/otis/_history"),
        ask("GET Observation/rita-r/_history"),
        ask("GET Observation/_history"),
        ask("GET _history?_count=200"),
    ]
}

fn search() -> Vec<Row> {
    vec![
        ask("GET Patient"),
        ask("GET Observation"),
        ask("GET Observation?_summary=count"),
        ask("GET Observation?_total=accurate&_sort=-date"),
        ask("GET Observation?patient=Patient/otis"),
        ask("GET Observation?_id=otis"),
        ask("GET Observation?identifier=urn:matrix|otis"),
        ask("POST Observation/_search"),
        ask("GET ?_type=Patient,Observation"),
        ask("POST _search?_type=Patient,Observation"),
        ask("GET Condition"),
        ask("GET Claim"),
        ask("GET DocumentReference"),
        ask("GET Binary").note("Binaries are read one by one, by what they belong to; the keeper alone finds them."),
        ask("GET Consent"),
        ask("GET Communication"),
        ask("GET Task"),
        ask("GET Provenance"),
        ask("GET Group"),
        ask("GET Practitioner"),
        ask("GET AuditEvent?_count=1&patient=Patient/cara"),
        ask("GET AuditEvent?_count=1&patient=Patient/otis")
            .note("Otis keeps others out of this, too; compliance sees it whatever patients say."),
    ]
}

fn through() -> Vec<Row> {
    vec![
        ask("GET Observation?subject:Patient.family=Otter"),
        ask("GET Patient?_has:Observation:subject:status=final"),
        ask("GET Observation?_id=cara,noor,otis&_include=Observation:subject"),
        ask("GET Patient?_revinclude=Observation:subject"),
        ask("GET Provenance?_id=otis&_include=Provenance:target"),
        ask("GET Practitioner?_id=phys&_revinclude=Patient:general-practitioner"),
        ask("GET Organization?_id=house&_has:Patient:organization:family=Otter"),
    ]
}

fn compartment() -> Vec<Row> {
    vec![
        ask("GET Patient/cara/Observation"),
        ask("GET Patient/noor/Observation"),
        ask("GET Patient/otis/Observation"),
        ask("GET Patient/rita/Observation"),
        ask("GET Patient/cara/*"),
        ask("GET Patient/otis/*"),
        ask("POST Patient/otis/Observation/_search"),
        ask("GET Practitioner/phys/Patient"),
    ]
}

fn operations() -> Vec<Row> {
    let patient = json!({"resourceType": "Patient", "name": [{"family": "Otter", "given": ["Someone"]}], "birthDate": "1970-01-01"});
    let sought = json!({"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": patient}]});
    vec![
        ask("GET Patient/cara/$everything"),
        ask("GET Patient/noor/$everything"),
        ask("GET Patient/otis/$everything"),
        ask("GET Patient/$everything")
            .note("As much as reading one by one shows."),
        ask("GET Patient/cara/$emergency"),
        ask("GET Patient/otis/$emergency")
            .note("The few facts an emergency needs, whatever else is closed, until the patient opts out of it; the patient is told."),
        ask("GET $search?query=haemoglobin"),
        ask("GET Observation/$search?query=haemoglobin"),
        ask("POST Patient/$match").what("Otis by name and birth").body(sought),
        ask("GET Consent/$explain?patient=Patient/cara&actor=Practitioner/guest"),
        ask("GET Consent/$explain?patient=Patient/otis&actor=Practitioner/phys"),
        ask("GET AuditEvent/$verify-chain")
            .note("A system, the keeper too, needs a right of its own for this, which is a scope: here __audit."),
    ]
}
