//! The people of the demo hospital and an app to launch: made once, with passwords that only this data folder gives.

use medilink::access::role::Role;
use medilink::account::admin::{By, NewAccount};
use medilink::account::{self, Accounts, password};
use medilink::app::{Factory, Failure};
use medilink::config::Settings;
use medilink::fault::Fault;
use medilink::oauth::clients;
use serde_json::json;

/// Login, name, role, record, and what there is to see.
const PEOPLE: [(&str, &str, Role, Option<&str>, &str); 6] = [
    ("physician", "Dr. Chidi Okafor", Role::Physician, Some("Practitioner/okafor"), "cares for amina, jonas and mei"),
    ("nurse", "Lena Rivera", Role::Nurse, Some("Practitioner/rivera"), "works at Riverside Hospital"),
    ("patient", "Amina Lindqvist", Role::Patient, Some("Patient/amina"), "a request waits for an answer"),
    (
        "neighbor",
        "Tomás Herrera",
        Role::Patient,
        Some("Patient/tomas"),
        "not in the physician's care, and asked by the physician",
    ),
    ("auditor", "Ruth Adeyemi", Role::SystemAuditor, None, "reviews, audit and its chain"),
    ("admin", "Sam Ito", Role::Admin, None, "people, clients and feeds"),
];
const APP: &str = "demo-app";
const REDIRECT: &str = "http://127.0.0.1:9000/";
const APP_SCOPE: &str = "launch launch/patient launch/encounter openid fhirUser offline_access online_access \
                         patient/*.cruds user/*.cruds";
const ASKED: &str = "launch/patient openid fhirUser patient/*.rs";

/// Makes people and app where they are not there yet, and returns what to tell of them.
pub async fn make(factory: &Factory, settings: &Settings) -> Result<String, Failure> {
    let failed = |e: Fault| Failure(format!("failed to make the people of the demo: {e}"));
    let service = factory.service().map_err(failed)?;
    let accounts = service.accounts().ok_or_else(|| Failure("this server knows no people".to_string()))?;
    let mut lines = String::new();
    for (login, name, role, record, sees) in PEOPLE {
        let password = password_of(accounts, login);
        let known = accounts.store.account_by_login(login).await.map_err(|e| failed(e.into()))?;
        let note = match known {
            Some(known) => {
                let verdict = password::verify(&password, known.password.as_deref()).await.map_err(failed)?;
                if verdict == password::Verdict::Wrong { "  (changed since)" } else { "" }
            }
            None => {
                let new = NewAccount {
                    login: login.to_string(),
                    name: name.to_string(),
                    roles: vec![role],
                    fhir_user: record.map(String::from),
                    password: Some(password.clone()),
                    ..NewAccount::default()
                };
                accounts.add(&new, &By::operator()).await.map_err(failed)?;
                ""
            }
        };
        lines.push_str(&format!("  {login:<10} {password}   {name}{note}: {sees}\n"));
    }
    add_app(accounts, settings).await?;
    Ok(told(accounts, settings, &lines))
}

async fn add_app(accounts: &Accounts, settings: &Settings) -> Result<(), Failure> {
    let known =
        accounts.store.client(APP).await.map_err(|e| Failure(format!("failed to look for the demo app: {e}")))?;
    if known.is_some() {
        return Ok(());
    }
    let body = json!({
        "client_name": "Demo app",
        "token_endpoint_auth_method": "none",
        "redirect_uris": [REDIRECT, "http://localhost:9000/"],
        "launch_uris": ["http://127.0.0.1:9000/launch.html", "http://localhost:9000/launch.html"],
        "scope": APP_SCOPE,
    });
    let by = clients::By { principal: "operator", request: "command" };
    let added = clients::add(&accounts.store, APP, &body, &settings.base_url, &by).await;
    added.map(drop).map_err(|refusal| Failure(format!("failed to add the demo app: {}", refusal.description)))
}

/// Returns the password of a demo person: random, yet the same at every start on this data folder, and nowhere kept.
fn password_of(accounts: &Accounts, login: &str) -> String {
    // Without vowels no words come about, and without 0, 1 and l nothing is misread.
    const LETTERS: &[u8; 28] = b"bcdfghjkmnpqrstvwxyz23456789";
    let bytes = accounts.seal.hash("demo password", login);
    let letters: Vec<u8> = bytes[..15].iter().map(|b| LETTERS[usize::from(*b) % LETTERS.len()]).collect();
    let groups: Vec<String> = letters.chunks(5).map(|group| String::from_utf8_lossy(group).into_owned()).collect();
    groups.join("-")
}

fn told(accounts: &Accounts, settings: &Settings, people: &str) -> String {
    let (root, verifier) = (&accounts.settings.root_url, account::secret());
    let mut url = format!("{root}/oauth/authorize?response_type=code&client_id={APP}&code_challenge_method=S256");
    for (name, value) in [
        ("redirect_uri", REDIRECT),
        ("scope", ASKED),
        ("aud", &settings.base_url),
        ("state", &account::secret()),
        ("code_challenge", &challenge(&verifier)),
    ] {
        url.push_str(&format!("&{name}="));
        medilink::rest::query::encode(&mut url, value);
    }
    format!(
        "These people can sign in at {root}/login (a demo only: their passwords are printed here):\n\n{people}\n\
         The app '{APP}' is registered for {REDIRECT} and http://localhost:9000/. Launch it by hand:\n\n{url}\n\n\
         Then exchange the code that arrives at port 9000 within a minute:\n\n\
         curl -s {root}/oauth/token -d grant_type=authorization_code -d client_id={APP} \\\n  \
         -d redirect_uri={REDIRECT} -d code_verifier={verifier} -d code=CODE\n"
    )
}

/// Returns the challenge of RFC 7636 4.2, S256.
fn challenge(verifier: &str) -> String {
    use base64::Engine;
    let hash = medilink::store::identity::hash(verifier);
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash)
}
