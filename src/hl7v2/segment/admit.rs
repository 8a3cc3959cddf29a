//! ADT: patients, their visits, and what is said beside them.

use super::pid;
use crate::hl7v2::convert::Ctx;
use crate::hl7v2::tree::Node;

pub fn convert(ctx: &Ctx, tree: &Node) {
    for node in tree.all("PID") {
        pid::patient(ctx, node);
    }
}
