//! Placer and filler numbers: what orders, reports and specimens are known by.
//!
//! v2-to-FHIR, segment maps ORC and OBR, fields 2 and 3. The guide leaves open what tells apart what shares a number.

use crate::hl7v2::convert::Ctx;
use crate::hl7v2::datatype::identifier::entity_identifier_as;
use crate::hl7v2::draft::Identifier;
use crate::hl7v2::message::{Message, Part, Segment};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// Returns an EI as an Identifier of a type of table 0203, and as the key that it is.
pub fn numbered(ctx: &Ctx, part: Part, kind: &str) -> Option<(Value, Identifier)> {
    let element = part.is_there().then(|| entity_identifier_as(ctx, part, kind)).flatten()?;
    let text = |name: &str| element[name].as_str().map(str::to_string);
    let id = Identifier { system: text("system")?, value: text("value")? };
    Some((element, id))
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
}

impl Numbers {
    /// Reads them from OBR, and from ORC where OBR has none.
    pub fn read(ctx: &Ctx, orc: Option<Segment>, obr: Option<Segment>) -> Numbers {
        let number = |n: usize, kind: &str| {
            let said =
                [obr, orc].into_iter().flatten().map(|segment| segment.field(n)).find(|field| field.is_there())?;
            let (element, id) = numbered(ctx, said.first(), kind)?;
            Some(Number { element, id, is_shared: is_shared(ctx, n, said.raw()) })
        };
        Numbers { placer: number(2, "PLAC"), filler: number(3, "FILL") }
    }

    /// Placer first: it is who asks that knows an order by its number.
    pub fn all(&self) -> impl Iterator<Item = &Number> {
        self.placer.iter().chain(&self.filler)
    }

    /// Returns keys for what is one of several below a number: filler first, as it is the filler who reports.
    pub fn keys(&self, code: &str) -> Vec<String> {
        let all = self.filler.iter().chain(&self.placer);
        all.map(|number| format!("{}#{}#{code}", number.id.system, number.id.value)).collect()
    }
}

/// Numbers of OBR-2 and OBR-3 that several OBR of a message have which ask for different things.
#[derive(Debug, Clone, Default)]
pub struct Shared([HashSet<String>; 2]);

impl Shared {
    fn read(message: &Message) -> Shared {
        let mut shared = Shared::default();
        for (all, n) in shared.0.iter_mut().zip([2, 3]) {
            let (mut of_orc, mut codes) = ("", HashMap::new());
            for segment in message.segments() {
                match segment.name {
                    "ORC" => of_orc = segment.field(n).raw(),
                    "OBR" => {
                        let own = Some(segment.field(n)).filter(|own| own.is_there()).map_or(of_orc, |own| own.raw());
                        let code = segment.field(4).part(1).raw().trim();
                        if *codes.entry(own.trim()).or_insert(code) != code {
                            all.insert(own.trim().to_string());
                        }
                    }
                    _ => {}
                }
            }
        }
        shared
    }
}

fn is_shared(ctx: &Ctx, n: usize, number: &str) -> bool {
    let shared = ctx.shared.get_or_init(|| Shared::read(ctx.message));
    shared.0.get(n - 2).is_some_and(|all| all.contains(number.trim()))
}
