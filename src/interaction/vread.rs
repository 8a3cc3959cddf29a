//! vread: one version of a resource.
//!
//! R4 <https://hl7.org/fhir/R4/http.html#vread>.

use super::{Context, binary, read};
use crate::fault::{Fault, Kind};
use crate::fhir::{ResourceId, ResourceType};
use crate::rest::{Reply, conditions};

pub async fn vread(ctx: &Context<'_>, t: ResourceType, id: &ResourceId, version: &str) -> Result<Reply, Fault> {
    let missing = || Fault::new(Kind::NotFound, format!("there is no version '{version}' of {t}/{id}"));
    let number = conditions::version(version).ok_or_else(missing)?;
    let stored = match t {
        ResourceType::BINARY => binary::vread(ctx, id, number).await?,
        t => ctx.view.vread(ctx.grant, t, id, number).await?,
    };
    let stored = stored.ok_or_else(|| read::missing(ctx, missing()))?;
    if stored.is_deleted() {
        return Err(Fault::new(Kind::Deleted, format!("version {number} of {t}/{id} is its deletion")));
    }
    read::answer(Some(stored), t, id, &ctx.request.conditions)
}
