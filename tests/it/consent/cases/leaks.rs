//! What is hidden leaks on no way: counts, includes, chains, conditions, whole records, attachments, words and time.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::{Value, json};

use super::{Case, LOINC, actor, class, labels, purpose, sees, with};
use crate::client::{Client, Response};
use crate::races::unique;

/// Returns the ids that a search finds over all of its pages, checking that each page says the same total.
#[track_caller]
fn walked(client: &Client, search: &str) -> (BTreeSet<String>, Option<u64>) {
    let (mut ids, mut next, mut total) = (BTreeSet::new(), Some(search.to_string()), None);
    while let Some(url) = next {
        let page = client.get(&url).expect(200);
        let found = page.resources();
        assert!(!found.is_empty() || ids.is_empty(), "an empty page behind others: {}", page.text());
        for resource in found {
            assert!(ids.insert(resource["id"].as_str().expect("an id").to_string()), "twice: {resource}");
        }
        let told = page.json()["total"].as_u64();
        assert!(total.is_none() || told == total, "{search}: {told:?} after {total:?}");
        (total, next) = (told, page.link("next"));
    }
    (ids, total)
}

/// Gives the patient a dozen Observations of different kinds.
fn dozen(case: &Case) -> Vec<String> {
    let coded = |code: &str| json!({"coding": [{"system": LOINC, "code": code}]});
    let one = |i: usize| {
        let mut more = json!({"code": coded(["718-7", "2345-7"][i % 2]), "effectiveDateTime": format!("20{:02}-06-15", 18 + i % 4)});
        if !i.is_multiple_of(3) {
            more["performer"] = json!([{"reference": "Practitioner/writer"}]);
        }
        let label = [&[][..], &["N"], &["R"], &["R", "HIV"], &["PSY"], &["V"]][i % 6];
        if !label.is_empty() {
            more["meta"] = json!({"security": labels(label)});
        }
        case.observation(more)
    };
    (0..12).map(one).collect()
}

/// Checks that a search finds and counts what reading one by one shows; returns how many that are.
#[track_caller]
fn check_agree(case: &Case, client: &Client, all: &[String], told: &Value) -> usize {
    let shown: BTreeSet<String> =
        all.iter().filter(|one| client.get(one).status == 200).map(|one| one[12..].into()).collect();
    let number = Some(shown.len() as u64);
    let of = format!("Observation?patient={}", case.patient);
    for order in ["_id", "-_lastUpdated", "date", "code"] {
        assert_eq!(
            walked(client, &format!("{of}&_count=2&_total=accurate&_sort={order}")),
            (shown.clone(), number),
            "{told}"
        );
    }
    assert_eq!(client.get(&format!("{of}&_summary=count")).expect(200).json()["total"].as_u64(), number, "{told}");
    shown.len()
}

#[test]
fn a_search_finds_and_counts_what_reading_one_by_one_shows() {
    let case = Case::new();
    let all = dozen(&case);
    let stranger = case.stranger();
    assert_eq!(check_agree(&case, &stranger, &all, &Value::Null), 0);
    let consent =
        case.rules(json!({"type": "permit", "actor": actor(&case.stranger), "securityLabel": labels(&["R"])}));
    // All but what is very restricted; topics that are not named are no bar where none is.
    assert_eq!(check_agree(&case, &stranger, &all, &consent), 10);
    let codes = json!([{"coding": [{"system": LOINC, "code": "718-7"}]}]);
    let consent = case.rules(json!({"type": "deny", "code": codes}));
    let left = check_agree(&case, &stranger, &all, &consent);
    assert!((1..10).contains(&left), "{left}");
    assert_eq!(check_agree(&case, &case.own(), &all, &consent), 12);
    assert_eq!(check_agree(&case, &case.keeper, &all, &consent), 12);
}

