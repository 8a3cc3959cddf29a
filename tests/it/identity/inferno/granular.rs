//! Scopes that open only some resources of a type. SMART App Launch 2.2, finer-grained resource constraints.

use serde_json::Value;

use super::launch::read;
use super::scopes;
use crate::identity::smart::{App, boxes, decided, ticked};
use crate::identity::stage::{
    CATEGORIES, CONDITION_CATEGORY, OBSERVATION_CATEGORY, Stage, US_CATEGORY, US_CONDITION_CATEGORY,
};
use crate::identity::table::Table;

type Category = (&'static str, &'static str, &'static str);

pub fn fine_grained(table: &mut Table, stage: &Stage) {
    let first: [Category; 4] = [
        ("Condition", CONDITION_CATEGORY, "encounter-diagnosis"),
        ("Condition", US_CONDITION_CATEGORY, "health-concern"),
        ("Observation", OBSERVATION_CATEGORY, "laboratory"),
        ("Observation", OBSERVATION_CATEGORY, "social-history"),
    ];
    let second: [Category; 4] = [
        ("Condition", CONDITION_CATEGORY, "problem-list-item"),
        ("Observation", OBSERVATION_CATEGORY, "vital-signs"),
        ("Observation", OBSERVATION_CATEGORY, "survey"),
        ("Observation", US_CATEGORY, "sdoh"),
    ];
    let all: Vec<String> = CATEGORIES.iter().map(scope_of).collect();
    let common = "launch/patient openid fhirUser patient/Patient.rs";
    let app =
        App::secret(&stage.server, &format!("{common} patient/Condition.rs patient/Observation.rs {}", all.join(" ")));
    for (group, open) in [
        ("SMART App Launch with fine-grained scopes, #1", first),
        ("SMART App Launch with fine-grained scopes, #2", second),
    ] {
        table.group(group);
        let wanted: Vec<String> = open.iter().map(scope_of).collect();
        let given = table.check("Server grants the scopes that were asked for", || {
            let given = app.tokens(&stage.ada, &format!("{common} {}", wanted.join(" ")));
            let granted: Vec<String> = scopes(&given).iter().map(|scope| scope.replace("%7C", "|")).collect();
            for scope in &wanted {
                assert!(granted.contains(scope), "{scope} is not in {granted:?}");
            }
            given
        });
        for t in ["Condition", "Observation"] {
            table.after(given.as_ref(), format!("{t} searches return only what the scopes open"), |given| {
                for query in ["patient=ada", "patient=ada&_count=1", "patient=ada&_sort=-_id"] {
                    only_open(
                        &read(stage, given, &format!("{t}?{query}&_total=accurate")).expect(200).json(),
                        t,
                        &open,
                    );
                }
                let headers = [("Content-Type", "application/x-www-form-urlencoded")];
                let client = stage.server.client().with_token(given["access_token"].as_str().unwrap_or(""));
                let by_post = client.request("POST", &format!("{t}/_search"), &headers, b"patient=ada").expect(200);
                only_open(&by_post.json(), t, &open);
            });
            table.after(given.as_ref(), format!("{t} reads of what the scopes do not open are refused"), |given| {
                for (of, _, code) in CATEGORIES.iter().filter(|category| category.0 == t) {
                    let status = read(stage, given, &format!("{of}/{code}")).status;
                    let is_open = open.iter().any(|category| category.2 == *code);
                    assert!(
                        if is_open { status == 200 } else { [403, 404].contains(&status) },
                        "{of}/{code}: {status}"
                    );
                }
            });
        }
        table.after(given.as_ref(), "History and batch are held to the same scopes", |given| {
            let shut = CATEGORIES.iter().find(|category| !open.contains(category)).expect("one is shut");
            let path = format!("{}/{}", shut.0, shut.2);
            for path in [format!("{path}/_history"), format!("{path}/_history/1")] {
                let status = read(stage, given, &path).status;
                assert!([403, 404].contains(&status), "{path}: {status}");
            }
            let batch = serde_json::json!({"resourceType": "Bundle", "type": "batch",
                "entry": [{"request": {"method": "GET", "url": path}}]});
            let client = stage.server.client().with_token(given["access_token"].as_str().unwrap_or(""));
            let answer = client.post("", &batch).expect(200).entries();
            let status = answer[0]["response"]["status"].as_str().unwrap_or("");
            assert!(status.starts_with("403") || status.starts_with("404"), "{status}");
        });
    }
}

pub fn selection(table: &mut Table, stage: &Stage) {
    table.group("SMART Granular Scope Selection");
    let asked = "launch/patient patient/Condition.rs patient/Observation.rs patient/Patient.rs";
    let app = App::secret(&stage.server, asked);
    let request = app.asks(asked);
    let mut person = stage.ada.clone();
    let page = table.check("The page offers every sub-scope that the suite ticks", || {
        let page = request.opened(&mut person).expect(200);
        let offered: Vec<String> = boxes(&page).into_iter().map(|(scope, _)| scope).collect();
        for category in CATEGORIES {
            assert!(offered.contains(&scope_of(&category)), "{} is not among {offered:?}", scope_of(&category));
        }
        page
    });
    table.after(page.as_ref(), "Tokens have the sub-scopes that were selected, and no wider ones", |page| {
        let mut chosen = ticked(page);
        chosen.retain(|scope| !scope.starts_with("patient/Condition") && !scope.starts_with("patient/Observation"));
        chosen.extend([scope_of(&CATEGORIES[2]), scope_of(&CATEGORIES[3])]);
        let came = decided(&mut person, page, "allow", &chosen);
        let given = app.exchange(came.get("code").expect("a code"), &request.verifier).expect(200).json();
        let granted = scopes(&given);
        for t in ["Condition", "Observation"] {
            assert!(granted.iter().any(|scope| scope.starts_with(&format!("patient/{t}.rs?"))), "{granted:?}");
            assert!(!granted.contains(&format!("patient/{t}.rs").as_str()), "{granted:?}");
        }
        assert!(granted.contains(&"patient/Patient.rs"), "{granted:?}");
    });
}

fn scope_of((t, system, code): &Category) -> String {
    format!("patient/{t}.rs?category={system}|{code}")
}

/// Checks that a search has found what is open, all of it by its total, and nothing else.
fn only_open(bundle: &Value, t: &str, open: &[Category]) {
    let codes: Vec<&str> = open.iter().filter(|category| category.0 == t).map(|category| category.2).collect();
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    for entry in &entries {
        let code = &entry["resource"]["category"][0]["coding"][0]["code"];
        assert!(codes.iter().any(|known| code == known), "{t} of category {code} came back");
    }
    assert!(!entries.is_empty(), "nothing came back");
    if let Some(total) = bundle["total"].as_u64() {
        assert_eq!(total, codes.len() as u64, "the total counts what is shut");
    }
}
