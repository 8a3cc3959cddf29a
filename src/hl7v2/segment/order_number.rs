//! Placer and filler numbers: what orders, reports and specimens are known by.
//!
//! v2-to-FHIR, segment maps ORC and OBR, fields 2 and 3. The guide leaves open what tells apart what shares a number.

use crate::hl7v2::convert::Ctx;
use crate::hl7v2::datatype::identifier::entity_identifier_as;
use crate::hl7v2::draft::Identifier;
use crate::hl7v2::message::{Part, Segment};
use serde_json::Value;
use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};

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
            Some(Number { element, id, is_shared: ctx.keys.is_shared(ctx, n, said.raw()) })
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

/// What is known of the numbers and keys of one message, so that it is read once.
#[derive(Debug, Default)]
pub struct Keys {
    /// How many things of one message have had the same key.
    counts: RefCell<HashMap<String, usize>>,
    /// Numbers of several OBR that ask for different things, and their fields.
    shared: OnceCell<HashSet<(usize, String)>>,
    /// The same of orders of several medicines.
    medicines: OnceCell<HashSet<(usize, String)>>,
}

impl Keys {
    /// Returns a key that nothing else of this message has: the second of its kind ends in `##2`.
    pub fn free(&self, of: &str, base: &str) -> String {
        let mut counts = self.counts.borrow_mut();
        let count = counts.entry(format!("{of} {base}")).or_insert(0);
        *count += 1;
        let base = if base.is_empty() { "-" } else { base };
        if *count == 1 { base.to_string() } else { format!("{base}##{count}") }
    }

    /// Returns the numbers that several medicines share, which are looked for once.
    pub fn of_medicines(&self, shared: impl FnOnce() -> HashSet<(usize, String)>) -> &HashSet<(usize, String)> {
        self.medicines.get_or_init(shared)
    }

    fn is_shared(&self, ctx: &Ctx, n: usize, number: &str) -> bool {
        self.shared.get_or_init(|| shared(ctx)).contains(&(n, number.trim().to_string()))
    }
}

fn shared(ctx: &Ctx) -> HashSet<(usize, String)> {
    let (mut of_orc, mut codes, mut shared) = (["", ""], HashMap::new(), HashSet::new());
    for segment in ctx.message.segments() {
        match segment.name {
            "ORC" => of_orc = [2, 3].map(|n| segment.field(n).raw()),
            "OBR" => {
                let code = segment.field(4).part(1).raw().trim();
                for n in [2, 3] {
                    let own = Some(segment.field(n)).filter(|own| own.is_there());
                    let number = (n, own.map_or(of_orc[n - 2], |own| own.raw()).trim());
                    if *codes.entry(number).or_insert(code) != code {
                        shared.insert((n, number.1.to_string()));
                    }
                }
            }
            _ => {}
        }
    }
    shared
}
