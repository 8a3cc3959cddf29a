//! Access tokens that this server did not give, or not for this. RFC 8725, RFC 9068, RFC 6750.

use serde_json::{Value, json};

use super::{Attack, issued};
use crate::identity::signer::{Signer, now_s, opened, signed_by_nobody, signed_with_public_key, with_header};
use crate::identity::smart::App;
use crate::identity::stage::Stage;

const REFUSED: &[&str] = &["401 login"];
/// A request that nobody is known for.
const AUDITED: Option<(&str, i16, &str)> = Some(("read", 401, ""));

/// Reads with a token in the header.
fn read(stage: &Stage, token: &str) -> String {
    issued(&stage.server.client().with_token(token).get("Patient/ada"))
}

/// Returns the claims of a token that would be good, were it signed.
fn claims(stage: &Stage) -> Value {
    opened(&stage.server.token("system/*.rs")).1
}

/// Returns the public key that access tokens are verified with.
fn public_key(stage: &Stage) -> (String, Value) {
    let (header, _) = opened(&stage.server.token("system/*.rs"));
    let keys = stage.server.client().get("/oauth/jwks").expect(200).json();
    let keys = keys["keys"].as_array().cloned().expect("keys");
    let key = keys.into_iter().find(|key| key["kid"] == header["kid"]).expect("the key is published");
    (header["kid"].as_str().expect("a kid").to_string(), key)
}

pub const ATTACKS: &[Attack] = &[
    Attack {
        name: "A token signed by nobody (alg none)",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| {
            let claims = claims(stage);
            let capital = with_header(&signed_by_nobody(&claims), |header| header["alg"] = json!("NONE"));
            assert_eq!(read(stage, &capital), "401 login");
            read(stage, &signed_by_nobody(&claims))
        },
    },
    Attack {
        name: "The signature is cut off, the header left as it was",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| {
            let token = stage.server.token("system/*.rs");
            let (signed, _) = token.rsplit_once('.').expect("a signature");
            read(stage, &format!("{signed}."))
        },
    },
    Attack {
        name: "A claim is changed under the signature",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| {
            let (narrow, wide) = (stage.server.token("system/Observation.rs"), stage.server.token("system/*.cruds"));
            let (narrow, wide): (Vec<&str>, Vec<&str>) = (narrow.split('.').collect(), wide.split('.').collect());
            read(stage, &format!("{}.{}.{}", narrow[0], wide[1], narrow[2]))
        },
    },
    Attack {
        name: "The public key is used as if it were a shared secret (HS256 in the place of ES256)",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| {
            let (kid, key) = public_key(stage);
            let x = key["x"].as_str().unwrap_or("").as_bytes().to_vec();
            for public in [key.to_string().into_bytes(), x] {
                let token = signed_with_public_key("HS256", &kid, &public, &claims(stage));
                assert_eq!(read(stage, &token), "401 login");
            }
            read(stage, &signed_with_public_key("HS256", &kid, b"", &claims(stage)))
        },
    },
    Attack {
        name: "The token is signed by a key that it brings along (jwk in the header)",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| {
            let signer = Signer::es256();
            let (kid, _) = public_key(stage);
            for header in [
                json!({"jwk": signer.jwk(), "typ": "at+jwt"}),
                json!({"jwk": signer.jwk(), "typ": "at+jwt", "kid": kid}),
                json!({"jku": "http://127.0.0.1:9/jwks", "typ": "at+jwt"}),
                json!({"x5u": "http://127.0.0.1:9/cert", "typ": "at+jwt"}),
            ] {
                assert_eq!(read(stage, &signer.sign(&header, &claims(stage))), "401 login", "{header}");
            }
            read(stage, &signer.sign(&json!({"typ": "at+jwt"}), &claims(stage)))
        },
    },
    Attack {
        name: "The name of the key is a path, a query or a list (kid injection)",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| {
            for kid in [
                json!("../../../../dev/null"),
                json!("x' union select 'key"),
                json!(""),
                json!(["a"]),
                json!(null),
                json!("a\0b"),
            ] {
                let secret = signed_with_public_key("HS256", kid.as_str().unwrap_or(""), b"", &claims(stage));
                assert_eq!(read(stage, &secret), "401 login", "{kid}");
                let moved = with_header(&stage.server.token("system/*.rs"), |header| header["kid"] = kid.clone());
                assert_eq!(read(stage, &moved), "401 login", "{kid}");
            }
            read(stage, &Signer::es256().sign(&json!({"kid": "/proc/self/environ", "typ": "at+jwt"}), &claims(stage)))
        },
    },
    Attack {
        name: "A token that has expired",
        answers: &["401 expired"],
        audit: AUDITED,
        attempt: |stage| read(stage, &stage.server.forged(|claims| claims.exp = now_s() - 1)),
    },
    Attack {
        name: "A token from the future",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| {
            read(stage, &stage.server.forged(|claims| (claims.iat, claims.exp) = (now_s() + 3600, now_s() + 7200)))
        },
    },
    Attack {
        name: "A token for another server (aud)",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| read(stage, &stage.server.forged(|claims| claims.aud = "https://other.example/fhir".into())),
    },
    Attack {
        name: "A token of another server (iss)",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| read(stage, &stage.server.forged(|claims| claims.iss = "https://other.example/fhir".into())),
    },
    Attack {
        name: "An id_token is used as an access token",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| {
            let scope = "openid fhirUser launch/patient patient/Patient.rs";
            let given = App::public(&stage.server, scope).tokens(&stage.ada, scope);
            read(stage, given["id_token"].as_str().expect("an id_token"))
        },
    },
    Attack {
        name: "A refresh token is used as an access token",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| {
            let scope = "offline_access launch/patient patient/Patient.rs";
            let given = App::public(&stage.server, scope).tokens(&stage.ada, scope);
            read(stage, given["refresh_token"].as_str().expect("a refresh token"))
        },
    },
    Attack {
        name: "A token in the address, where logs would keep it",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| {
            let token = stage.server.token("system/*.rs");
            issued(&stage.server.client().get(&format!("Patient/ada?access_token={token}")))
        },
    },
    Attack {
        name: "The cookie of a signed-in person is used at the API (requests forged across sites)",
        answers: REFUSED,
        audit: AUDITED,
        attempt: |stage| {
            let cookies: Vec<String> =
                stage.ada.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            issued(&stage.server.client().get_with("Patient/ada", &[("Cookie", &cookies.join("; "))]))
        },
    },
    Attack {
        name: "The token of one patient is used for another",
        answers: &["404 not-found", "403 forbidden"],
        audit: None,
        attempt: |stage| {
            let scope = "launch/patient patient/Patient.rs";
            let given = App::public(&stage.server, scope).tokens(&stage.ada, scope);
            issued(&stage.server.client().with_token(given["access_token"].as_str().unwrap_or("")).get("Patient/ben"))
        },
    },
];
