//! create: a new resource under an id of the server's, unless a condition finds one already there.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#create>, conditional create: <https://hl7.org/fhir/R4/http.html#ccreate>.

use super::{Context, body, condition, prepare, settled};
use crate::access::scope::Letter;
use crate::fault::Fault;
use crate::fhir::{ResourceId, ResourceType};
use crate::rest::{Body, Reply};
use crate::store::{Condition, Effect, Prepared, Write};
use crate::validation::Valid;

pub async fn create(ctx: &Context<'_>, t: ResourceType, body: Body) -> Result<Reply, Fault> {
    let id = ResourceId::random();
    let prepared = prepared(ctx, t, &id, body).await?;
    if let Some(query) = &ctx.request.conditions.if_none_exist {
        return condition::create(ctx, t, id, prepared, query).await;
    }
    let write = Write {
        resource_type: t,
        audit: ctx.audit(t, &id),
        id,
        effect: Effect::Put(Box::new(prepared)),
        condition: Condition::New,
        sight: ctx.grant.sight(t, Letter::Create),
    };
    settled(ctx, ctx.store.write(ctx.grant, write).await?).await
}

/// Parses, checks and prepares the body of a create. An id in the body is ignored, as R4 3.1.0.8 wants.
async fn prepared(ctx: &Context<'_>, t: ResourceType, id: &ResourceId, body: Body) -> Result<Prepared, Fault> {
    let (store, settings, id) = (ctx.store.clone(), ctx.settings.clone(), id.clone());
    body::work(body, move |body| {
        let mut value = body::read(store.catalog(), &settings, body)?;
        if let Some(object) = value.as_object_mut() {
            object.shift_remove("id");
        }
        let valid = Valid::check_as(store.catalog(), value, t)?;
        prepare::prepare(store.registry(), valid, &id)
    })
    .await
}
