//! PV1 and PV2 → Encounter.
//!
//! v2-to-FHIR, segment maps PV1\[Encounter\] and PV2\[Encounter\].

use super::identity;
use crate::hl7v2::convert::Ctx;
use crate::hl7v2::draft::{Draft, Handle, Identity};
use crate::hl7v2::tree::Node;

/// Adds the Encounter of the segment PV1 at or right below a node; none where it says nothing of a visit, and none with a
/// warning where nothing says which visit it is.
///
/// Only the family Admit says of a status that it has changed; elsewhere it is what a visit has that was not there.
pub fn encounter(ctx: &Ctx, parent: &Node, patient: Handle) -> Option<Handle> {
    let pv1 = if parent.segment.name == "PV1" { parent } else { parent.one("PV1")? };
    let number = identity::number(ctx, pv1.segment.field(19).first(), identity::local_system(ctx, "VN"))?;
    let mut draft = Draft::new("Encounter", pv1.segment.at());
    draft.identity = Identity::Identifiers(vec![number.identifier]);
    draft.push("identifier", number.element);
    draft.set("subject", patient.reference());
    draft.default("status", "unknown");
    draft.default(
        "class",
        serde_json::json!({"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK"}),
    );
    Some(ctx.add_once(draft))
}
