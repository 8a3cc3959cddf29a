//! PID-18, MRG-3 and BLG-3 → Account.
//!
//! v2-to-FHIR, segment maps PID\[Account\] and MRG\[Account\].

use super::identity;
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::draft::{Draft, Handle, Identity};
use crate::hl7v2::message::Part;
use crate::hl7v2::tree::Node;

/// Adds the Account whose number a field is; `status` is what it has where it is new.
pub fn account(ctx: &Ctx, field: Part, patient: Handle, status: &str) -> Option<Handle> {
    if !field.is_there() {
        return None;
    }
    let number = identity::number(ctx, field.first(), identity::local_system(ctx, "AN"))?;
    let mut draft = Draft::new("Account", field.at);
    draft.identity = Identity::Identifiers(vec![number.identifier]);
    draft.push("identifier", number.element).push("subject", patient.reference()).default("status", status);
    Some(ctx.add_once(draft))
}

/// Adds the accounts that an order is charged to: BLG below it.
pub fn billed(ctx: &Ctx, order: &Node, patient: Handle) -> Vec<Handle> {
    order.anywhere("BLG").iter().filter_map(|blg| account(ctx, blg.segment.field(3), patient, "active")).collect()
}
