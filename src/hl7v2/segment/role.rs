//! Who takes part: doctors in PV1 and PV2, roles in ROL and PRT.
//!
//! v2-to-FHIR, segment maps PV1\[Encounter\], ROL\[Encounter-PractitionerRole\], ROL\[Patient-GeneralPractitioner\],
//! PRT\[Patient-GeneralPractitioner-Practitioner\], ROL\[CareTeam\] and PRT\[CareTeam\]; concept map ProviderRole.

use super::obx::scope_of;
use super::{identity, number, participation};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype;
use crate::hl7v2::draft::{Draft, Handle, Identifier, Identity, Update};
use crate::hl7v2::message::{Part, Segment};
use crate::hl7v2::tree::Node;
use serde_json::{Value, json};

const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";

/// Where a ROL or PRT says what.
struct Fields {
    role: usize,
    person: usize,
    organization: usize,
    telecom: usize,
    location: usize,
    begin: usize,
    end: usize,
    /// The table of roles.
    table: &'static str,
}

fn fields(segment: Segment) -> Fields {
    match segment.name {
        "ROL" => Fields {
            role: 3,
            person: 4,
            organization: 14,
            telecom: 12,
            location: 13,
            begin: 5,
            end: 6,
            table: "HL70443",
        },
        _ => Fields {
            role: 4,
            person: 5,
            organization: 8,
            telecom: 15,
            location: 9,
            begin: 11,
            end: 12,
            table: "HL70912",
        },
    }
}

/// Says who takes part in a visit.
pub fn participants(ctx: &Ctx, pv1: &Node, pv2: Option<&Node>, draft: &mut Draft) {
    let doctors = [(7, "ATND", "attender"), (8, "REF", "referrer"), (9, "CON", "consultant"), (17, "ADM", "admitter")];
    let mut of = |field: Part, code: &str, display: &str| {
        let kind = json!({"coding": [{"system": PARTICIPATION, "code": code, "display": display}]});
        if field.is_null() {
            // Nobody has the role any more.
            draft.push("participant", json!({"type": [kind]}));
            return;
        }
        for person in field.repetitions() {
            let kind = kind.clone();
            if let Some(individual) = datatype::practitioner(ctx, person).filter(Value::is_object) {
                draft.push("participant", json!({"type": [kind], "individual": individual}));
            }
        }
    };
    for (n, code, display) in doctors {
        of(pv1.segment.field(n), code, display);
    }
    of(pv1.segment.field(52), "PART", "Participation");
    if let Some(pv2) = pv2 {
        of(pv2.segment.field(13), "REF", "referrer");
    }
    for node in roles(pv1).chain(pv2.into_iter().flat_map(roles)) {
        let (segment, fields) = (node.segment, fields(node.segment));
        let role = role(ctx, segment.field(fields.role).first(), fields.table);
        for individual in people_and_house(ctx, segment, &fields) {
            let mut participant = json!({"individual": individual});
            if let Some(role) = &role {
                participant["type"] = json!([role]);
            }
            if let Some(period) = period(ctx, segment, &fields) {
                participant["period"] = period;
            }
            draft.push("participant", participant);
        }
    }
}

/// Returns the people of a ROL or PRT, each with the organization that they act for; that alone where it names nobody.
fn people_and_house(ctx: &Ctx, segment: Segment, fields: &Fields) -> Vec<Value> {
    let house = segment.field(fields.organization).said().and_then(|house| datatype::organization(ctx, house));
    let people = participation::people(ctx, segment.field(fields.person));
    let people = people.into_iter().filter(Value::is_object).map(Some);
    let people: Vec<Option<Value>> =
        if segment.field(fields.person).is_there() { people.collect() } else { vec![None] };
    people.into_iter().filter_map(|person| acting(ctx, person, house.clone(), segment)).collect()
}

/// Returns a reference to somebody who acts for a house. In a visit an organization cannot stand alone: it is somebody there.
fn acting(ctx: &Ctx, person: Option<Value>, house: Option<Value>, segment: Segment) -> Option<Value> {
    let Some(house) = house.as_ref().filter(|_| person.is_none()) else {
        return participation::role(ctx, person, house);
    };
    let (name, known) = (house["display"].as_str(), house["reference"].as_str().and_then(Handle::of));
    let by_name = || name.map(|name| format!("{}#{name}", ctx.house()));
    let whose = known.and_then(|house| scope_of(ctx, house)).or_else(by_name)?;
    let mut somebody = Draft::new("PractitionerRole", segment.at());
    number::identify(&mut somebody, vec![number::synthetic(ctx, "role", whose)]);
    somebody.update = Update::Keep;
    somebody.set("organization", house.clone());
    let mut reference = ctx.add_once(somebody).reference();
    if let Some(name) = name {
        reference["display"] = json!(name);
    }
    Some(reference)
}

