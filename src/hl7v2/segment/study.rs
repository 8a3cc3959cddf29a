//! CTI → ResearchStudy: the study that an order is part of.
//!
//! The v2-to-FHIR guide has no map; HL7 v2.8 7.8.1.

use super::number;
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype;
use crate::hl7v2::draft::{Draft, Handle, Update};
use crate::hl7v2::message::Segment;

/// Adds the study whose number a CTI is; nothing else is known of it than that it goes on.
pub fn study(ctx: &Ctx, cti: Segment) -> Option<Handle> {
    let number = number::number(ctx, cti.field(1).said()?, "", "study")?;
    let mut draft = Draft::new("ResearchStudy", cti.at());
    draft.update = Update::Keep;
    draft.set("status", "active");
    draft.set("phase", cti.field(2).said().and_then(|part| datatype::codeable_concept(ctx, part, None)));
    number::identify(&mut draft, vec![number]);
    Some(ctx.add_once(draft))
}
