//! XCN, CNN, PPN, NDL: people, of whom a Practitioner is made where they have an identifier.
//!
//! v2-to-FHIR, XCN\[Practitioner\], CNN\[Practitioner\]. Who is only named is no resource, for a name recognizes nobody.

use super::coded;
use super::identifier::{self, Authority};
use super::name::{self, Layout};
use super::text::{clean_code, string};
use crate::hl7v2::convert::Ctx;
use crate::hl7v2::draft::{Draft, Identifier, Identity, Update};
use crate::hl7v2::message::Part;
use serde_json::{Map, Value, json};

/// XCN, CNN, PPN, or NDL.1 → Reference(Practitioner). Who has no identifier is named by `display` alone.
pub fn practitioner(ctx: &Ctx, part: Part) -> Option<Value> {
    let person = Person::read(ctx, part);
    let display = person.name.as_ref().map(name::display);
    let Some(value) = string(part.part(1)) else { return Some(json!({"display": display?})) };
    let system = identifier::system(ctx, &person.authority, person.kind.as_deref(), part.at);
    let mut draft = Draft::new("Practitioner", part.at);
    draft.identity = Identity::Identifiers(vec![Identifier { system: system.clone(), value: value.clone() }]);
    draft.update = Update::Keep;
    let made = identifier::made(system, value, person.kind.as_deref(), &person.authority);
    draft.push("identifier", Value::Object(made));
    if let Some(name) = person.name {
        draft.push("name", Value::Object(name));
    }
    if let Some(degree) = person.degree {
        draft.push("qualification", json!({"code": degree}));
    }
    let mut reference = ctx.add_once(draft).reference();
    if let Some(display) = display {
        reference["display"] = display.into();
    }
    Some(reference)
}

/// The same → the name alone, for people who are no practitioners.
pub fn person_name(ctx: &Ctx, part: Part) -> Option<Value> {
    Person::read(ctx, part).name.map(Value::Object)
}

/// The same → Identifier, where there is one.
pub fn person_identifier(ctx: &Ctx, part: Part) -> Option<Value> {
    let person = Person::read(ctx, part);
    let system = identifier::system(ctx, &person.authority, person.kind.as_deref(), part.at);
    let made = identifier::made(system, string(part.part(1))?, person.kind.as_deref(), &person.authority);
    Some(Value::Object(made))
}

/// What an XCN or CNN says of somebody beside the number.
struct Person {
    name: Option<Map<String, Value>>,
    authority: Authority,
    kind: Option<String>,
    degree: Option<Value>,
}

impl Person {
    fn read(ctx: &Ctx, part: Part) -> Person {
        // In a component, as in NDL.1, it is a CNN: the authority is spread over three sub-components.
        let is_cnn = part.at.component > 0;
        let suffixes: &[usize] = if is_cnn { &[5] } else { &[5, 21] };
        let mut name = name::pieces(part, &Layout { family: 2, suffixes, prefix: 6 });
        let degree = coded::codeable_concept(ctx, part.part(7), Some("HL70360"));
        if is_cnn {
            return Person { name, authority: Authority::from(part, 9), kind: None, degree };
        }
        if let Some(name) = &mut name {
            name::finish(ctx, name, part.part(10), part.part(17), [part.part(19), part.part(20)]);
        }
        let kind = part.part(13).text().and_then(|text| clean_code(&text));
        Person { name, authority: Authority::read(part.part(9)), kind, degree }
    }
}
