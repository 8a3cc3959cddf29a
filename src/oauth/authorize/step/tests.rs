//! Which step follows, as tables of requests and sessions.

use super::*;
use crate::access::role::Role;
use crate::fhir::{Instant, ResourceId};
use crate::oauth::authorize::request::{Picked, Prompt};
use crate::oauth::launch::Launch;
use crate::oauth::scope::{Bounds, negotiate};
use crate::search::tests::REGISTRY;
use crate::store::identity::account::Account;
use crate::store::identity::authorization::Allowed;
use crate::store::identity::client::Status;
use crate::store::identity::session::SessionRow;
use serde_json::json;
use uuid::Uuid;

const NOW_S: i64 = 1_000_000;
const REGISTERED: &str = "patient/*.rs user/*.rs openid launch launch/patient launch/encounter";

fn request(scope: &str) -> Request {
    Request {
        client: "app".into(),
        redirect_uri: "https://app.example/cb".into(),
        state: "s".into(),
        challenge: "c".into(),
        scope: scope.split(' ').map(str::to_string).collect(),
        nonce: None,
        login_hint: None,
        prompt: Prompt::default(),
        max_age_s: None,
        received_s: NOW_S,
        launch: None,
        picked: Picked::default(),
    }
}

fn client(method: &str) -> Client {
    let fields = json!({"client_name": "An app", "token_endpoint_auth_method": method, "scope": REGISTERED});
    let metadata = serde_json::from_value(fields).unwrap();
    Client { id: "app".into(), status: Status::Active, secret: None, metadata, created: Instant(0) }
}

/// Returns a session in which a factor was shown so many seconds ago.
fn session(ago_s: i64, fhir_user: &str) -> Session {
    let (t, id) = fhir_user.split_once('/').unwrap();
    let account = Account {
        id: Uuid::nil(),
        login: "x".into(),
        name: "X".into(),
        email: None,
        status: Status::Active,
        roles: vec![Role::Physician],
        fhir_user: ResourceType::parse(t).zip(ResourceId::parse(id)),
        password: None,
        created: Instant(0),
        totp: None,
        totp_step: 0,
    };
    let row = SessionRow {
        hash: [0; 32],
        account: account.id,
        auth_at: Instant((NOW_S - ago_s) * 1_000_000),
        methods: vec![],
        created: Instant(0),
        seen: Instant(0),
        ends: Instant(i64::MAX),
        device: String::new(),
        address: String::new(),
    };
    Session { row, account }
}

fn name(step: Option<Step>) -> String {
    match step {
        None => "on".into(),
        Some(Step::Refuse(refusal)) => refusal.error.code().into(),
        Some(step) => format!("{step:?}"),
    }
}

#[test]
fn a_person_shows_who_they_are_as_lately_as_the_app_wants() {
    let staff = "Practitioner/p";
    let none = Prompt { none: true, ..Prompt::default() };
    let login = Prompt { login: true, ..Prompt::default() };
    for (ago_s, prompt, max_age_s, want) in [
        (None, Prompt::default(), None, "SignIn"),
        (None, none, None, "login_required"),
        (Some(500), Prompt::default(), None, "on"),
        (Some(500), Prompt::default(), Some(499), "ShowAgain"),
        (Some(500), Prompt::default(), Some(500), "on"),
        (Some(500), none, Some(499), "login_required"),
        (Some(500), login, None, "ShowAgain"),
        (Some(1), Prompt::default(), Some(0), "ShowAgain"),
        // After the request came.
        (Some(-2), login, None, "on"),
        (Some(-2), Prompt::default(), Some(0), "on"),
    ] {
        let request = Request { prompt, max_age_s, ..request("openid") };
        let session = ago_s.map(|ago_s| session(ago_s, staff));
        assert_eq!(name(before_offer(&request, session.as_ref())), want, "{ago_s:?} {prompt:?} {max_age_s:?}");
    }
}

#[test]
fn a_launch_is_for_the_person_whom_the_ehr_named() {
    let mut request = request("launch openid");
    request.launch = Some(Launch { user: Uuid::from_u128(7), ..Launch::default() });
    assert_eq!(name(before_offer(&request, Some(&session(0, "Practitioner/p")))), "access_denied");
    request.launch = Some(Launch { user: Uuid::nil(), ..Launch::default() });
    assert_eq!(name(before_offer(&request, Some(&session(0, "Practitioner/p")))), "on");
}

