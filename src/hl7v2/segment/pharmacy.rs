//! RDE, RDS, and orders of medicines: prescriptions and what was dispensed.

use crate::hl7v2::convert::Ctx;
use crate::hl7v2::problem::Code;
use crate::hl7v2::tree::Node;

pub fn convert(ctx: &Ctx, _tree: &Node) {
    ctx.fail(Code::UnsupportedEvent, None, "not taken over yet");
}
