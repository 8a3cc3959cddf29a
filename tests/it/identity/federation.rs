//! Signing in through an outside OpenID provider, from the button to the session.

use serde_json::{Value, json};
use url::Url;

use super::browser::{Browser, Page};
use super::person::{audited, grow_stale, now, person, says, stranger};
use super::provider::{CLIENT, CODE, Provider, SECRET, Signed};
use crate::app::TestApp;

const SUBJECT: &str = "248289761001";

fn app(provider: &Provider) -> TestApp {
    TestApp::builder()
        .secured()
        .set("federation-issuer", &provider.issuer)
        .set("federation-client-id", CLIENT)
        .set("federation-client-secret", SECRET)
        .set("federation-name", "City Clinic")
        .start()
}

/// A browser on its way to the provider: what it was sent with.
struct Journey {
    state: String,
    nonce: String,
    challenge: String,
}

fn went(page: &Page) -> Journey {
    let to = Url::parse(page.location().unwrap_or_else(|| panic!("{}: {}", page.asked, page.text))).expect("a URL");
    let field = |name: &str| to.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned());
    assert_eq!(to.path(), "/authorize");
    assert_eq!(field("client_id").as_deref(), Some(CLIENT));
    assert_eq!(field("response_type").as_deref(), Some("code"));
    assert_eq!(field("scope").as_deref(), Some("openid"));
    assert_eq!(field("code_challenge_method").as_deref(), Some("S256"));
    let field = |name: &str| field(name).unwrap_or_else(|| panic!("no {name} in {to}"));
    Journey { state: field("state"), nonce: field("nonce"), challenge: field("code_challenge") }
}

fn claims(provider: &Provider, journey: &Journey) -> Value {
    let now = now() / 1_000_000;
    json!({
        "iss": provider.issuer, "aud": CLIENT, "sub": SUBJECT, "nonce": journey.nonce, "iat": now, "exp": now + 60,
    })
}

fn back(browser: &mut Browser, state: &str) -> Page {
    browser.get(&format!("/login/outside/done?code={CODE}&state={state}"))
}

/// Goes to the provider, which vouches for the subject with these changes, and comes back.
fn sign_in(provider: &Provider, browser: &mut Browser, signed: Signed, change: &Value) -> Page {
    let journey = went(&browser.get("/login/outside?next=/account/outside").expect(303));
    let mut claims = claims(provider, &journey);
    for (name, value) in change.as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
    provider.will_say(&claims, signed, &journey.challenge);
    back(browser, &journey.state)
}