#[test]
fn reading_and_finding_agree_whatever_a_consent_says() {
    let case = Case::new();
    let all = dozen(&case);
    let (doctor, stranger) = (case.doctor(), case.stranger());
    // A small generator of its own, so that a failure comes again.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut dice = |sides: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % sides
    };
    let mut seen = BTreeSet::new();
    for _ in 0..24 {
        let mut provision = |kind: &str| {
            let mut said = json!({ "type": kind });
            let parts: [(&str, Value); 7] = [
                ("actor", actor(if dice(2) == 0 { &case.doctor } else { &case.stranger })),
                ("securityLabel", labels([&["N"][..], &["R"], &["V"], &["HIV"], &["N", "PSY"]][dice(5) as usize])),
                ("code", json!([{"coding": [{"system": LOINC, "code": (["718-7", "2345-7"][dice(2) as usize])}]}])),
                ("class", class(["Observation", "Condition"][dice(2) as usize])),
                ("dataPeriod", json!({"start": format!("20{}", 18 + dice(3)), "end": format!("20{}", 20 + dice(3))})),
                ("purpose", purpose(["TREAT", "HPAYMT"][dice(2) as usize])),
                ("data", json!([{"meaning": "authoredby", "reference": {"reference": "Practitioner/writer"}}])),
            ];
            for (name, value) in parts {
                if dice(4) == 0 {
                    said[name] = value;
                }
            }
            (said, dice(3))
        };
        let (mut root, nests) = provision("permit");
        let (inner, turns) = provision("deny");
        if nests == 0 {
            root["provision"] = json!([inner]);
        }
        if turns == 0 {
            root["type"] = json!("deny");
            if nests == 0 {
                root["provision"][0]["type"] = json!("permit");
            }
        }
        let consent = case.rules(root);
        seen.insert(check_agree(&case, &doctor, &all, &consent));
        seen.insert(check_agree(&case, &stranger, &all, &consent));
        case.takes_back(&consent);
    }
    assert!(seen.len() > 3, "the Consents hardly differ: {seen:?}");
}

#[test]
fn includes_leave_out_what_is_hidden() {
    let case = Case::new();
    let patient = format!("Patient/{}", case.patient);
    let shown = case.observation(json!({}));
    let hidden = case.labelled(&["PSY"]);
    case.rules(json!({"type": "deny", "securityLabel": labels(&["PSY"])}));
    let back = case.doctor().get(&format!("Patient?_id={}&_revinclude=Observation:patient", case.patient)).expect(200);
    assert!(back.text().contains(&shown) && !back.text().contains(&hidden), "{}", back.text());
    let twice = format!("Patient?_id={}&_revinclude=Observation:subject&_include:iterate=Observation:*", case.patient);
    let twice = case.doctor().get(&twice).expect(200);
    assert!(twice.text().contains(&shown) && !twice.text().contains(&hidden), "{}", twice.text());
    let consent = case.rules(json!({"type": "deny", "class": class("Patient")}));
    for include in ["Observation:patient", "Observation:subject", "*"] {
        let found = case.doctor().get(&format!("Observation?_id={}&_include={include}", &shown[12..])).expect(200);
        let types: Vec<Value> = found.resources().iter().map(|it| it["resourceType"].clone()).collect();
        assert_eq!(types, ["Observation"], "{include}: {}", found.text());
        assert_eq!(found.resources()[0]["subject"]["reference"], patient, "the reference is left");
    }
    case.takes_back(&consent);
    let found =
        case.doctor().get(&format!("Observation?_id={}&_include=Observation:patient", &shown[12..])).expect(200);
    assert_eq!(found.resources().len(), 2);
}

#[test]
fn a_chain_does_not_lead_through_what_is_hidden() {
    let case = Case::new();
    let observation = case.observation(json!({}));
    let id = &observation[12..];
    let name = &case.patient;
    let searches = [
        format!("Observation?_id={id}&patient.name={name}"),
        format!("Observation?_id={id}&subject:Patient.family={name}"),
        format!("Observation?_id={id}&subject:Patient._id={name}"),
        format!("Observation?_id={id}&subject:Patient.general-practitioner={}", case.doctor),
    ];
    let found = |search: &String| case.doctor().get(search).expect(200).resources().len();
    let all: Vec<usize> = searches.iter().map(found).collect();
    assert_eq!(all, [1; 4]);
    case.rules(json!({"type": "deny", "class": class("Patient")}));
    assert!(sees(&case.doctor(), &observation));
    let all: Vec<usize> = searches.iter().map(found).collect();
    assert_eq!(all, [0; 4]);
    let inverse = format!("Observation?_id={id}&patient.name:not={name}");
    let answer = case.doctor().get(&inverse);
    assert!(answer.status == 400 || answer.resources().is_empty(), "{}", answer.text());
}

#[test]
fn a_reverse_chain_does_not_lead_through_what_is_hidden() {
    let case = Case::new();
    let code = json!({"coding": [{"system": LOINC, "code": "55277-8"}]});
    let hidden = case.observation(json!({"code": code, "meta": {"security": labels(&["PSY"])}}));
    let searches = [
        format!("Patient?_id={}&_has:Observation:patient:code=55277-8", case.patient),
        format!("Patient?_id={}&_has:Observation:subject:_id={}", case.patient, &hidden[12..]),
        format!("Patient?_id={}&_has:Observation:patient:_security=PSY", case.patient),
    ];
    let found = |search: &String| case.doctor().get(search).expect(200).resources().len();
    let all: Vec<usize> = searches.iter().map(found).collect();
    assert_eq!(all, [1; 3]);
    case.rules(json!({"type": "deny", "securityLabel": labels(&["PSY"])}));
    let all: Vec<usize> = searches.iter().map(found).collect();
    assert_eq!(all, [0; 3]);
    assert!(sees(&case.doctor(), &format!("Patient/{}", case.patient)));
}

