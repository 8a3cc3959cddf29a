//! `serve --demo`: a small hospital to look at, people who can sign in, and lines that work as they are printed.

mod feed;
mod people;
mod requests;

use medilink::app::{self, Factory, Failure};
use medilink::config::{Auth, Settings};
use medilink::load::{Answer, Method, Outgoing, Sink};
use medilink::oauth::Keys;

/// A transaction of PUTs: loading it again changes nothing but versions.
const HOSPITAL: &str = include_str!("../fixtures/demo/hospital.json");
const TOKEN_TTL_S: i64 = 24 * 3_600;

pub async fn load(factory: &Factory, settings: &Settings, keys: &Keys) -> Result<(), Failure> {
    let sink = crate::direct::sink(factory, 1)?;
    let bundle =
        Outgoing { method: Method::Post, path: String::new(), headers: Vec::new(), body: HOSPITAL.as_bytes().into() };
    match sink.send(bundle).await {
        Ok(Answer { status: 200, .. }) => {}
        Ok(answer) => {
            return Err(Failure(format!("failed to load the demo: {}", String::from_utf8_lossy(&answer.body))));
        }
        Err(error) => return Err(Failure(format!("failed to load the demo: {error}"))),
    }
    println!("{}", welcome(settings, keys)?);
    if settings.auth == Auth::Smart {
        println!("{}", people::make(factory, settings).await?);
        requests::make(factory).await?;
    }
    if let Some(lines) = feed::make(factory, settings).await? {
        println!("{lines}");
    }
    Ok(())
}

fn welcome(settings: &Settings, keys: &Keys) -> Result<String, Failure> {
    let base = &settings.base_url;
    let (token, auth) = match settings.auth {
        Auth::Off => (String::new(), ""),
        Auth::Smart => {
            let token = app::token(settings, keys, "system/*.cruds", "demo", TOKEN_TTL_S)?;
            (format!("TOKEN={token}\n\n"), " -H \"Authorization: Bearer $TOKEN\"")
        }
    };
    Ok(format!(
        "\nThe demo hospital is loaded. Paste these into another terminal:\n\n{token}\
         curl -s{auth} '{base}/Patient/amina?_pretty=true'\n\
         curl -s{auth} '{base}/Observation?patient=amina&_sort=-date&_count=3&_pretty=true'\n\
         curl -s{auth} '{base}/Patient?name=lind&_pretty=true'\n\
         curl -s{auth} -H 'Content-Type: application/fhir+json' '{base}/Observation' \\\n  \
         -d '{{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{{\"text\":\"Pulse\"}},\"subject\":{{\"reference\":\"Patient/amina\"}},\"valueInteger\":72}}'\n"
    ))
}
