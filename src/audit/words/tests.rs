//! What a patient reads of who looked.

use super::*;
use crate::audit::event::tests::row;
use crate::fhir::ResourceType;
use crate::store::trail::Subject;

fn names(reference: &str) -> Option<String> {
    let known = [("Practitioner/lin", "Dr Mei Lin, physician"), ("Device/growth", "Growth Chart")];
    known.iter().find(|(known, _)| *known == reference).map(|(_, name)| (*name).to_string())
}

fn sentence(change: impl FnOnce(&mut Row)) -> (String, Sort) {
    let mut row = row("read");
    row.patients = vec![Subject { key: 7, id: Some("ann".into()) }];
    change(&mut row);
    let line = words(&row, &names);
    (line.sentence(), line.kind)
}

#[test]
fn a_line_says_who_did_what_and_why() {
    let t = ResourceType::parse;
    type Change = fn(&mut Row);
    let of_lin: Change = |row| row.agent = Some("Practitioner/lin".into());
    let cases: &[(Change, &str, Sort)] = &[
        (of_lin, "Dr Mei Lin, physician, read your personal data, for your treatment.", Sort::Looked),
        (
            |row| row.status = 403,
            "A member of the staff tried to read your personal data, and was refused, for your treatment.",
            Sort::Refused,
        ),
        (
            |row| row.action = "emergency-view".into(),
            "A member of the staff saw your emergency card, for your treatment.",
            Sort::Emergency,
        ),
        (
            |row| (row.agent, row.purpose) = (Some("Patient/ann".into()), Some("PATRQT".into())),
            "You, by the app 'Growth Chart', read your personal data.",
            Sort::Looked,
        ),
        (
            |row| (row.agent, row.principal, row.purpose) = (None, "growth".into(), None),
            "The program 'Growth Chart' read your personal data.",
            Sort::Looked,
        ),
        (
            |row| (row.agent, row.principal, row.client, row.purpose) = (None, "anonymous".into(), None, None),
            "Somebody who did not sign in read your personal data.",
            Sort::Looked,
        ),
    ];
    let of_operations: &[(Change, &str, Sort)] = &[
        (
            |row| (row.action, row.status) = ("grant".into(), 201),
            "A member of the staff added to your personal data, for your treatment.",
            Sort::Changed,
        ),
        (
            |row| (row.action, row.resource_type) = ("grant".into(), ResourceType::parse("Consent")),
            "A member of the staff changed who may see your record, for your treatment.",
            Sort::Sharing,
        ),
        (
            |row| (row.action, row.version) = ("break-glass-review".into(), None),
            "A member of the staff checked an emergency access to your record, for your treatment.",
            Sort::Other,
        ),
    ];
    for (change, text, kind) in cases.iter().chain(of_operations) {
        assert_eq!(sentence(change), ((*text).to_string(), *kind));
    }
    let (text, kind) = sentence(|row| {
        of_lin(row);
        (row.action, row.resource_type, row.purpose) = ("search-type".into(), t("Observation"), Some("BTG".into()));
    });
    assert_eq!(
        text,
        "Dr Mei Lin, physician, looked through your results and measurements, in an emergency that the clinician declared."
    );
    assert_eq!(kind, Sort::Emergency);
}

#[test]
fn no_line_tells_an_id_a_code_or_the_question() {
    for action in crate::audit::event::kind::known().chain(["something-new"]) {
        for status in [200, 403] {
            let (text, _) = sentence(|row| {
                (row.action, row.status, row.query) = (action.to_string(), status, Some("code=secret-code".into()));
                row.detail = Some("secret detail".into());
            });
            for hidden in ["secret", "ann", "TREAT", "p-1", "Practitioner"]
                .into_iter()
                .chain(action.contains('-').then_some(action))
            {
                assert!(!text.contains(hidden), "{action}: {text}");
            }
        }
    }
}