#[test]
fn counts_are_of_what_is_seen() {
    let case = Case::new();
    for i in 0..6 {
        case.labelled(if i < 4 { &["N"] } else { &["PSY"] });
    }
    case.rules(json!({"type": "deny", "securityLabel": labels(&["PSY"])}));
    for (who, client, want) in [("doctor", case.doctor(), 4), ("stranger", case.stranger(), 0), ("own", case.own(), 6)]
    {
        for ask in ["_summary=count", "_total=accurate", "_total=estimate", "_count=0", "_count=1&_total=accurate"] {
            for search in [
                format!("Observation?patient={}&{ask}", case.patient),
                format!("?_type=Observation&patient={}&{ask}", case.patient),
                format!("Patient/{}/Observation?{ask}", case.patient),
            ] {
                let answer = client.get(&search);
                // Whose record is hidden has no compartment either.
                if want == 0 && [403, 404].contains(&answer.status) {
                    continue;
                }
                let told = answer.expect(200).json();
                assert_eq!(told["total"], want, "{who} {search}: {told}");
            }
        }
    }
}

#[test]
fn everything_about_a_patient_who_refuses_is_refused() {
    let case = Case::new();
    case.observation(json!({}));
    let path = |id: &str| format!("Patient/{id}/$everything");
    let own = path(&case.patient);
    assert_eq!(case.doctor().get(&own).expect(200).resources().len(), 2);
    let consent = case.rules(json!({"type": "deny"}));
    assert!([403, 404].contains(&case.doctor().get(&own).status));
    assert_eq!(case.own().get(&own).expect(200).resources().len(), 3, "with the Consent");
    let all = case.doctor().get("Patient/$everything").expect(200);
    assert!(!all.text().contains(&case.patient), "{}", all.text());
    case.takes_back(&consent);
    case.rules(json!({"type": "deny", "class": class("Patient")}));
    assert!([403, 404].contains(&case.doctor().get(&own).status), "the Patient alone is refused");
    same_words(&case.stranger().get(&own), &case.patient, &case.stranger().get(&path("absent")), "absent");
}

#[test]
fn a_conditional_create_tells_nothing_of_a_hidden_match() {
    let case = Case::new();
    let value = unique("identifier");
    let identifier = json!([{"system": "urn:cases", "value": value}]);
    let hidden = case.observation(json!({"identifier": identifier, "meta": {"security": labels(&["PSY"])}}));
    case.rules(json!({"type": "deny", "securityLabel": labels(&["PSY"])}));
    let body = with(case.keeper.get(&hidden).expect(200).json(), json!({"meta": {}, "identifier": []}));
    let (doctor, keeper) = (case.doctor(), &case.keeper);
    let create = |client: &Client, value: &str| {
        client.send(
            "POST",
            "Observation",
            &[("If-None-Exist", &format!("identifier=urn:cases|{value}"))],
            &strip(&body),
        )
    };
    assert_eq!(create(keeper, &value).expect(200).id(), &hidden[12..], "who sees the match is given it");
    let (of_hidden, of_absent) = (create(&doctor, &value), create(&doctor, &unique("absent")));
    assert_eq!(of_hidden.status, of_absent.status, "{}", of_hidden.text());
    assert!(!of_hidden.text().contains(&hidden[12..]), "{}", of_hidden.text());
    assert!(of_hidden.header("location").is_none_or(|at| !at.contains(&hidden[12..])));
    // Neither do other conditions touch it, or tell of it.
    let before = keeper.get(&hidden).expect(200).json()["meta"]["versionId"].clone();
    let put =
        |value: &str| doctor.put(&format!("Observation?identifier=urn:cases|{value}&status=final"), &strip(&body));
    let _ = put(&value);
    let deleted =
        |value: &str| doctor.delete(&format!("Observation?identifier=urn:cases|{value}&_security=PSY")).status;
    assert_eq!(deleted(&value), deleted(&unique("absent")));
    assert_eq!(keeper.get(&hidden).expect(200).json()["meta"]["versionId"], before);
}

/// Returns a resource without its id.
fn strip(resource: &Value) -> Value {
    let mut resource = resource.clone();
    let members = resource.as_object_mut().expect("a resource");
    ["id", "meta", "identifier"].iter().for_each(|name| _ = members.remove(*name));
    resource
}

