//! What must not succeed.

use super::text;
use crate::identity::smart::{App, callback};
use crate::identity::stage::Stage;
use crate::identity::table::Table;

const SCOPE: &str = "launch/patient patient/Patient.rs";

pub fn refusals(table: &mut Table, stage: &Stage) {
    table.group("Invalid AUD Parameter");
    let app = App::secret(&stage.server, SCOPE);
    table.check("Inferno client app does not receive code parameter redirect URI", || {
        let page =
            app.asks(SCOPE).with("aud", "https://inferno.healthit.gov/invalid_aud").opened(&mut stage.ada.clone());
        let code = callback(&page).and_then(|came| came.get("code").map(str::to_string));
        assert_eq!(code, None);
    });

    table.group("Invalid Access Token Request");
    table.check("Access token request with an invalid code fails", || {
        let answer = app.exchange("INVALID_CODE", &app.asks(SCOPE).verifier).expect(400);
        assert_eq!(text(&answer.json(), "error"), "invalid_grant");
    });
    table.check("Access token request with an invalid client ID fails", || {
        let (code, verifier) = app.code(&stage.ada, SCOPE);
        let stranger = App {
            id: "INVALID_CLIENT_ID".into(),
            redirect: app.redirect.clone(),
            secret: app.secret.clone(),
            signer: None,
            ..app_of(&app)
        };
        let status = stranger.exchange(&code, &verifier).status;
        assert!([400, 401].contains(&status), "{status}");
    });

    table.group("Invalid PKCE Code Verifier");
    let public = App::public(&stage.server, SCOPE);
    for (title, change) in [
        ("without a verifier", None),
        ("with a blank verifier", Some(String::new as fn() -> String)),
        ("with an incorrect verifier", Some((|| "x".repeat(64)) as fn() -> String)),
    ] {
        table.check(format!("Server refuses the exchange {title}"), || {
            let (code, _) = public.code(&stage.ada, SCOPE);
            let redirect = public.redirect.clone();
            let mut fields = vec![("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", &redirect)];
            let verifier = change.map(|make| make());
            fields.extend(verifier.as_deref().map(|verifier| ("code_verifier", verifier)));
            let status = public.token(&fields).status;
            assert!([400, 401].contains(&status), "{status}");
        });
    }
    table.check("Server refuses the exchange with the challenge as the verifier", || {
        let asked = public.asks(SCOPE);
        let came = asked.allowed(&mut stage.ada.clone());
        let status = public.exchange(came.get("code").expect("a code"), asked.get("code_challenge")).status;
        assert!([400, 401].contains(&status), "{status}");
    });
}

fn app_of<'a>(app: &App<'a>) -> App<'a> {
    App { server: app.server, id: String::new(), redirect: String::new(), secret: None, signer: None }
}
