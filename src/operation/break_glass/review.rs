//! `Task/[id]/$review-break-glass`: compliance says whether an emergency access was justified.
//!
//! An access that was not ends with the finding, where it is still open. Nobody reviews an access of their own.

use super::super::parameters::{Parameters, required};
use super::super::{Call, Operation, Places};
use super::end::{By, end_within};
use super::{own, person, reference};
use crate::access::policy::Needs;
use crate::access::role::Right;
use crate::fault::{Fault, Kind};
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::interaction::Context;
use crate::interaction::condition::again;
use crate::interaction::read::not_found;
use crate::operation::notice::{self, Notice, To};
use crate::rest::Reply;
use crate::store::identity::break_glass::Broken;
use crate::store::tx::{Found, Tx};
use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value, json};

const COMMENT_CHARS_MAX: usize = 2000;
const CONSENT: ResourceType = ResourceType::CONSENT;
const TASK: ResourceType = ResourceType::TASK;

pub struct ReviewBreakGlass;

impl Operation for ReviewBreakGlass {
    fn name(&self) -> &'static str {
        "review-break-glass"
    }

    fn places(&self) -> Places {
        Places { instances: &["Task"], ..Places::default() }
    }

    fn affects_state(&self) -> bool {
        true
    }

    fn needs(&self, _: Option<ResourceType>) -> Needs {
        Needs::Right(Right::Audit)
    }

    fn perform<'a>(&'a self, ctx: &'a Context<'a>, call: Call) -> LocalBoxFuture<'a, Result<Reply, Fault>> {
        Box::pin(perform(ctx, call))
    }
}

struct Finding {
    is_justified: bool,
    comment: Option<String>,
}

impl Finding {
    fn code(&self) -> &'static str {
        if self.is_justified { "justified" } else { "unjustified" }
    }
}

async fn perform(ctx: &Context<'_>, call: Call) -> Result<Reply, Fault> {
    let finding = read(&Parameters::read(ctx, call.body, &["finding", "comment"])?)?;
    let (_, reviewer) = person(ctx)?;
    let id = call.id.ok_or_else(|| Fault::new(Kind::NotFound, "the operation is called on a Task"))?;
    let glass = ctx.store.broken_glass_of_task(&id).await?.ok_or_else(|| not_found(TASK, &id))?;
    if reference(reviewer).as_ref() == Some(&glass.practitioner) {
        return Err(Fault::new(Kind::Forbidden, "nobody reviews an emergency access of their own"));
    }
    let task = again(async || reviewed(ctx, &glass, &finding).await).await?;
    Ok(Reply::value(200, &task))
}

fn read(parameters: &Parameters) -> Result<Finding, Fault> {
    let is_justified = match parameters.text("finding")?.ok_or_else(|| required("finding"))? {
        "justified" => true,
        "unjustified" => false,
        _ => return Err(rule("finding", "a finding is justified or unjustified")),
    };
    let comment = parameters.text("comment")?.map(str::trim).filter(|comment| !comment.is_empty());
    if comment.is_some_and(|comment| comment.chars().count() > COMMENT_CHARS_MAX) {
        return Err(rule("comment", "a comment may have 2000 characters"));
    }
    Ok(Finding { is_justified, comment: comment.map(str::to_string) })
}

fn rule(name: &str, text: &str) -> Fault {
    Fault::at(Kind::BusinessRule, format!("Parameters.parameter.where(name='{name}')"), text)
}

async fn reviewed(ctx: &Context<'_>, glass: &Broken, finding: &Finding) -> Result<Value, Fault> {
    let tx = ctx.store.begin().await?;
    tx.hold_glass_of(&glass.practitioner).await?;
    let found = tx.lock(ctx.grant, &[(CONSENT, glass.consent.clone()), (TASK, glass.task.clone())]).await?;
    let task = own::content(TASK, &glass.task, found.get(&(TASK, glass.task.clone())))?;
    if task.get("status").and_then(Value::as_str) == Some("completed") {
        return Err(Fault::new(
            Kind::BusinessRule,
            format!("Task/{} is completed: it was reviewed before", glass.task),
        ));
    }
    let task = written(ctx, &tx, glass, (finding, task), &found).await?;
    if !finding.is_justified {
        end_within(ctx, &tx, glass, By::Review, &found).await?;
    }
    let comment = finding.comment.as_ref().map(|comment| format!("; comment={comment}")).unwrap_or_default();
    let entry = ctx.event("break-glass-review", 200).of(ResourceType::PATIENT, &glass.patient);
    let detail = format!("grant={}; task=Task/{}; finding={}{comment}", glass.id, glass.task, finding.code());
    tx.audit(&[entry.with_detail(detail)]).await?;
    tx.commit().await?;
    Ok(task)
}

/// Writes the Task as done, and the notice to whom the finding goes against.
async fn written(
    ctx: &Context<'_>,
    tx: &Tx,
    glass: &Broken,
    (finding, mut task): (&Finding, Map<String, Value>),
    found: &Found,
) -> Result<Value, Fault> {
    let now = Instant::now().to_string();
    task.insert("status".into(), json!("completed"));
    task.insert("lastModified".into(), json!(now));
    own::list(&mut task, "output").push(json!({"type": {"text": "finding"}, "valueCode": finding.code()}));
    if let Some(comment) = &finding.comment {
        own::list(&mut task, "note").push(json!({"time": now, "text": comment}));
    }
    let version = |t: ResourceType, id: &ResourceId| found.get(&(t, id.clone())).map(|stored| stored.version);
    let mut writes = vec![own::write(ctx, TASK, &glass.task, task, version(TASK, &glass.task), "review-break-glass")?];
    if !finding.is_justified {
        let notice = Notice {
            to: To::Actor(&glass.practitioner),
            patient: &glass.patient,
            code: "break-glass-unjustified",
            text: "A review found an emergency access of yours not justified. Compliance will speak to you.",
            is_urgent: true,
            about: &[format!("Task/{}", glass.task)],
        };
        writes.push(notice::write(ctx, &notice)?);
    }
    let written = own::put(ctx, tx, &writes, found).await?;
    own::value(written.first().ok_or_else(|| Fault::internal("nothing was written", "no version"))?)
}
