//! The question whether two records are of one person, put to a person: a Task.
//!
//! R4 <https://hl7.org/fhir/R4/task.html>. A Health ID is given out once the Task is completed and named in another call.

use super::candidates::Candidate;
use super::{accounts, content, put, value, write};
use crate::access::Grant;
use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::health_id::Person;
use crate::interaction::Context;
use crate::rest::Reply;
use crate::store::tx::{Found, Tx};
use crate::store::{Stored, View};
use serde_json::{Map, Value, json};

/// Candidates that a Task names.
const NAMED_MAX: usize = 5;

/// What of a person a Task tells who reviews it.
const TOLD: [&str; 4] = ["name", "gender", "birthDate", "address"];

/// Returns whether the Task says that this person is none of those who resemble it.
pub async fn is_done(ctx: &Context<'_>, task: &ResourceId, person: &Person) -> Result<(), Fault> {
    let refused = |text: &str| Err(Fault::at(Kind::BusinessRule, "Parameters.parameter", text));
    let stored = ctx.view.read(ctx.grant, task_type()?, task).await?;
    let Some(task) = stored.filter(|stored| !stored.is_deleted()) else {
        return refused("the parameter 'review' names no Task that can be read");
    };
    let task = read(&task)?;
    let name = name(ctx, person)?;
    let about = task.get("identifier").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if !about.iter().any(|it| it["system"] == system(ctx).as_str() && it["value"] == name.as_str()) {
        return refused("the parameter 'review' names a Task about somebody else");
    }
    if task.get("status").and_then(Value::as_str) != Some("completed") {
        return refused("the parameter 'review' names a Task that is not completed");
    }
    Ok(())
}

/// Asks for a review, once for a person, and answers 202 with the Task.
pub async fn ask(
    ctx: &Context<'_>,
    tx: Tx,
    everyone: &Grant,
    asked: (&Map<String, Value>, Option<&ResourceId>),
    alike: &[Candidate],
) -> Result<Reply, Fault> {
    let name = name(ctx, &Person::of(asked.0))?;
    let pairs = [("identifier".to_string(), format!("{}|{name}", system(ctx))), ("status".into(), "requested".into())];
    let search = crate::search::parse(ctx.store.registry(), Some(task_type()?), &pairs, false)?;
    let open = View::Tx(&tx).by_number(everyone, &search, i64::MIN, 1).await?.pop();
    let task = match open {
        Some(open) => Value::Object(read(&open)?),
        None => {
            let id = ResourceId::random();
            let task = task(ctx, &name, asked, alike);
            let write = write(ctx, task_type()?, &id, task, None, "issue-health-id: review")?;
            let written = put(ctx, &tx, &[write], &Found::new()).await?.pop();
            tx.commit().await?;
            value(&written.ok_or_else(|| Fault::internal("no Task was written", "no version"))?)?
        }
    };
    Ok(Reply::value(202, &json!({"resourceType": "Parameters", "parameter": [{"name": "task", "resource": task}]})))
}

fn task(
    ctx: &Context,
    name: &str,
    (person, known): (&Map<String, Value>, Option<&ResourceId>),
    alike: &[Candidate],
) -> Map<String, Value> {
    let candidates: Vec<Value> = alike
        .iter()
        .take(NAMED_MAX)
        .map(|it| {
            json!({"type": {"text": format!("resembles, {}", it.score.grade.code())},
                "valueReference": {"reference": format!("Patient/{}", it.id)}})
        })
        .collect();
    let mut task = json!({
        "resourceType": "Task",
        "identifier": [{"system": system(ctx), "value": name}],
        "status": "requested",
        "intent": "proposal",
        "code": {"text": "Review a possible duplicate Patient"},
        "description": "Is the person of 'for' one of the Patients of 'input'? If not, complete this Task and call \
            $issue-health-id again with it as 'review'. If so, reject it and use that Patient.",
        "authoredOn": Instant::now().to_string(),
        "input": candidates,
    });
    match known {
        Some(id) => task["for"] = json!({"reference": format!("Patient/{id}")}),
        None => {
            let mut told: Map<String, Value> = person.clone();
            told.retain(|key, _| TOLD.contains(&key.as_str()));
            let mut contained = json!({"resourceType": "Patient", "id": "person"});
            told.into_iter().for_each(|(key, value)| contained[key] = value);
            task["contained"] = json!([contained]);
            task["for"] = json!({"reference": "#person"});
        }
    }
    match task {
        Value::Object(task) => task,
        _ => Map::new(),
    }
}

fn system(ctx: &Context) -> String {
    format!("{}/sid/health-id-review", ctx.settings.base_url)
}

/// Returns the name of the question about this person. It is a keyed hash: nobody can make a Task for a person of whom none was asked.
fn name(ctx: &Context, person: &Person) -> Result<String, Fault> {
    let hash = accounts(ctx)?.seal.hash("health-id-review", &person.fingerprint());
    Ok(crate::store::identity::hex(&hash[..16]))
}

fn task_type() -> Result<ResourceType, Fault> {
    ResourceType::parse("Task").ok_or_else(|| Fault::internal("there is no type Task", "unknown"))
}

fn read(task: &Stored) -> Result<Map<String, Value>, Fault> {
    content(&task.id, Some(task))
}