fn link(app: &TestApp, login: &str, more: &[&str]) -> String {
    let arguments = [&[login, "--subject", SUBJECT][..], more].concat();
    let output = app.run("user link", &arguments);
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_linked_person_signs_in_and_others_are_told_what_to_do() {
    let provider = Provider::start();
    let app = app(&provider);
    let owner = person(&app, "ada");
    let mut browser = stranger(&app);
    let unknown = sign_in(&provider, &mut browser, Signed::Well, &json!({"email": "ada@example.org"}));
    assert_eq!(unknown.status, 403);
    says(&unknown, "ask the administrator");
    assert_eq!(audited(&app, "sign-in")[0], (403, "outside sign-in: not linked to an account".to_string()));

    assert!(link(&app, "ada", &[]).contains(&format!("ada {} {SUBJECT}", provider.issuer)));
    sign_in(&provider, &mut browser, Signed::Well, &json!({})).expect_to("/account/outside");
    says(&browser.get("/account/outside").expect(200), SUBJECT);
    assert!(audited(&app, "sign-in")[0].1.starts_with("factors: fed"));

    let mut again = stranger(&app);
    sign_in(&provider, &mut again, Signed::Well, &json!({"amr": ["pwd", "mfa"]})).expect_to("/account/outside");
    assert!(audited(&app, "sign-in")[0].1.starts_with("factors: fed mfa"));

    app.sql(&format!("update account set status = 3 where id = '{}'", owner.id));
    assert_eq!(sign_in(&provider, &mut stranger(&app), Signed::Well, &json!({})).status, 403);
    let discoveries = provider.asked().iter().filter(|path| path.ends_with("openid-configuration")).count();
    assert_eq!(discoveries, 1, "what the provider says of itself is kept");
}

#[test]
fn what_the_provider_did_not_say_for_us_and_now_is_refused() {
    let provider = Provider::start();
    let app = app(&provider);
    person(&app, "ada");
    link(&app, "ada", &[]);
    let past = now() / 1_000_000 - 60;
    for (signed, change, why) in [
        (Signed::Well, json!({"nonce": "another"}), "the ID token has another nonce"),
        (Signed::Well, json!({"nonce": null}), "the ID token has another nonce"),
        (Signed::Well, json!({"aud": "somebody-else"}), "the ID token is for another audience"),
        (Signed::Well, json!({"aud": [CLIENT, "somebody-else"]}), "the ID token is for another audience"),
        (Signed::Well, json!({"iss": "https://evil.example"}), "the ID token is of another issuer"),
        (Signed::Well, json!({"exp": past}), "the ID token has expired"),
        (Signed::Well, json!({"auth_time": past - 13 * 3600}), "the person signed in at the provider too long ago"),
        (Signed::Not, json!({}), "the signature of the ID token is not the provider's"),
        (Signed::BySharedSecret, json!({}), "the signature of the ID token is not the provider's"),
        (Signed::ByAnotherKey, json!({}), "the signature of the ID token is not the provider's"),
    ] {
        let mut browser = stranger(&app);
        let page = sign_in(&provider, &mut browser, signed, &change);
        assert_eq!(page.status, 403, "{signed:?} {change}: {}", page.text);
        assert!(!browser.cookies.contains_key("medilink"), "{signed:?} {change}");
        assert_eq!(audited(&app, "sign-in")[0], (403, format!("outside sign-in: {why}")), "{signed:?} {change}");
    }
}

#[test]
fn the_way_back_is_good_once_and_in_the_browser_that_went() {
    let provider = Provider::start();
    let app = app(&provider);
    person(&app, "ada");
    link(&app, "ada", &[]);
    let mut browser = stranger(&app);
    let journey = went(&browser.get("/login/outside"));
    provider.will_say(&claims(&provider, &journey), Signed::Well, &journey.challenge);
    let another = back(&mut stranger(&app), &journey.state);
    assert_eq!(another.status, 403);
    says(&another, "was not begun in this browser");
    assert_eq!(back(&mut browser.clone(), "made-up").status, 403);
    assert_eq!(back(&mut browser.clone(), "").status, 403);
    let before = browser.clone();
    back(&mut browser, &journey.state).expect_to("/home");
    assert_eq!(back(&mut before.clone(), &journey.state).status, 403, "used");

    // An answer of another issuer, an error, no code, and a verifier that is not the one of the challenge.
    for (query, challenge, why) in [
        ("&code=a-code&iss=https://evil.example", None, "the answer is of another issuer"),
        ("&error=access_denied", None, "the provider answered with an error"),
        ("", None, "the provider answered with an error"),
        ("&code=another", None, "the provider refused the code"),
        ("&code=a-code", Some("another"), "the provider refused the code"),
    ] {
        let mut browser = stranger(&app);
        let journey = went(&browser.get("/login/outside"));
        provider.will_say(&claims(&provider, &journey), Signed::Well, challenge.unwrap_or(&journey.challenge));
        let page = browser.get(&format!("/login/outside/done?state={}{query}", journey.state));
        assert_eq!(page.status, 403, "{query}");
        assert_eq!(audited(&app, "sign-in")[0], (403, format!("outside sign-in: {why}")), "{query}");
    }
    let away = stranger(&app).get("/login/outside?next=https://evil.example/");
    let journey = went(&away);
    let kept = app.sql("select data ->> 'next' from once where kind = 'federation' order by ends desc");
    assert_eq!(kept[0].get::<_, String>(0), "/home", "nobody is sent to another site: {}", journey.state);
}

#[test]
fn a_person_links_and_unlinks_their_own_account() {
    let provider = Provider::start();
    let app = app(&provider);
    let (mut owner, mut other) = (person(&app, "ada"), person(&app, "bob"));
    let begin = |person: &mut super::person::Person| {
        says(&person.browser.get("/account/outside").expect(200), "Link to City Clinic");
        let journey = went(&person.browser.submit("/account/outside", &[("do", "link")]));
        provider.will_say(&claims(&provider, &journey), Signed::Well, &journey.challenge);
        journey
    };
    let journey = begin(&mut owner);
    assert_eq!(back(&mut other.browser, &journey.state).status, 403, "the journey of another");
    back(&mut owner.browser, &journey.state).expect_to("/account/outside?linked");
    assert_eq!(audited(&app, "outside-identity")[0], (201, "linked".to_string()));
    let journey = begin(&mut other);
    assert_eq!(back(&mut other.browser, &journey.state).status, 409, "linked to one alone");

    let fields = [("do", "unlink"), ("issuer", provider.issuer.as_str()), ("subject", SUBJECT)];
    assert_eq!(other.browser.submit("/account/outside", &fields).status, 404);
    let kept = owner.browser.submit("/account/outside", &fields).expect(422);
    says(&kept, "This is your only way to sign in");
    app.sql(&format!("update account set password = 'x' where id = '{}'", owner.id));
    owner.browser.submit("/account/outside", &fields).expect_to("/account/outside?unlinked");

    grow_stale(&app, &owner.id);
    says(&owner.browser.get("/account/outside").expect(200), "Confirm that it is you");
    assert_eq!(owner.browser.submit("/account/outside", &[("do", "link")]).status, 403);
}

#[test]
fn a_second_factor_is_asked_for_unless_the_provider_has() {
    let provider = Provider::start();
    let app = app(&provider);
    let owner = person(&app, "ada");
    link(&app, "ada", &[]);
    app.sql(&format!("update account set totp = 'x' where id = '{}'", owner.id));
    for (change, is_in) in [
        (json!({}), false),
        (json!({"amr": ["pwd"], "acr": "1"}), false),
        (json!({"amr": ["mfa"]}), true),
        (json!({"acr": "https://refeds.org/profile/mfa"}), true),
    ] {
        let mut browser = stranger(&app);
        sign_in(&provider, &mut browser, Signed::Well, &change);
        assert_eq!(browser.cookies.contains_key("medilink"), is_in, "{change}");
    }
    let mut browser = stranger(&app);
    sign_in(&provider, &mut browser, Signed::Well, &json!({})).expect_to("/login/factor?next=/account/outside");
    let page = browser.get("/login/factor").expect(200);
    says(&page, "authenticator app");
    assert!(!page.text.contains("Use a passkey"), "{}", page.text);
    app.sql(&format!("update account set totp = null where id = '{}'", owner.id));
    app.sql(&format!("insert into passkey values ('x', '{}', 'key', '{{}}', 0)", owner.id));
    sign_in(&provider, &mut browser, Signed::Well, &json!({})).expect_to("/login/factor?next=/account/outside");
    let page = browser.get("/login/factor").expect(200);
    says(&page, "Passkeys need a host name");
    assert!(!page.text.contains("authenticator app"), "{}", page.text);
}

#[test]
fn the_code_of_the_authenticator_ends_an_outside_sign_in() {
    let provider = Provider::start();
    let app = app(&provider);
    super::browser::add_person(&app, "ada", "correct horse battery", "patient", &[]);
    let mut own = Browser::new(&app);
    own.sign_in("ada", "correct horse battery").expect_to("/home");
    let (_, recovery) = super::people::factors::set_up(&mut own);
    link(&app, "ada", &[]);
    let mut browser = stranger(&app);
    sign_in(&provider, &mut browser, Signed::Well, &json!({})).expect_to("/login/factor?next=/account/outside");
    assert!(!browser.is_signed_in());
    browser.get("/login/factor?next=/account/outside").expect(200);
    browser.submit("/login/factor", &[("code", "aaaaa-aaaaa")]).expect(403);
    let fields = [("code", recovery[0].as_str()), ("next", "/account/outside")];
    browser.submit("/login/factor", &fields).expect_to("/account/outside");
    let rows = app.sql("select methods from session order by created desc limit 1");
    assert_eq!(rows[0].get::<_, Vec<String>>(0), ["fed", "otp"]);
}

#[test]
fn pages_lead_to_the_provider() {
    let provider = Provider::start();
    let app = app(&provider);
    let mut owner = person(&app, "ada");
    let page = Browser::new(&app).get("/login?next=/account/apps").expect(200);
    says(&page, "Sign in with City Clinic");
    says(&page, "/login/outside?next=/account/apps");
    says(&owner.browser.get("/account").expect(200), "City Clinic");
    assert!(!owner.browser.get("/step-up").expect(200).text.contains("City Clinic"), "it is not linked");
    link(&app, "ada", &[]);
    says(&owner.browser.get("/step-up?next=/account/apps").expect(200), "/login/outside?next=/account/apps");
}

#[test]
fn a_session_is_as_fresh_as_the_provider_says() {
    let provider = Provider::start();
    let app = app(&provider);
    person(&app, "ada");
    link(&app, "ada", &[]);
    let now = now() / 1_000_000;
    let mut browser = stranger(&app);
    for (change, is_fresh) in [
        (json!({}), false),
        (json!({"auth_time": now - 3600}), false),
        (json!({"auth_time": now - 10}), true),
        // A clock that goes before ours makes nothing fresh for longer.
        (json!({"auth_time": now + 3600}), true),
    ] {
        sign_in(&provider, &mut browser, Signed::Well, &change).expect_to("/account/outside");
        let page = browser.get("/account/outside").expect(200);
        assert_eq!(page.text.contains("Link to City Clinic"), is_fresh, "{change}: {}", page.text);
    }
    let rows = app.sql("select max(auth_at) from session");
    assert!(rows[0].get::<_, i64>(0) <= super::person::now());
    // Who is signed in already has to show a factor there once more.
    let again = browser.get("/login/outside");
    let to = again.location().unwrap_or_default();
    assert!(to.contains("prompt=login") && to.contains("max_age=0"), "{to}");
    let first = stranger(&app).get("/login/outside");
    let to = first.location().unwrap_or_default();
    assert!(!to.contains("prompt=") && to.contains("max_age=43200"), "{to}");
}

#[test]
fn an_administrator_links_by_the_command() {
    let provider = Provider::start();
    let app = app(&provider);
    person(&app, "ada");
    person(&app, "bob");
    for (login, more, said) in [
        ("nobody", &[][..], "there is no person with the login 'nobody'"),
        ("ada", &[], "ada http://"),
        ("ada", &[], "ada http://"),
        ("bob", &[], "this subject is linked to another account already"),
        ("bob", &["--remove"], "this subject is not linked to the account"),
        ("ada", &["--remove"], "it is the only way to sign in of this account"),
        ("bob", &["--issuer", "https://other.example"], "note: people sign in through"),
    ] {
        let told = link(&app, login, more);
        assert!(told.contains(said), "{login} {more:?}: {told}");
    }
    assert_eq!(app.sql("select 1 from audit where action = 'outside-identity' and status = 200").len(), 3);
}

#[test]
fn a_provider_that_is_away_or_somebody_else_is_said_so() {
    let app = TestApp::builder().secured().start();
    assert_eq!(stranger(&app).get("/login/outside").status, 404, "none is set");
    let provider = Provider::start();
    // It calls itself by its number, and so is not who is asked for.
    let named = provider.issuer.replace("127.0.0.1", "localhost");
    for issuer in ["http://127.0.0.1:1", "https://10.0.0.1", &named] {
        let app = TestApp::builder()
            .secured()
            .set("federation-issuer", issuer)
            .set("federation-client-id", CLIENT)
            .set("federation-name", "City Clinic")
            .start();
        let page = stranger(&app).get("/login/outside");
        assert_eq!(page.status, 503, "{issuer}: {}", page.text);
        says(&page, "City Clinic cannot be reached at the moment");
    }
}

#[test]
fn a_new_key_of_the_provider_is_found() {
    let provider = Provider::start();
    let app = app(&provider);
    person(&app, "ada");
    link(&app, "ada", &[]);
    sign_in(&provider, &mut stranger(&app), Signed::Well, &json!({})).expect_to("/account/outside");
    provider.rotate("two");
    // At once it is not asked again: nobody makes this server ask by tokens with made-up keys.
    assert_eq!(sign_in(&provider, &mut stranger(&app), Signed::Well, &json!({})).status, 403);
    std::thread::sleep(std::time::Duration::from_secs(11));
    sign_in(&provider, &mut stranger(&app), Signed::Well, &json!({})).expect_to("/account/outside");
}
