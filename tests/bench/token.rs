//! What it costs to know who sent an access token: `scripts/bench token`.

use medilink::catalog::Catalog;
use medilink::oauth::{Claims, Keys, Verifier, verify};
use medilink::search::Registry;
use medilink::store::{Blueprint, StoreSettings, embedded, migrate};
use std::sync::Arc;
use std::time::{Duration, Instant};

const BASE: &str = "http://bench.example/fhir";
const TOKENS: usize = 2_000;
const ROUNDS: usize = 5;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run());
}

async fn run() {
    let folder = std::env::temp_dir().join(format!("medilink-bench-token-{}", std::process::id()));
    let cluster = embedded::start(&folder.join("data")).await.expect("PostgreSQL starts");
    migrate(&cluster.url()).await.expect("the migrations run");
    let settings = StoreSettings {
        url: cluster.url(),
        pool_size: 2,
        statement_ms_max: 10_000,
        wait_ms_max: 10_000,
        implied: Default::default(),
    };
    let registry = Registry::new(Arc::new(Catalog::load().expect("the definitions are there")), BASE);
    let store = Blueprint::new(settings, Arc::new(registry)).store().expect("a store");
    let keys = Arc::new(Keys::load_or_create(&folder).expect("a key"));
    let tokens: Vec<String> = (0..TOKENS).map(|i| token(&keys, i)).collect();
    let headers: Vec<String> = tokens.iter().map(|token| format!("Bearer {token}")).collect();
    let verifier = Verifier::new(keys.clone(), store.clone(), BASE);
    let now_s = medilink::fhir::Instant::now().0 / 1_000_000;

    let (mut never_seen, mut remembered) = (Duration::MAX, Duration::MAX);
    for header in &headers {
        verifier.principal(Some(header)).await.expect("a good token");
    }
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for token in &tokens {
            verify::verify(&keys, BASE, token, now_s).expect("a good token");
        }
        never_seen = never_seen.min(began.elapsed());
        store.follow_revocations().await.expect("the database answers");
        let began = Instant::now();
        for header in &headers {
            verifier.principal(Some(header)).await.expect("a good token");
        }
        remembered = remembered.min(began.elapsed());
    }
    for (name, took) in [("never seen", never_seen), ("remembered", remembered)] {
        println!("token, {name}: {:.2} µs", took.as_secs_f64() * 1e6 / TOKENS as f64);
    }
    cluster.stop().await;
    let _ = std::fs::remove_dir_all(folder);
}

/// Returns a token as an app gets one for a clinician.
fn token(keys: &Keys, number: usize) -> String {
    let scope =
        "launch/patient openid fhirUser offline_access patient/Patient.rs patient/Observation.rs patient/Condition.rs";
    let mut claims = Claims::new(BASE, "5f2b7a0e-3c1d-4a53-9d0e-2f6f3f3a1b11", scope, 3_600);
    claims.client_id = Some(format!("app-{number}"));
    claims.fhir_user = Some("Practitioner/p1".to_string());
    claims.roles = vec!["physician".to_string()];
    claims.patient = Some("patient-1".to_string());
    claims.grant_id = Some("0d8f3e5e-51de-4c0b-b0f3-0f4a8bfb90f2".to_string());
    claims.amr = vec!["pwd".to_string(), "otp".to_string()];
    claims.auth_time = Some(claims.iat);
    claims.sign(keys).expect("claims can be signed")
}
