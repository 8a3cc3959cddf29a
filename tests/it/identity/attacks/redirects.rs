//! Addresses that look like the registered one. RFC 9700 2.1 and 4.1: compared letter by letter.

use super::{Attack, shown};
use crate::identity::smart::App;
use crate::identity::stage::Stage;

const SCOPE: &str = "launch/patient patient/Patient.rs";

/// What the address looks like, and how it is made from the registered one.
type Trick = (&'static str, fn(&str) -> String);

/// Addresses made from the registered one.
pub const TRICKS: &[Trick] = &[
    ("Another host", |_| "https://evil.example/callback".into()),
    ("Another case of the path", |uri| uri.replace("callback", "Callback")),
    ("Another case of the host", |uri| uri.replace("https://app", "https://APP")),
    ("Another case of the scheme", |uri| uri.replace("https", "HTTPS")),
    ("Another scheme", |uri| uri.replace("https", "http")),
    ("A longer path", |uri| format!("{uri}/more")),
    ("A slash at the end", |uri| format!("{uri}/")),
    ("A path that goes up and down again", |uri| uri.replace("/callback", "/x/../callback")),
    ("An encoded letter in the path", |uri| uri.replace("callback", "c%61llback")),
    ("A query", |uri| format!("{uri}?next=evil")),
    ("A fragment", |uri| format!("{uri}#evil")),
    ("An empty fragment", |uri| format!("{uri}#")),
    ("A port", |uri| uri.replace(".example", ".example:8443")),
    ("The port that the scheme has anyway", |uri| uri.replace(".example", ".example:443")),
    ("A user before the host", |uri| uri.replace("https://", "https://evil@")),
    ("The registered host as the user of another", |uri| uri.replace(".example/", ".example@evil.example/")),
    ("The registered host as the beginning of another", |uri| uri.replace(".example/", ".example.evil.example/")),
    ("A backslash in the host", |uri| uri.replace(".example/", ".example\\.evil.example/")),
    ("A line break, to add a header of one's own", |uri| format!("{uri}\r\nSet-Cookie: medilink=evil")),
    ("A script in the place of an address", |_| "javascript:alert(1)".into()),
    ("No address", |_| String::new()),
];

/// Asks with such an address.
pub fn try_trick(stage: &Stage, change: fn(&str) -> String) -> String {
    let app = App::public(&stage.server, SCOPE);
    let redirect = change(&app.redirect);
    shown(&app.asks(SCOPE).with("redirect_uri", &redirect).opened(&mut stage.ada.clone()))
}

pub const ATTACKS: &[Attack] = &[
    Attack {
        name: "Two addresses, the registered one first",
        answers: &["page 400"],
        audit: Some(("authorize", 400, "")),
        attempt: |stage| {
            let mut asked = App::public(&stage.server, SCOPE).asks(SCOPE);
            asked.pairs.push(("redirect_uri".into(), "https://evil.example/callback".into()));
            shown(&asked.opened(&mut stage.ada.clone()))
        },
    },
    Attack {
        name: "The registered address of another app",
        answers: &["page 400"],
        audit: Some(("authorize", 400, "")),
        attempt: |stage| {
            let (app, other) = (App::public(&stage.server, SCOPE), App::public(&stage.server, SCOPE));
            shown(&app.asks(SCOPE).with("redirect_uri", &other.redirect).opened(&mut stage.ada.clone()))
        },
    },
    Attack {
        name: "An app that nobody knows",
        answers: &["page 400"],
        audit: Some(("authorize", 400, "")),
        attempt: |stage| {
            let asked = App::public(&stage.server, SCOPE).asks(SCOPE);
            shown(&asked.with("client_id", "nobody").opened(&mut stage.ada.clone()))
        },
    },
    Attack {
        name: "A request without state, so that the app cannot tell whose answer it gets",
        answers: &["the app is told invalid_request"],
        audit: Some(("authorize", 400, "invalid_request")),
        attempt: |stage| {
            shown(&App::public(&stage.server, SCOPE).asks(SCOPE).without("state").opened(&mut stage.ada.clone()))
        },
    },
    Attack {
        name: "A line break in the state, to add a header of one's own",
        answers: &["no header is added", "the app is told invalid_request"],
        audit: None,
        attempt: |stage| {
            let asked = App::public(&stage.server, SCOPE).asks(SCOPE).with("state", "x\r\nSet-Cookie: medilink=evil");
            let page = asked.opened(&mut stage.ada.clone());
            if page.status != 200 {
                return shown(&page);
            }
            let came = asked.allowed(&mut stage.ada.clone());
            let is_whole = came.get("state") == Some(asked.get("state")) && !came.address.contains(['\r', '\n']);
            if is_whole { "no header is added".into() } else { format!("{came:?}") }
        },
    },
    Attack {
        name: "The sign-in page is told to go on at another site",
        answers: &["it stays here"],
        audit: None,
        attempt: |stage| {
            for next in [
                "https://evil.example/",
                "//evil.example/",
                "/\\evil.example/",
                "\\\\evil.example",
                "/\t/evil.example",
                "javascript:alert(1)",
                "/%0d%0aLocation:%20https://evil.example",
                "http:evil.example",
            ] {
                let mut person = crate::identity::browser::Browser::new(&stage.server);
                person.get("/login").expect(200);
                let fields = [("login", "ada"), ("password", crate::identity::stage::PASSWORD), ("next", next)];
                let page = person.submit("/login", &fields).expect(303);
                let to = page.location().unwrap_or("");
                let is_ours =
                    to.starts_with('/') && !to.starts_with("//") && !to.contains('\\') && !to.contains("evil.example/");
                if !is_ours {
                    return format!("{next}: sent to {to}");
                }
            }
            "it stays here".into()
        },
    },
];
