//! Rows of the pages for people, and of what is open to everybody.

use super::row::{Row, browse, group};
use super::world::{cared, consent};

/// Returns the rows that only look.
pub fn looks() -> Vec<Row> {
    let mut rows: Vec<Row> = group("Pages for everybody", open()).collect();
    rows.extend(group("Pages of one's own account", account()));
    rows.extend(group("Pages for patients", patient()));
    rows.extend(group("Pages for clinicians", clinician()));
    rows.extend(group("Pages for the installation and for compliance", admin()));
    rows
}

fn open() -> Vec<Row> {
    vec![
        browse("GET /login"),
        browse("GET /home"),
        browse("GET /reset").note("Opens by a link that is good once."),
        browse("GET /emergency/view"),
        browse("GET /emergency/shl/unknown"),
        browse("GET /emergency/file/unknown"),
        browse("GET /fhir/sid/health-id/0000000000"),
        browse("GET /health/live"),
        browse("GET /health/ready"),
        browse("GET /metrics").note("Numbers of requests and times, of nobody; the setting metrics_listen moves them to an address of their own."),
    ]
}

fn account() -> Vec<Row> {
    vec![
        browse("GET /account"),
        browse("GET /account/apps"),
        browse("GET /account/sessions"),
        browse("GET /account/password"),
        browse("GET /account/authenticator"),
        browse("GET /account/passkeys"),
        browse("GET /account/outside"),
    ]
}

fn patient() -> Vec<Row> {
    vec![
        browse("GET /patient"),
        browse("GET /patient/inbox"),
        browse("GET /patient/log"),
        browse("GET /patient/requests"),
        browse("GET /patient/requests/otis").what("a Consent of Otis"),
        browse("GET /patient/sharing"),
        browse("GET /patient/sharing/new"),
        browse("GET /patient/card"),
        browse("GET /patient/card/tag").note("Cara has made no card."),
    ]
}

fn clinician() -> Vec<Row> {
    vec![
        browse("GET /clinician"),
        browse("GET /clinician/inbox"),
        browse("GET /clinician/requests"),
        browse("GET /clinician/patients"),
        browse("GET /clinician/patients/cara"),
        browse("GET /clinician/patients/noor"),
        browse("GET /clinician/patients/otis"),
        browse("GET /clinician/patients/absent"),
        browse("GET /clinician/patients/cara/Observation"),
        browse("GET /clinician/patients/otis/Observation"),
        browse("GET /clinician/ask"),
        browse("GET /clinician/break-glass?patient=otis"),
    ]
}

fn admin() -> Vec<Row> {
    vec![
        browse("GET /admin"),
        browse("GET /admin/accounts"),
        browse("GET /admin/accounts/new"),
        browse("GET /admin/accounts/00000000-0000-0000-0000-000000000000"),
        browse("GET /admin/clients"),
        browse("GET /admin/clients/new"),
        browse("GET /admin/clients/none"),
        browse("GET /admin/feeds"),
        browse("GET /admin/messages").note("What came and what is wrong with it, without what it says."),
        browse("GET /admin/messages/00000000-0000-0000-0000-000000000000")
            .note("What a message says is shown while it waits to be mended, after a fresh factor, and each look is in the audit."),
        browse("GET /admin/alerts"),
        browse("GET /admin/events"),
        browse("GET /admin/chain"),
        browse("GET /admin/reviews"),
        browse("GET /admin/reviews/none"),
    ]
}

/// Returns the rows of forms. Most are sent empty: who may is told what is missing.
pub fn forms() -> Vec<Row> {
    let person = || vec![cared("p{n}", "{word}")];
    let asked = vec![consent("c{n}", "cara", "proposed", Some("Practitioner/phys"))];
    let given = vec![consent("c{n}", "cara", "active", Some("Practitioner/nobody"))];
    let rows = vec![
        browse("POST /patient/requests/c{n}").what("Cara is asked").given(asked).fields(&[("decision", "deny")]),
        browse("POST /patient/sharing/new")
            .what("without what to share")
            .fields(&[("deed", "share"), ("with", "Practitioner/guest")]),
        browse("POST /patient/sharing/c{n}/end").what("of Cara").given(given),
        browse("POST /patient/card").fields(&[("action", "opt-in")]),
        browse("POST /patient/end-emergency"),
        browse("POST /clinician/ask"),
        browse("POST /clinician/break-glass"),
        browse("POST /clinician/end-break-glass"),
        browse("POST /admin/accounts/new"),
        browse("POST /admin/accounts/00000000-0000-0000-0000-000000000000"),
        browse("POST /admin/clients/new"),
        browse("POST /admin/clients/none"),
        browse("POST /admin/feeds/none").fields(&[("do", "stop")]),
        browse("POST /admin/messages/00000000-0000-0000-0000-000000000000").fields(&[("do", "replay")]),
        browse("POST /admin/reviews/{task}").given(person()).glass().fields(&[("finding", "justified")]),
    ];
    group("Forms", rows).collect()
}
