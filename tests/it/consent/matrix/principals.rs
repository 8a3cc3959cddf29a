//! The columns of the matrix: who asks, by API and by browser.

use crate::app::TestApp;
use crate::client::Client;
use crate::identity::browser::Browser;
use crate::identity::person::{hex, now};

pub struct Principal {
    pub name: &'static str,
    pub words: &'static str,
    pub client: Client,
    pub browser: Option<Browser>,
}

/// People with an account: column, role, who they are, words.
const PEOPLE: &[(&str, &str, &str, &str)] = &[
    ("admin", "admin", "", "runs the installation"),
    ("facadmin", "facility-admin", "Practitioner/facadmin", "runs the house"),
    ("phys", "physician", "Practitioner/phys", "physician who cares for Cara, Otis and Rita"),
    ("nurse", "nurse", "Practitioner/nurse", "nurse of the house"),
    ("recep", "receptionist", "Practitioner/recep", "receptionist of the house"),
    ("pharm", "pharmacist", "Practitioner/pharm", "pharmacist of the house"),
    ("lab", "lab-technician", "Practitioner/lab", "technician in the laboratory of the house"),
    ("patient", "patient", "Patient/cara", "Cara herself"),
    ("related", "related-person", "RelatedPerson/rob", "Rob, who speaks for Cara"),
    ("insurer", "insurer-auditor", "Practitioner/insurer", "looks at claims for an insurer"),
    ("auditor", "system-auditor", "Practitioner/auditor", "compliance: sees who did what"),
    ("guest", "physician", "Practitioner/guest", "physician who cares for nobody here; Noor has consented"),
    ("glass", "physician", "Practitioner/glass", "physician who cares for nobody here; broke the glass over Otis"),
];

/// Returns all, in the order of the columns. `grant` is that of the broken glass.
pub fn all(app: &TestApp, grant: &str) -> Vec<Principal> {
    let plain = |name, words, client: Client| Principal { name, words, client, browser: None };
    let stranger = Principal {
        browser: Some(Browser::new(app)),
        ..plain("nobody", "has no token and has not signed in", app.client().clone())
    };
    let mut all = vec![stranger];
    all.extend(PEOPLE.iter().map(|(name, role, who, words)| {
        let account = account(app, name, role, who);
        let mut browser = Browser::new(app);
        browser.cookies.insert("medilink".into(), session(app, &account));
        let grant = (*name == "glass").then_some(grant);
        Principal { name, words, client: client(app, &account, role, who, grant), browser: Some(browser) }
    }));
    let of_cara = app.forged(|claims| {
        claims.sub = uuid::Uuid::new_v4().to_string();
        claims.client_id = Some("phone".into());
        claims.scope = "patient/Patient.rs patient/Observation.rs".into();
        claims.roles = vec!["patient".into()];
        claims.fhir_user = Some("Patient/cara".into());
        claims.patient = Some("cara".into());
    });
    let words = "an app of Cara's with the scopes patient/Patient.rs and patient/Observation.rs";
    all.push(plain("app", words, app.client().with_token(&of_cara)));
    let system = app.forged(|claims| {
        claims.sub = "machine".into();
        claims.client_id = Some("machine".into());
        claims.scope = "system/*.cruds".into();
    });
    let words = "a system of the house with the scope system/*.cruds, bound by consents";
    all.push(plain("system", words, app.client().with_token(&system)));
    let words = "the keeper of the record: an operator on the server's own host";
    all.push(plain("keeper", words, app.client_with("system/*.cruds")));
    all
}

/// Returns the client of a person who has just signed in with two factors.
pub fn client(app: &TestApp, account: &str, role: &str, who: &str, grant: Option<&str>) -> Client {
    app.client().with_token(&app.forged(|claims| {
        claims.sub = account.to_string();
        claims.client_id = Some("portal".into());
        claims.scope = "user/*.cruds".into();
        claims.roles = vec![role.to_string()];
        claims.fhir_user = (!who.is_empty()).then(|| who.to_string());
        claims.patient = matches!(role, "patient" | "related-person").then(|| "cara".to_string());
        claims.auth_time = Some(claims.iat);
        claims.amr = vec!["pwd".into(), "otp".into()];
        claims.purpose_of_use = grant.map(|_| "BTG".into());
        claims.btg = grant.map(str::to_string);
    }))
}

fn account(app: &TestApp, login: &str, role: &str, who: &str) -> String {
    let id = uuid::Uuid::new_v4().to_string();
    let who = if who.is_empty() { "null".to_string() } else { format!("'{who}'") };
    app.sql(&format!(
        "insert into account (id, login, name, status, roles, fhir_user, created)
         values ('{id}', '{login}', '{login}', 2, '{{{role}}}', {who}, {now})",
        now = now()
    ));
    id
}

/// Writes a session that has just begun.
fn session(app: &TestApp, account: &str) -> String {
    let secret = medilink::account::secret();
    let (hash, now) = (hex(&medilink::store::identity::hash(&secret)), now());
    app.sql(&format!(
        "insert into session (hash, account, auth_at, methods, created, seen, ends, device, address)
         values (decode('{hash}', 'hex'), '{account}', {now}, '{{pwd,otp}}', {now}, {now}, {now} + 3600000000, '', '')"
    ));
    secret
}
