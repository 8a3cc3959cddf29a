//! Sends one unit and reads from the answer what became of each of its resources.

use serde::Deserialize;

use super::entry::{Entry, bundle_of, outgoing};
use super::report::{Failure, Tally};
use super::split::{Unit, Work};
use super::{Answer, Method, Outgoing, Sink, SinkError};

const TEXT_CHARS_MAX: usize = 300;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Outcome {
    issue: Vec<Issue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Issue {
    severity: String,
    code: String,
    diagnostics: Option<String>,
    details: Option<Details>,
    expression: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Details {
    text: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct BatchAnswer {
    entry: Vec<AnswerEntry>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct AnswerEntry {
    response: Response,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Response {
    status: String,
    outcome: Option<Outcome>,
}

/// Returns false where the server is gone and sending more makes no sense.
pub async fn deliver(sink: &dyn Sink, unit: Unit, tally: &Tally) -> bool {
    let file = unit.file.as_str();
    match unit.work {
        Work::Single { method, path, body, place } => {
            let Some(answer) = send(sink, outgoing(method, path, body), tally, file, &place, 1).await else {
                return !tally.is_over();
            };
            one(&answer, tally, file, place, 1);
        }
        Work::Bundle { body, is_batch, entries } => {
            let request = outgoing(Method::Post, String::new(), body);
            let Some(answer) = send(sink, request, tally, file, "", entries).await else {
                return !tally.is_over();
            };
            if is_batch && is_success(&answer) {
                let places: Vec<String> = (0..entries).map(|index| format!("entry[{index}]")).collect();
                each(&answer, tally, file, &places);
            } else {
                one(&answer, tally, file, String::new(), entries);
            }
        }
        Work::Group { entries, stands_alone } => return group(sink, tally, file, &entries, stands_alone).await,
    }
    true
}

/// A transaction is faster by far; where it is refused, a batch finds out which entries are at fault.
async fn group(sink: &dyn Sink, tally: &Tally, file: &str, entries: &[Entry], stands_alone: bool) -> bool {
    let place = match entries {
        [] => return true,
        [only] => only.place.clone(),
        [first, .., last] => format!("{} to {}", first.place, last.place),
    };
    let request = bundle_of(entries, "transaction");
    let Some(answer) = send(sink, request, tally, file, &place, entries.len()).await else {
        return !tally.is_over();
    };
    if is_success(&answer) || !stands_alone || answer.status >= 500 {
        one(&answer, tally, file, place, entries.len());
        return true;
    }
    let request = bundle_of(entries, "batch");
    let Some(answer) = send(sink, request, tally, file, &place, entries.len()).await else {
        return !tally.is_over();
    };
    if is_success(&answer) {
        let places: Vec<String> = entries.iter().map(|entry| entry.place.clone()).collect();
        each(&answer, tally, file, &places);
    } else {
        one(&answer, tally, file, place, entries.len());
    }
    true
}

async fn send(
    sink: &dyn Sink,
    request: Outgoing,
    tally: &Tally,
    file: &str,
    place: &str,
    resources: usize,
) -> Option<Answer> {
    if tally.is_over() {
        return None;
    }
    match sink.send(request).await {
        Ok(answer) => Some(answer),
        Err(error) => {
            if matches!(error, SinkError::Unreachable(_)) {
                tally.give_up();
            }
            let (file, place, reason) = (file.to_string(), place.to_string(), error.to_string());
            tally.fail(Failure { file, place, reason, resources });
            None
        }
    }
}

fn is_success(answer: &Answer) -> bool {
    (200..300).contains(&answer.status)
}

fn one(answer: &Answer, tally: &Tally, file: &str, place: String, resources: usize) {
    if is_success(answer) {
        tally.loaded(resources);
    } else {
        let reason = format!("{}: {}", answer.status, reason(&answer.body));
        tally.fail(Failure { file: file.to_string(), place, reason, resources });
    }
}

/// Reads the answer to a batch: R4 wants one entry for each, in the same order.
fn each(answer: &Answer, tally: &Tally, file: &str, places: &[String]) {
    let parsed: BatchAnswer = serde_json::from_slice(&answer.body).unwrap_or_default();
    let mut good = 0;
    for (index, place) in places.iter().enumerate() {
        let response = parsed.entry.get(index).map(|entry| &entry.response);
        let reason = match response {
            Some(response) if response.status.starts_with('2') => {
                good += 1;
                continue;
            }
            Some(Response { status, outcome: Some(outcome) }) => format!("{status}: {}", words(outcome)),
            Some(Response { status, outcome: None }) => format!("{status}: no reason given"),
            None => "the answer has no entry for it".to_string(),
        };
        tally.fail(Failure { file: file.to_string(), place: place.clone(), reason, resources: 1 });
    }
    tally.loaded(good);
}

/// Returns what an OperationOutcome says, or the beginning of whatever else was answered.
fn reason(body: &[u8]) -> String {
    let outcome: Outcome = serde_json::from_slice(body).unwrap_or_default();
    let text = if outcome.issue.is_empty() { String::from_utf8_lossy(body).into_owned() } else { words(&outcome) };
    match text.trim() {
        "" => "no reason given".to_string(),
        text if text.chars().count() > TEXT_CHARS_MAX => {
            format!("{}…", text.chars().take(TEXT_CHARS_MAX).collect::<String>())
        }
        text => text.to_string(),
    }
}

fn words(outcome: &Outcome) -> String {
    let grave = |issue: &&Issue| issue.severity == "error" || issue.severity == "fatal";
    let issues: Vec<String> = outcome.issue.iter().filter(grave).map(sentence).collect();
    if issues.is_empty() { "no reason given".to_string() } else { issues.join("; ") }
}

fn sentence(issue: &Issue) -> String {
    let details = issue.details.as_ref().and_then(|details| details.text.as_ref());
    let text = issue.diagnostics.as_ref().or(details).unwrap_or(&issue.code);
    match issue.expression.first() {
        Some(expression) => format!("{expression}: {text}"),
        None => text.clone(),
    }
}
