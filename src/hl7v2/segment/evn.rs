//! EVN: when something happened, and when it was told.

use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype;

/// Returns when it happened as the message says: EVN-2, else MSH-7.
pub fn time(ctx: &Ctx) -> Option<String> {
    let (evn, msh) = (ctx.message.segment("EVN"), ctx.message.header());
    [evn.field(2), msh.field(7)]
        .into_iter()
        .filter(|part| part.is_there())
        .find_map(|part| datatype::date_time(ctx, part.first()))
}

/// Returns when what the message tells of took place: EVN-6, else its own time.
pub fn occurred(ctx: &Ctx) -> Option<String> {
    let part = ctx.message.segment("EVN").field(6);
    let occurred = if part.is_there() { datatype::date_time(ctx, part.first()) } else { None };
    occurred.or_else(|| ctx.time.clone())
}