/// Says who cares for a patient: the primary care provider, and others as a team. `above` are the segments that carry the roles.
pub fn carers(ctx: &Ctx, above: &[&Node], patient: Handle) {
    for node in above.iter().flat_map(|node| roles(node)) {
        let (segment, fields) = (node.segment, fields(node.segment));
        let field = segment.field(fields.role).first();
        for person in segment.field(fields.person).repetitions() {
            let Some(reference) = datatype::practitioner(ctx, person).filter(Value::is_object) else { continue };
            if field.is("PP") {
                let provider = general_practitioner(ctx, segment, reference);
                ctx.change(patient, |draft| {
                    draft.push("generalPractitioner", provider);
                });
                continue;
            }
            let mut member = json!({"member": reference});
            if let Some(role) = role(ctx, field, fields.table) {
                member["role"] = json!([role]);
            }
            if let Some(period) = period(ctx, segment, &fields) {
                member["period"] = period;
            }
            let organization = segment.field(fields.organization).first();
            if organization.is_there()
                && let Some(organization) = datatype::organization(ctx, organization).filter(Value::is_object)
            {
                member["onBehalfOf"] = organization;
            }
            if let Some(team) = team(ctx, segment, patient) {
                ctx.change(team, |draft| {
                    draft.push("participant", member);
                });
            }
        }
    }
}

/// Returns a reference to the primary care provider in the house that the segment names; to the person alone where it names none,
/// or where nobody could recognize the role.
fn general_practitioner(ctx: &Ctx, segment: Segment, person: Value) -> Value {
    let fields = fields(segment);
    let house = segment.field(fields.organization).said().and_then(|house| datatype::organization(ctx, house));
    let Some(reference) = participation::role(ctx, Some(person.clone()), house) else { return person };
    let numbers = segment.field(fields.telecom).repetitions().filter(|xtn| xtn.is_there());
    let telecom: Vec<Value> = numbers.filter_map(|xtn| datatype::contact_point(ctx, xtn, Some("work"))).collect();
    let place = segment.field(fields.location).said().and_then(|place| datatype::location(ctx, place));
    let draft = reference["reference"].as_str().and_then(Handle::of);
    if let Some(role) = draft.filter(|_| reference != person) {
        ctx.change(role, |draft| {
            telecom.into_iter().for_each(|number| _ = draft.push("telecom", number));
            place.into_iter().for_each(|place| _ = draft.push("location", place));
            draft.set("period", period(ctx, segment, &fields).unwrap_or(Value::Null));
        });
    }
    reference
}

/// Returns the care team that a sender keeps of a patient: there is one.
pub fn team(ctx: &Ctx, segment: Segment, patient: Handle) -> Option<Handle> {
    let system = identity::local_system(ctx, "care-team")?;
    let identifier = Identifier { system, value: identity::digest(ctx, patient, "")? };
    let mut team = Draft::new("CareTeam", segment.at());
    team.push("identifier", json!({"system": identifier.system, "value": identifier.value}));
    team.identity = Identity::Identifiers(vec![identifier]);
    team.set("subject", patient.reference()).default("status", "active");
    Some(ctx.add_once(team))
}

/// Returns the segments ROL and PRT right below, without those that say that somebody has the role no more.
fn roles<'n, 'm>(node: &'n Node<'m>) -> impl Iterator<Item = &'n Node<'m>> {
    node.below.iter().filter(|below| match below.segment.name {
        "ROL" | "PRT" => !["D", "DE"].iter().any(|code| below.segment.field(2).is(code)),
        _ => false,
    })
}

/// Returns a role as a CodeableConcept, with the code of the concept map first.
fn role(ctx: &Ctx, cwe: Part, table: &str) -> Option<Value> {
    let mapped = match &*cwe.text()? {
        "AD" => ("ADM", "admitter"),
        "AT" => ("ATND", "attender"),
        "CP" => ("CON", "consultant"),
        "RP" => ("REF", "referrer"),
        _ => return datatype::codeable_concept(ctx, cwe, Some(table)),
    };
    Some(json!({"coding": [{"system": PARTICIPATION, "code": mapped.0, "display": mapped.1}]}))
}

fn period(ctx: &Ctx, segment: Segment, fields: &Fields) -> Option<Value> {
    let time = |n: usize| {
        let field = segment.field(n).first();
        if field.is_there() { datatype::date_time(ctx, field) } else { None }
    };
    let mut period = serde_json::Map::new();
    for (name, n) in [("start", fields.begin), ("end", fields.end)] {
        if let Some(time) = time(n) {
            period.insert(name.into(), json!(time));
        }
    }
    (!period.is_empty()).then_some(Value::Object(period))
}
