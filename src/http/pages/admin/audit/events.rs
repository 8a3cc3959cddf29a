//! `/admin/events`: a search of the audit by patient, person, time, kind and outcome.

use super::super::super::super::State;
use super::super::super::ask::{self, Asker};
use super::super::super::{Visit, answered, told as words};
use super::super::parameter;
use super::{search, told, watcher};
use crate::fault::{Fault, Kind};
use crate::fhir::reference::Literal;
use crate::page::audit::Events;
use crate::page::clinician::Choice;
use actix_web::{HttpRequest, HttpResponse, web};

/// Events on one page.
const PAGE: &str = "50";

/// What can be searched for: the word of the form, words for people, and the search parameter that it is.
const KINDS: &[(&str, &str, &str, &str)] = &[
    ("", "Everything", "", ""),
    ("read", "Records that were read", "subtype", "read,vread,history-instance"),
    ("search", "Searches", "subtype", "search-type,search-system,search"),
    ("write", "Records that were added, changed or deleted", "subtype", "create,update,patch,delete"),
    ("emergency", "Emergency access", "subtype", "110127,110138,emergency-view"),
    ("consent", "Consents", "subtype", "consent-request,consent-grant,consent-deny,consent-revoke,consent-expire"),
    ("sign-in", "Signing in and out", "subtype", "110122,110123"),
];
const OUTCOMES: &[(&str, &str, &str)] = &[("", "Any", ""), ("done", "Done", "0"), ("refused", "Refused", "4,8,12")];

pub fn routes(config: &mut web::ServiceConfig) {
    config.route("/admin/events", web::get().to(show));
}

async fn show(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        let asker = watcher(&state, &visit).await?;
        let field = |name: &str| parameter(&visit, name).chars().take(100).collect::<String>();
        let (patient, agent, from, to) = (field("patient"), field("agent"), field("from"), field("to"));
        let (kind, outcome, after) = (field("kind"), field("outcome"), visit.param("after"));
        let mut frame = visit.frame();
        let found = async {
            let mut pairs = pairs(&patient, &from, &to, &kind, &outcome)?;
            if !agent.is_empty() {
                pairs.push(("agent", people(&state, &asker, &agent).await?));
            }
            pairs.push(("_count", PAGE.to_string()));
            pairs.extend(after.iter().map(|after| ("_cursor", after.clone())));
            let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
            search(&state, &asker, &pairs).await
        };
        let bundle = match found.await {
            // What a person typed may be no search at all.
            Err(fault) if matches!(fault.status(), 400 | 404 | 422) => {
                frame.error = Some(super::super::super::in_words(&fault));
                serde_json::Value::Null
            }
            found => found?,
        };
        let next = ask::next(&bundle).map(|cursor| {
            let mut to_next = "/admin/events?".to_string();
            let fields = [("patient", &patient), ("agent", &agent), ("from", &from), ("to", &to), ("kind", &kind)];
            for (name, value) in fields.into_iter().chain([("outcome", &outcome), ("after", &cursor)]) {
                to_next.push_str(&format!("{name}="));
                crate::rest::query::encode(&mut to_next, value);
                to_next.push('&');
            }
            to_next.trim_end_matches('&').to_string()
        });
        let page = Events {
            frame,
            kinds: KINDS.iter().map(|(code, words, ..)| Choice { code, words, is_chosen: *code == kind }).collect(),
            outcomes: OUTCOMES
                .iter()
                .map(|(code, words, _)| Choice { code, words, is_chosen: *code == outcome })
                .collect(),
            lines: told(&state, &visit, &asker, &bundle).await?,
            next,
            patient,
            agent,
            from,
            to,
        };
        Ok(visit.page(200, &page))
    };
    answered(&http, &state, work).await
}

/// Returns the search that the fields of the form ask for.
fn pairs(patient: &str, from: &str, to: &str, kind: &str, outcome: &str) -> Result<Vec<(&'static str, String)>, Fault> {
    let mut pairs = Vec::new();
    if !patient.is_empty() {
        let id = patient.strip_prefix("Patient/").unwrap_or(patient);
        let id = crate::fhir::ResourceId::parse(id);
        let id = id.ok_or_else(|| Fault::new(Kind::Invalid, "this is no number of a record"))?;
        pairs.push(("patient", format!("Patient/{id}")));
    }
    for (prefix, day) in [("ge", from), ("le", to)] {
        if !day.is_empty() {
            words::instant(day).ok_or_else(|| Fault::new(Kind::Invalid, "write a day as year, month and day"))?;
            pairs.push(("date", format!("{prefix}{day}")));
        }
    }
    if let Some((.., name, value)) = KINDS.iter().find(|(code, ..)| !code.is_empty() && *code == kind) {
        pairs.push((name, (*value).to_string()));
    }
    if let Some((.., value)) = OUTCOMES.iter().find(|(code, ..)| !code.is_empty() && *code == outcome) {
        pairs.push(("outcome", (*value).to_string()));
    }
    Ok(pairs)
}

/// Returns the references of whom a name stands for, as the value of a search parameter.
async fn people(state: &State, asker: &Asker, typed: &str) -> Result<String, Fault> {
    if Literal::parse(typed).is_some() {
        return Ok(typed.to_string());
    }
    let escaped = |word: &str| word.replace('\\', "\\\\").replace(',', "\\,").replace('$', "\\$");
    let words: Vec<String> = typed.split_whitespace().take(6).map(escaped).collect();
    let mut pairs: Vec<(&str, &str)> = words.iter().map(|word| ("name:contains", word.as_str())).collect();
    pairs.push(("_count", "20"));
    let found = asker.found(&state.service, ask::type_of("Practitioner"), &pairs).await?;
    let references: Vec<String> = found.iter().map(|one| format!("Practitioner/{}", words::id(one))).collect();
    if references.is_empty() {
        return Err(Fault::new(Kind::NotFound, "nobody of the staff has this name"));
    }
    Ok(references.join(","))
}

#[cfg(test)]
mod tests {
    use super::pairs;

    #[test]
    fn the_form_becomes_a_search() {
        for ((patient, from, to, kind, outcome), want) in [
            (("", "", "", "", ""), ""),
            (
                ("Patient/ann", "2026-01-01", "2026-01-31", "", ""),
                "patient=Patient/ann date=ge2026-01-01 date=le2026-01-31",
            ),
            (("ann", "", "", "sign-in", "refused"), "patient=Patient/ann subtype=110122,110123 outcome=4,8,12"),
            (("", "", "", "nonsense", "nonsense"), ""),
        ] {
            let pairs = pairs(patient, from, to, kind, outcome).unwrap();
            let told: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
            assert_eq!(told.join(" "), want);
        }
        assert!(pairs("a b", "", "", "", "").is_err());
        assert!(pairs("", "yesterday", "", "", "").is_err());
    }
}
