//! `/admin/chain`: whether the audit is as the server wrote it, by `$verify-chain`; and the signed checkpoints.

use super::super::super::super::State;
use super::super::super::ask::{self, Asker, At, answer, matches};
use super::super::super::names::moment;
use super::super::super::{Visit, answered, event};
use super::{search, watcher};
use crate::fault::{Fault, Kind};
use crate::page::audit::{Chain, ChainPage};
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Records that are checked where nothing else is asked.
const LAST: i64 = 2000;
/// The newest records, which tell how far the chain is behind.
const NEWEST: &str = "50";
/// Checkpoints that are shown.
const CHECKPOINTS_MAX: usize = 12;

pub fn routes(config: &mut web::ServiceConfig) {
    config.route("/admin/chain", web::get().to(show));
}

async fn show(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let work = async {
        let visit = Visit::look(&http, &state).await?;
        let asker = watcher(&state, &visit).await?;
        let (from, to) = (number(&visit, "from")?, number(&visit, "to")?);
        let chain = match (from, to) {
            (None, None) => last(&state, &asker).await?,
            (from, to) => Chain { waiting: newest(&state, &asker).await?.1, ..check(&state, &asker, from, to).await? },
        };
        let told = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
        let checkpoints = visit.accounts.store.audit_checkpoints().await?;
        let checkpoints = checkpoints.iter().rev().filter_map(|statement| checkpoint(statement)).take(CHECKPOINTS_MAX);
        let page = ChainPage {
            frame: visit.frame(),
            chain,
            from: told(from),
            to: told(to),
            checkpoints: checkpoints.collect(),
        };
        Ok(visit.page(200, &page))
    };
    answered(&http, &state, work).await
}

fn number(visit: &Visit, name: &str) -> Result<Option<i64>, Fault> {
    let Some(text) = visit.param(name) else { return Ok(None) };
    let number = text.trim().parse().ok().filter(|number: &i64| *number > 0);
    let wrong = || Fault::new(Kind::BusinessRule, "the number of a record is a whole number from 1 on");
    number.map(Some).ok_or_else(wrong)
}

/// Returns what a look at the last part of the chain finds.
pub async fn last(state: &State, asker: &Asker) -> Result<Chain, Fault> {
    let (seq, waiting) = newest(state, asker).await?;
    let from = seq.map(|seq| (seq - LAST).max(1));
    Ok(Chain { waiting, ..check(state, asker, from, None).await? })
}

/// Returns the place of the newest record in the chain, and how many newer ones it has not come to.
async fn newest(state: &State, asker: &Asker) -> Result<(Option<i64>, usize), Fault> {
    let events = matches(&search(state, asker, &[("_count", NEWEST)]).await?);
    let waiting = events.iter().take_while(|one| event::sequence(one).is_none()).count();
    Ok((events.iter().filter_map(event::sequence).max(), waiting))
}

async fn check(state: &State, asker: &Asker, from: Option<i64>, to: Option<i64>) -> Result<Chain, Fault> {
    let at = At::type_of(ask::type_of("AuditEvent"), "verify-chain");
    let place = |(name, number): (&str, Option<i64>)| Some(json!({"name": name, "valueDecimal": number?}));
    let parameters = [("from", from), ("to", to)].into_iter().filter_map(place).collect();
    let found = asker.call(&state.service, &at, parameters).await?;
    let text = |name: &str| answer(&found, name).map(|value| value.to_string().trim_matches('"').to_string());
    Ok(Chain {
        is_valid: answer(&found, "valid") == Some(&Value::Bool(true)),
        checked: text("checked").unwrap_or_default(),
        head: text("head").unwrap_or_default(),
        broken: broken(&found),
        waiting: 0,
    })
}

/// Returns the first broken record in words.
fn broken(found: &Value) -> Option<String> {
    let list = found["parameter"].as_array()?;
    let parts = list.iter().find(|parameter| parameter["name"] == "firstBroken")?["part"].as_array()?;
    let told = parts.iter().filter_map(|part| {
        let name = part["name"].as_str()?;
        let value = part.as_object()?.iter().find(|(key, _)| key.starts_with("value")).map(|(_, value)| value)?;
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_string);
        let value = if name == "when" || name == "at" { moment(&value) } else { value };
        (!value.is_empty()).then(|| format!("{name}: {value}"))
    });
    Some(format!("The first record that is not as it was written: {}.", told.collect::<Vec<_>>().join(", ")))
}

/// Returns when a signed statement was made, and the last record it is about.
fn checkpoint(statement: &str) -> Option<(String, String)> {
    let payload = URL_SAFE_NO_PAD.decode(statement.split('.').nth(1)?).ok()?;
    let told: Value = serde_json::from_slice(&payload).ok()?;
    let when = told["time"].as_str().map(moment)?;
    Some((when, told["seq"].to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_record_is_named() {
        let found = json!({"parameter": [{"name": "valid", "valueBoolean": false}, {"name": "firstBroken", "part": [
            {"name": "seq", "valueDecimal": 7}, {"name": "kind", "valueCode": "altered"}]}]});
        assert_eq!(
            broken(&found).as_deref(),
            Some("The first record that is not as it was written: seq: 7, kind: altered.")
        );
        assert_eq!(broken(&json!({"parameter": []})), None);
    }

    #[test]
    fn a_statement_tells_its_time_and_reach() {
        let payload = URL_SAFE_NO_PAD.encode(r#"{"seq":12,"time":"2026-03-05T07:08:09Z"}"#);
        let told = checkpoint(&format!("e30.{payload}.sig"));
        assert_eq!(told, Some(("5 March 2026, 07:08 UTC".to_string(), "12".to_string())));
        assert_eq!(checkpoint("nonsense"), None);
    }
}
