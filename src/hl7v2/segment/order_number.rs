//! Placer and filler numbers: what orders, reports and specimens are known by.
//!
//! v2-to-FHIR, segment maps ORC and OBR, fields 2 and 3. The guide leaves open what tells apart what shares a number.

use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::identifier::entity_identifier_as;
use crate::hl7v2::draft::Identifier;
use crate::hl7v2::message::{Part, Segment};
use serde_json::Value;

/// An Identifier as an element, and as the key that it is.
pub type Numbered = (Value, Identifier);

/// Returns an EI as an Identifier of a type of table 0203.
pub fn numbered(ctx: &Ctx, part: Part, kind: &str) -> Option<Numbered> {
    let element = part.is_there().then(|| entity_identifier_as(ctx, part, kind)).flatten()?;
    let text = |name: &str| element[name].as_str().map(str::to_string);
    let id = Identifier { system: text("system")?, value: text("value")? };
    Some((element, id))
}

/// Returns the numbers of the group that an order belongs to, the placer's and the filler's: ORC-4, and ORC-38. ORC-4 is an EI; in 2.8.2
/// it is an EIP, whose components have parts of their own.
pub fn of_group(ctx: &Ctx, orc: Segment) -> [Option<Numbered>; 2] {
    let (group, filler) = (orc.field(4).first(), orc.field(38).first());
    let is_pair = ctx.message.header().field(12).part(1).is("2.8.2") || [1, 2].iter().any(|n| group.part(*n).len() > 1);
    let (placer, second) = if is_pair { (group.part(1), Some(group.part(2))) } else { (group, None) };
    let filler = if filler.is_there() { Some(filler) } else { second };
    [numbered(ctx, placer, "PGN"), filler.and_then(|part| numbered(ctx, part, "FGN"))]
}

/// One of the two numbers of an order.
#[derive(Debug, Clone)]
pub struct Number {
    /// As an element.
    pub element: Value,
    pub id: Identifier,
    /// Whether orders of something else in this message have the same one.
    pub is_shared: bool,
}

/// The numbers of an order and its results.
#[derive(Debug, Clone, Default)]
pub struct Numbers {
    pub placer: Option<Number>,
    pub filler: Option<Number>,
    /// That of the group of orders.
    group: Option<Identifier>,
}

impl Numbers {
    /// Reads them from OBR, and from ORC where OBR has none.
    pub fn read(ctx: &Ctx, orc: Option<Segment>, obr: Option<Segment>) -> Numbers {
        let number = |n: usize, kind: &str| {
            let said =
                [obr, orc].into_iter().flatten().map(|segment| segment.field(n)).find(|field| field.is_there())?;
            let (element, id) = numbered(ctx, said.first(), kind)?;
            Some(Number { element, id, is_shared: ctx.keys.is_shared(ctx.message, n, said.raw()) })
        };
        let group = orc.and_then(|orc| of_group(ctx, orc).into_iter().flatten().next()).map(|(_, id)| id);
        Numbers { placer: number(2, "PLAC"), filler: number(3, "FILL"), group }
    }

    /// Placer first: it is who asks that knows an order by its number.
    pub fn all(&self) -> impl Iterator<Item = &Number> {
        self.placer.iter().chain(&self.filler)
    }

    /// Returns the key of what is one of several below a number: that of the filler first, as it is the filler who reports; that of the
    /// group where it has no number of its own.
    pub fn key(&self, code: &str) -> Option<String> {
        let own = self.filler.iter().chain(&self.placer).map(|number| &number.id).next();
        own.or(self.group.as_ref()).map(|id| format!("{}#{}#{code}", id.system, id.value))
    }
}
