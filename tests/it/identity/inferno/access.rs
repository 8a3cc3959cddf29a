//! What the granted scopes open, and what stays shut.

use super::launch::{patient_scope, read};
use super::{same_scopes, scopes};
use crate::identity::smart::{App, decided, ticked};
use crate::identity::stage::{Stage, TYPES};
use crate::identity::table::Table;

pub fn unrestricted(table: &mut Table, stage: &Stage) {
    table.group("Unrestricted Resource Type Access");
    let scope = format!("{} patient/Practitioner.rs", patient_scope("launch/patient"));
    let app = App::secret(&stage.server, &scope);
    let given = table.check("Scope granted enables access to all US Core resource types", || {
        let given = app.tokens(&stage.ada, &scope);
        for t in TYPES {
            let open = format!("patient/{t}.rs");
            assert!(scopes(&given).contains(&open.as_str()), "{given}");
        }
        given
    });
    for t in TYPES {
        table.after(given.as_ref(), format!("Access to {t} resources granted"), |given| {
            let path = if t == "Patient" { "Patient?_id=ada".to_string() } else { format!("{t}?patient=ada") };
            let found = read(stage, given, &path).expect(200).resources();
            assert!(!found.is_empty(), "nothing was found");
            let id = found[0]["id"].as_str().unwrap_or("");
            read(stage, given, &format!("{t}/{id}")).expect(200);
        });
    }
    table.after(given.as_ref(), "Practitioner that the records name can be read", |given| {
        read(stage, given, "Practitioner/house").expect(200);
    });
    table.after(given.as_ref(), "Records of another patient stay shut", |given| {
        let others = read(stage, given, "Observation?patient=ben").expect(200).resources();
        assert!(others.is_empty(), "{others:?}");
        assert!([403, 404].contains(&read(stage, given, "Patient/ben").status));
        assert!([403, 404].contains(&read(stage, given, "Observation/of-ben").status));
    });
}

pub fn limited(table: &mut Table, stage: &Stage) {
    table.group("Standalone Patient App, Limited Access");
    const CHOSEN: [&str; 3] = ["Patient", "Condition", "Observation"];
    let scope = patient_scope("launch/patient");
    let app = App::secret(&stage.server, &scope);
    let title = "Token exchange response grants scope that is limited to those selected by user";
    let given = table.check(title, || {
        let mut person = stage.ada.clone();
        let asked = app.asks(&scope);
        let page = asked.opened(&mut person).expect(200);
        let is_chosen = |scope: &String| {
            !scope.starts_with("patient/") || CHOSEN.iter().any(|t| *scope == format!("patient/{t}.rs"))
        };
        let chosen: Vec<String> = ticked(&page).into_iter().filter(is_chosen).collect();
        let came = decided(&mut person, &page, "allow", &chosen);
        let given = app.exchange(came.get("code").expect("a code"), &asked.verifier).expect(200).json();
        for granted in scopes(&given).iter().filter(|scope| scope.starts_with("patient/")) {
            assert!(is_chosen(&granted.to_string()), "{granted} was not chosen");
        }
        given
    });
    for t in TYPES {
        let (title, is_open) = if CHOSEN.contains(&t) {
            (format!("Access to {t} resources granted"), true)
        } else {
            (format!("Access to {t} resources are restricted properly"), false)
        };
        table.after(given.as_ref(), title, |given| {
            let path = if t == "Patient" { "Patient/ada".to_string() } else { format!("{t}?patient=ada") };
            let status = read(stage, given, &path).status;
            assert!(if is_open { status == 200 } else { [401, 403].contains(&status) }, "{status}");
        });
    }
}

pub fn version_1(table: &mut Table, stage: &Stage) {
    table.group("App Launch with SMART v1 scopes");
    let scope = "launch/patient openid fhirUser offline_access patient/Patient.read patient/Observation.read";
    let app = App::secret(&stage.server, scope);
    let given = table.check("Server grants v1 scopes in the form that they were asked for in", || {
        let given = app.tokens(&stage.ada, scope);
        same_scopes(&given, scope);
        given
    });
    table.after(given.as_ref(), "Access granted by v1 scopes holds for reading and searching", |given| {
        read(stage, given, "Patient/ada").expect(200);
        read(stage, given, "Observation?patient=ada").expect(200);
        read(stage, given, "Condition?patient=ada").expect(403);
    });
}