#[test]
fn an_attachment_is_as_hidden_as_its_document() {
    let case = Case::new();
    let headers = [("Content-Type", "text/plain")];
    let binary =
        format!("Binary/{}", case.keeper.request("POST", "Binary", &headers, b"secret words").expect(201).id());
    let document = case.put(json!({"resourceType": "DocumentReference", "id": unique("document"), "status": "current",
        "subject": {"reference": format!("Patient/{}", case.patient)}, "content": [{"attachment": {"url": binary}}]}));
    let opens = |client: &Client| {
        let raw = client.get_with(&binary, &[("Accept", "text/plain")]);
        let wrapped = client.get_with(&binary, &[("Accept", "application/fhir+json")]);
        assert_eq!(raw.status, wrapped.status, "{}", wrapped.text());
        assert_eq!(raw.text().contains("secret words"), raw.status == 200);
        raw.status == 200
    };
    assert!(opens(&case.doctor()) && sees(&case.doctor(), &document));
    assert!(!opens(&case.stranger()));
    let consent = case.rules(json!({"type": "deny", "class": class("DocumentReference")}));
    assert!(!opens(&case.doctor()) && !sees(&case.doctor(), &document));
    assert!(opens(&case.own()));
    case.takes_back(&consent);
    assert!(opens(&case.doctor()));
}

/// Checks that two refusals differ in nothing but the id that was asked for.
#[track_caller]
fn same_words(one: &Response, id: &str, other: &Response, other_id: &str) {
    assert_eq!(one.status, other.status, "{}: {}", one.asked, one.text());
    assert_eq!(one.text().replace(id, "ID"), other.text().replace(other_id, "ID"));
    let headers = |response: &Response| -> Vec<(String, String)> {
        let varying = ["date", "x-request-id", "content-length"];
        let kept = response.headers.iter().filter(|(name, _)| !varying.contains(&name.as_str()));
        // They come in any order.
        kept.cloned().collect::<BTreeSet<_>>().into_iter().collect()
    };
    assert_eq!(headers(one), headers(other));
}

#[test]
fn what_is_hidden_is_answered_like_what_is_absent() {
    let case = Case::new();
    let hidden = case.observation(json!({}));
    let (id, absent) = (&hidden[12..], unique("observation"));
    let stranger = case.stranger();
    let ways: [fn(&str) -> String; 6] = [
        |id| format!("Observation/{id}"),
        |id| format!("Observation/{id}/_history"),
        |id| format!("Observation/{id}/_history/1"),
        |id| format!("Observation/{id}/_history/2"),
        |id| format!("Observation/{id}?_summary=true"),
        |id| format!("Observation/{id}?_format=xml"),
    ];
    for way in ways {
        same_words(&stranger.get(&way(id)), id, &stranger.get(&way(&absent)), &absent);
    }
    for method in ["HEAD", "DELETE"] {
        let ask = |id: &str| stranger.request(method, &format!("Observation/{id}"), &[], b"");
        let (of_hidden, of_absent) = (ask(id), ask(&absent));
        if method == "HEAD" {
            same_words(&of_hidden, id, &of_absent, &absent);
        }
        assert!(of_hidden.status >= 400 || of_absent.status == of_hidden.status, "{method}: {}", of_hidden.status);
    }
    case.keeper.get(&hidden).expect(200);
    let tag = ("If-None-Match", "W/\"1\"");
    let asked = |id: &str| stranger.get_with(&format!("Observation/{id}"), &[tag]);
    same_words(&asked(id), id, &asked(&absent), &absent);
    // Within a batch, too.
    let within = |id: &str| {
        let entry = json!({"request": {"method": "GET", "url": format!("Observation/{id}")}});
        let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": [entry]});
        stranger.post("", &batch).expect(200).entries()[0].to_string().replace(id, "ID")
    };
    assert_eq!(within(id), within(&absent));
}

#[test]
fn what_is_hidden_takes_as_long_as_what_is_absent() {
    let case = Case::new();
    let hidden = case.observation(json!({}));
    let stranger = case.stranger();
    let took = |path: &str| {
        let began = Instant::now();
        let answer = stranger.get(path);
        assert_eq!(answer.status, 404, "{}", answer.text());
        began.elapsed().as_micros()
    };
    // Side by side, so that whatever else the machine does slows both.
    let (mut of_hidden, mut of_absent): (Vec<u128>, Vec<u128>) =
        (0..41).map(|i| (took(&hidden), took(&format!("Observation/absent-{i}")))).unzip();
    of_hidden.sort_unstable();
    of_absent.sort_unstable();
    let (hidden, absent) = (of_hidden[20], of_absent[20]);
    assert!(hidden < absent * 10 && absent < hidden * 10, "{hidden} µs and {absent} µs");
}
