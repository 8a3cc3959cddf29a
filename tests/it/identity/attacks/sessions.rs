//! Sessions that were fixed beforehand, stolen, or should have ended. OWASP ASVS 5, V7.

use super::{Attack, issued, shown};
use crate::identity::browser::Browser;
use crate::identity::signer::unique;
use crate::identity::smart::App;
use crate::identity::stage::{PASSWORD, signed_in};

pub const ATTACKS: &[Attack] = &[
    Attack {
        name: "A session is fixed before the person signs in",
        answers: &["sent to /login?next=/account"],
        audit: None,
        attempt: |stage| {
            let mut victim = Browser::new(&stage.server);
            victim.cookies.insert("medilink".into(), "chosen-by-the-attacker".into());
            victim.sign_in("ada", PASSWORD).expect(303);
            assert!(victim.cookies["medilink"] != "chosen-by-the-attacker" && victim.is_signed_in());
            let mut attacker = Browser::new(&stage.server);
            attacker.cookies.insert("medilink".into(), "chosen-by-the-attacker".into());
            shown(&attacker.get("/account"))
        },
    },
    Attack {
        name: "The cookie of before the sign-in is good after it",
        answers: &["sent to /login?next=/account"],
        audit: None,
        attempt: |stage| {
            let mut victim = Browser::new(&stage.server);
            victim.get("/login").expect(200);
            let mut attacker = victim.clone();
            victim.sign_in("ada", PASSWORD).expect(303);
            shown(&attacker.get("/account"))
        },
    },
    Attack {
        name: "A cookie is read by scripts, or sent along from other sites",
        answers: &["HttpOnly, SameSite=Lax, Path=/"],
        audit: None,
        attempt: |stage| {
            let mut person = Browser::new(&stage.server);
            let (first, second) = (person.get("/login"), person.sign_in("ada", PASSWORD));
            for page in [first, second] {
                let cookies = page.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
                for (_, cookie) in cookies {
                    let has = |flag: &str| cookie.split("; ").any(|part| part.eq_ignore_ascii_case(flag));
                    if !(has("HttpOnly") && has("SameSite=Lax") && has("Path=/")) {
                        return cookie.clone();
                    }
                }
            }
            "HttpOnly, SameSite=Lax, Path=/".into()
        },
    },
    Attack {
        name: "A stolen cookie is used after the person has signed out",
        answers: &["sent to /login?next=/account"],
        audit: Some(("sign-out", 200, "")),
        attempt: |stage| {
            let mut person = Browser::new(&stage.server);
            person.sign_in("ada", PASSWORD).expect(303);
            let mut thief = person.clone();
            person.get("/account").expect(200);
            person.submit("/logout", &[]).expect(303);
            shown(&thief.get("/account"))
        },
    },
    Attack {
        name: "A suspended person goes on with session and token",
        answers: &["sent to /login?next=/account, 401 login"],
        audit: Some(("account", 200, "")),
        attempt: |stage| {
            let (login, scope) = (unique("leaver"), "launch/patient offline_access patient/Patient.rs");
            let mut person = signed_in(&stage.server, &login, "patient", Some("Patient/ada"));
            let given = App::public(&stage.server, scope).tokens(&person, scope);
            let output = stage.server.run("user suspend", &[&login]);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            std::thread::sleep(std::time::Duration::from_millis(1_100));
            let client = stage.server.client().with_token(given["access_token"].as_str().unwrap_or(""));
            format!("{}, {}", shown(&person.get("/account")), issued(&client.get("Patient/ada")))
        },
    },
    Attack {
        name: "A patient opens the pages of administrators",
        answers: &["page 403, page 403"],
        audit: Some(("admin", 403, "")),
        attempt: |stage| {
            let mut person = stage.ada.clone();
            format!("{}, {}", shown(&person.get("/admin/accounts")), shown(&person.get("/admin/clients")))
        },
    },
];