fn after(request: &Request, client: &Client, session: &Session, earlier: &[Authorization]) -> String {
    let bounds = Bounds {
        registered: REGISTERED,
        roles: &session.account.roles,
        is_linked: true,
        is_launched: request.launch.is_some(),
        registry: &REGISTRY,
    };
    let offer = negotiate(&request.scope, &bounds);
    name(Some(after_offer(request, client, session, &offer, earlier)))
}

#[test]
fn what_must_be_chosen_is_asked_for_once() {
    let session = session(0, "Practitioner/p");
    let picked = |patient: Option<&str>, encounter: Option<&str>, no_encounter: bool| Picked {
        patient: patient.map(Into::into),
        encounter: encounter.map(Into::into),
        no_encounter,
        ..Picked::default()
    };
    for (scope, picked, want) in [
        ("patient/*.rs", picked(None, None, false), "PickPatient"),
        ("patient/*.rs", picked(Some("a"), None, false), "Ask"),
        ("user/*.rs", picked(None, None, false), "Ask"),
        ("user/*.rs launch/patient", picked(None, None, false), "PickPatient"),
        ("openid", picked(None, None, false), "Ask"),
        ("user/*.rs launch/encounter", picked(None, None, false), "PickPatient"),
        ("user/*.rs launch/encounter", picked(Some("a"), None, false), "PickEncounter"),
        ("user/*.rs launch/encounter", picked(Some("a"), Some("e"), false), "Ask"),
        ("user/*.rs launch/encounter", picked(Some("a"), None, true), "Ask"),
        ("system/*.rs", picked(None, None, false), "access_denied"),
        ("launch/patient", picked(None, None, false), "access_denied"),
    ] {
        let mut request = Request { picked, ..request(scope) };
        assert_eq!(after(&request, &client("none"), &session, &[]), want, "{scope} {:?}", request.picked);
        request.prompt.none = true;
        let want = if want == "access_denied" { want } else { "interaction_required" };
        assert_eq!(after(&request, &client("none"), &session, &[]), want, "{scope} without pages");
    }
}

#[test]
fn only_the_same_question_to_the_same_app_is_not_asked_again() {
    let before = |client: &str, scope: &str| Authorization {
        id: Uuid::nil(),
        client: client.into(),
        account: Some(Uuid::nil()),
        session: None,
        allowed: Allowed { scope: scope.into(), patient: Some("a".into()), ..Allowed::default() },
        created: Instant(0),
        used: Instant(0),
        ended: None,
    };
    let (staff, patient) = (session(0, "Practitioner/p"), session(0, "Patient/a"));
    let same = before("app", "patient/*.rs launch");
    let launched = |patient: &str| Request {
        launch: Some(Launch { patient: Some(patient.into()), ..Launch::default() }),
        ..request("launch patient/*.rs")
    };
    let (public, secret) = (client("none"), client("client_secret_basic"));
    let native = |request: Request| Request { redirect_uri: "com.example:/cb".into(), ..request };
    let anew = |mut request: Request| {
        request.prompt.consent = true;
        request
    };
    let quiet = |mut request: Request| {
        request.prompt.none = true;
        request
    };
    for (request, client, session, earlier, want) in [
        (launched("b"), &public, &staff, same.clone(), "GoOn"),
        (launched("b"), &public, &staff, before("other", "patient/*.rs launch"), "Ask"),
        (launched("b"), &public, &staff, before("app", "patient/*.r launch"), "Ask"),
        (launched("b"), &public, &staff, before("app", "patient/*.rs"), "Ask"),
        (launched("b"), &public, &staff, Authorization { ended: Some(Instant(1)), ..same.clone() }, "Ask"),
        (native(launched("b")), &public, &staff, same.clone(), "Ask"),
        (native(launched("b")), &secret, &staff, same.clone(), "GoOn"),
        (anew(launched("b")), &public, &staff, same.clone(), "Ask"),
        (launched("a"), &public, &patient, same.clone(), "Ask"),
        (quiet(launched("a")), &public, &patient, same.clone(), "GoOn"),
        (quiet(launched("b")), &public, &patient, same.clone(), "interaction_required"),
    ] {
        assert_eq!(after(&request, client, session, std::slice::from_ref(&earlier)), want, "{request:?} {earlier:?}");
    }
}
