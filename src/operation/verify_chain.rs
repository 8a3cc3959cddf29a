//! `AuditEvent/$verify-chain`: goes over the chain of the audit and names the first record that is not as the server left it.
//!
//! Defined in `conformance/OperationDefinition-verify-chain.json`.

use super::parameters::Parameters;
use super::{Call, Operation, Places};
use crate::access::policy::Needs;
use crate::access::role::Right;
use crate::audit::{self, Broken, Report, head};
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;
use crate::interaction::Context;
use crate::rest::{Body, Reply};
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};

pub struct VerifyChain;

impl Operation for VerifyChain {
    fn name(&self) -> &'static str {
        "verify-chain"
    }

    fn places(&self) -> Places {
        Places { types: &["AuditEvent"], ..Places::default() }
    }

    fn affects_state(&self) -> bool {
        false
    }

    fn needs(&self, _: Option<ResourceType>) -> Needs {
        Needs::Right(Right::Audit)
    }

    fn perform<'a>(&'a self, ctx: &'a Context<'a>, call: Call) -> LocalBoxFuture<'a, Result<Reply, Fault>> {
        Box::pin(async move {
            let (from, to) = range(ctx, call.body)?;
            let report = audit::verify(ctx.store, from, to).await?;
            Ok(Reply::value(200, &told(&report)))
        })
    }
}

/// Returns the first and the last place that are asked for, by the body or the URL.
fn range(ctx: &Context, sent: Body) -> Result<(Option<i64>, Option<i64>), Fault> {
    let is_sent = !matches!(&sent, Body::None) && !matches!(&sent, Body::Json(bytes) if bytes.is_empty());
    let (from, to) = if is_sent {
        let parameters = Parameters::read(ctx, sent, &["from", "to"])?;
        (parameters.place("from")?, parameters.place("to")?)
    } else {
        (in_url(ctx, "from")?, in_url(ctx, "to")?)
    };
    if from.zip(to).is_some_and(|(from, to)| from > to) {
        return Err(Fault::new(Kind::Value, "the parameter 'to' lies before 'from'"));
    }
    Ok((from, to))
}

fn in_url(ctx: &Context, name: &str) -> Result<Option<i64>, Fault> {
    let mut values = ctx.request.query.iter().filter(|(known, _)| known == name).map(|(_, value)| value);
    let Some(value) = values.next() else { return Ok(None) };
    match value.parse::<i64>().ok().filter(|number| *number > 0 && values.next().is_none()) {
        Some(number) => Ok(Some(number)),
        None => Err(Fault::new(Kind::Value, format!("parameter '{name}' wants one whole number from 1 on"))),
    }
}

fn told(report: &Report) -> Value {
    let mut parameters = vec![
        json!({"name": "valid", "valueBoolean": report.first_broken.is_none()}),
        // Numbers of a chain outgrow the integer of R4.
        json!({"name": "checked", "valueDecimal": report.checked}),
        json!({"name": "last", "valueDecimal": report.seq}),
        json!({"name": "head", "valueString": head::hex(&report.head)}),
    ];
    parameters.extend(report.first_broken.as_ref().map(|broken| json!({"name": "firstBroken", "part": parts(broken)})));
    json!({"resourceType": "Parameters", "parameter": parameters})
}

fn parts(broken: &Broken) -> Vec<Value> {
    let mut parts = vec![
        json!({"name": "kind", "valueCode": broken.kind.name()}),
        json!({"name": "text", "valueString": broken.text}),
    ];
    parts.extend(broken.seq.map(|seq| json!({"name": "sequence", "valueDecimal": seq})));
    let mut add = |name: &str, kind: &str, value: Option<String>| {
        parts.extend(value.filter(|value| !value.trim().is_empty()).map(|value| json!({"name": name, kind: value})));
    };
    add("event", "valueId", broken.number.map(|number| number.to_string()));
    add("recorded", "valueInstant", broken.at.map(|at| at.to_string()));
    add("who", "valueString", broken.who.clone());
    add("what", "valueString", broken.what.clone());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Change;
    use crate::catalog::Catalog;
    use crate::validation::Valid;

    #[test]
    fn what_is_told_names_the_first_broken_record() {
        let sound = Report { checked: 5_000_000_000, seq: 5_000_000_000, head: [0xab; 32], first_broken: None };
        let broken = Broken {
            kind: Change::Altered,
            seq: Some(7),
            number: Some(1030),
            at: Some(crate::fhir::Instant(0)),
            who: Some(String::new()),
            what: Some("read Patient/1".into()),
            text: "the row is not as it was written",
        };
        let found = Report { checked: 6, seq: 6, head: [1; 32], first_broken: Some(broken) };
        let catalog = Catalog::load().unwrap();
        for (report, valid) in [(sound, true), (found, false)] {
            let told = told(&report);
            Valid::check(&catalog, told.clone()).unwrap_or_else(|fault| panic!("{fault}: {told:#}"));
            assert_eq!(told["parameter"][0]["valueBoolean"], valid);
            assert_eq!(told["parameter"][1]["valueDecimal"], report.checked);
            let parts = told["parameter"][4]["part"].as_array();
            assert_eq!(parts.is_none(), valid);
            let names: Vec<&Value> = parts.into_iter().flatten().map(|part| &part["name"]).collect();
            assert!(valid || names == ["kind", "text", "sequence", "event", "recorded", "what"], "{names:?}");
        }
    }
}
