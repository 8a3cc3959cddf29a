//! IN1, IN2, IN3 → Coverage, with who insures and who is insured; the case manager of IN3 → CareTeam.
//!
//! v2-to-FHIR, segment maps IN1\[Coverage\] and IN3\[CareTeam\].

use super::{clinical, guarantor, identity, participation, role};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::{self, coded::concept};
use crate::hl7v2::draft::{Draft, Handle, Identifier, Identity, Update};
use crate::hl7v2::map;
use crate::hl7v2::message::Segment;
use crate::hl7v2::tree::Node;
use serde_json::{Value, json};

const CLASS: &str = "http://terminology.hl7.org/CodeSystem/coverage-class";
const COPAY: &str = "http://terminology.hl7.org/CodeSystem/coverage-copay-type";
const MEDICARE: &str = "http://hl7.org/fhir/sid/us-medicare";
const SUBSCRIBER_ID: &str = "http://hl7.org/fhir/5.0/StructureDefinition/extension-subscriberId";

/// Adds the Coverage of an IN1 and what hangs below it; the account is told that it is covered so.
pub fn coverage(ctx: &Ctx, node: &Node, patient: Handle, account: Option<Handle>) -> Option<Handle> {
    let in1 = node.segment;
    if (2..=in1.last()).all(|n| !in1.field(n).is_there()) {
        return None;
    }
    let in2 = node.one("IN2").map(|node| node.segment);
    let mut draft = Draft::new("Coverage", in1.at());
    map::fill(ctx, "in1", in1, &mut draft.resource);
    draft.set("beneficiary", patient.reference()).default("status", "active");
    if in1.field(55).is("D") {
        draft.set("status", "entered-in-error").only_if_there = true;
    }
    classes(ctx, in1, &mut draft);
    draft.push("payor", payor(ctx, in1));
    draft.set("policyHolder", policy_holder(ctx, in1));
    draft.set("subscriber", subscriber(ctx, in1, in2, patient));
    numbers(ctx, in1, in2, &mut draft);
    deductible(ctx, in1, &mut draft);
    recognize(ctx, in1, in2, patient, &mut draft);
    let coverage = ctx.add_once(draft);
    if let Some(account) = account {
        let mut covered = json!({"coverage": coverage.reference()});
        if let Some(priority) = in1.field(22).text().and_then(|text| text.parse::<u16>().ok()).filter(|n| *n > 0) {
            covered["priority"] = json!(priority);
        }
        ctx.change(account, |draft| _ = draft.push("coverage", covered));
    }
    case_managers(ctx, node, patient);
    Some(coverage)
}

/// IN1-2, 8, 9 and 35.
fn classes(ctx: &Ctx, in1: Segment, draft: &mut Draft) {
    let text = |n: usize, component: usize| datatype::text::string(in1.field(n).part(component));
    let all = [
        ("plan", "Plan", text(2, 1).or_else(|| text(2, 2)), text(2, 2)),
        ("group", "Group", text(8, 1).or_else(|| text(9, 1)), text(9, 1)),
        ("subplan", "SubPlan", text(35, 1), text(35, 2)),
    ];
    for (code, display, value, name) in all {
        let Some(value) = value else { continue };
        let mut class = json!({"type": concept(CLASS, code, Some(display)), "value": value});
        if let Some(name) = name {
            class["name"] = json!(name);
        }
        draft.push("class", class);
    }
    // The guide has the number of a plan among the numbers of what it covers.
    let plan = in1.field(2);
    if let Some(value) = text(2, 1) {
        let system = ctx.coding_system(text(2, 3).as_deref(), None).unwrap_or_else(|| ctx.local("plan"));
        draft.push("identifier", json!({"system": system, "value": value}));
    } else if plan.is_null() {
        draft.resource.insert("class".into(), Value::Null);
    }
}

/// IN1-3 and 4, with the addresses of fields 5 and 7. R4 wants to know who pays: where nobody is named it is whoever has the plan.
fn payor(ctx: &Ctx, in1: Segment) -> Value {
    let text = |n: usize, component: usize| datatype::text::string(in1.field(n).part(component));
    let name = text(4, 1);
    let mut house = Draft::new("Organization", in1.at().field(3));
    let mut known: Vec<Identifier> = Vec::new();
    for cx in in1.field(3).repetitions().filter(|cx| cx.is_there()) {
        let kind = cx.part(5).text().unwrap_or("insurer".into());
        if let Some(number) = identity::number(ctx, cx, identity::local_system(ctx, &kind)) {
            house.push("identifier", number.element);
            known.push(number.identifier);
        }
    }
    if known.is_empty() {
        let named = in1.field(4).said().and_then(|xon| datatype::organization(ctx, xon));
        let plan = || text(2, 2).or_else(|| text(2, 1)).unwrap_or_else(|| "unknown".into());
        let reference = named.unwrap_or_else(|| json!({"display": plan()}));
        participation::address(ctx, &reference, in1.field(5));
        participation::telecom(ctx, &reference, in1.field(7));
        return reference;
    }
    house.identity = Identity::Identifiers(known);
    house.update = Update::Keep;
    house.set("name", name.clone());
    let mut reference = ctx.add_once(house).reference();
    participation::address(ctx, &reference, in1.field(5));
    participation::telecom(ctx, &reference, in1.field(7));
    if let Some(name) = name {
        reference["display"] = json!(name);
    }
    reference
}

/// IN1-10 and 11: the employer or whoever else took the insurance for a group.
fn policy_holder(ctx: &Ctx, in1: Segment) -> Option<Value> {
    let name = in1.field(11).said().and_then(|xon| datatype::text::string(xon.part(1)));
    let number = in1.field(10).repetitions().filter(|cx| cx.is_there() && !cx.part(5).is("SN")).find_map(|cx| {
        let kind = cx.part(5).text().unwrap_or("employer".into());
        identity::number(ctx, cx, identity::local_system(ctx, &kind))
    });
    let Some(number) = number.filter(|_| name.is_some()) else {
        return in1.field(11).said().and_then(|xon| datatype::organization(ctx, xon));
    };
    let mut house = Draft::new("Organization", in1.at().field(11));
    house.identity = Identity::Identifiers(vec![number.identifier]);
    house.update = Update::Keep;
    house.push("identifier", number.element).set("name", name.clone());
    let mut reference = ctx.add_once(house).reference();
    reference["display"] = json!(name);
    Some(reference)
}

/// IN1-16 and 17: the patient, or one of the people around.
fn subscriber(ctx: &Ctx, in1: Segment, in2: Option<Segment>, patient: Handle) -> Option<Value> {
    if guarantor::is_self(in1.field(17)) {
        return Some(patient.reference());
    }
    if !in1.field(16).is_there() {
        return None;
    }
    let mut draft = Draft::new("RelatedPerson", in1.at().field(16));
    map::fill(ctx, "in1_insured", in1, &mut draft.resource);
    let mut fields = vec![(in1.field(49), "insured")];
    if let Some(in2) = in2 {
        map::fill(ctx, "in2_insured", in2, &mut draft.resource);
        fields.push((in2.field(1), "employee"));
    }
    let known = guarantor::numbers(ctx, &fields, &mut draft);
    if let Some(number) = in2.and_then(|in2| datatype::text::string(in2.field(2))) {
        draft.push("identifier", identity::social_security(&number));
    }
    guarantor::person(ctx, draft, patient, &known).map(Handle::reference)
}

/// What the coverage and the insured are known by: IN1-36 and 49, IN2-6, 8 and 61.
fn numbers(ctx: &Ctx, in1: Segment, in2: Option<Segment>, draft: &mut Draft) {
    let policy = datatype::text::string(in1.field(36));
    if let Some(policy) = &policy {
        let kind_of = json!({"text": "Policy number"});
        draft.push("identifier", json!({"type": kind_of, "system": ctx.local("policy"), "value": policy}));
    }
    // R4 identifier registry: there is one Medicare, and a Medicaid in each state.
    for (n, kind, system) in [(6, "MC", MEDICARE.to_string()), (8, "MA", ctx.local("MA"))] {
        if let Some(value) = in2.and_then(|in2| datatype::text::string(in2.field(n))) {
            let kind_of = concept(datatype::identifier::TYPE_SYSTEM, kind, None);
            draft.push("identifier", json!({"type": kind_of, "system": system, "value": value}));
        }
    }
    for cx in in2.into_iter().flat_map(|in2| in2.field(61).repetitions()).filter(|cx| cx.is_there()) {
        let kind = cx.part(5).text().unwrap_or("MB".into());
        let number = identity::number(ctx, cx, identity::local_system(ctx, &kind));
        if let Some(number) = number {
            draft.push("identifier", number.element);
        }
    }
    let of_insured = in1.field(49).repetitions().chain(in1.field(10).repetitions().filter(|cx| cx.part(5).is("SN")));
    for identifier in of_insured.filter(|cx| cx.is_there()).filter_map(|cx| datatype::identifier(ctx, cx)) {
        draft.push("extension", json!({"url": SUBSCRIBER_ID, "valueIdentifier": identifier}));
    }
    let subscriber = [in1.field(49), in1.field(36)].into_iter().find_map(datatype::text::string);
    draft.set("subscriberId", subscriber);
}

/// IN1-37, a CP: how much the insured pays themselves.
fn deductible(ctx: &Ctx, in1: Segment, draft: &mut Draft) {
    let Some(cp) = in1.field(37).said() else { return };
    let Some(money) = datatype::quantity::money(ctx, cp) else { return };
    let mut kind = concept(COPAY, "deductible", Some("Deductible"));
    if let (Some(price), Some(codings)) =
        (datatype::coding(ctx, cp.part(2), Some("HL70205")), kind["coding"].as_array_mut())
    {
        codings.push(price);
    }
    draft.push("costToBeneficiary", json!({"type": kind, "valueMoney": money}));
}

/// Recognizes a coverage by its patient, policy (or the number of the insured), plan and insurer.
fn recognize(ctx: &Ctx, in1: Segment, in2: Option<Segment>, patient: Handle, draft: &mut Draft) {
    let policies = [Some(in1.field(36)), Some(in1.field(49)), in2.map(|in2| in2.field(61))];
    let policy = policies.into_iter().flatten().find_map(|field| field.text());
    let plan = in1.field(2).part(1).text().or_else(|| in1.field(2).part(2).text());
    let house = [3, 4].into_iter().find_map(|n| in1.field(n).text());
    let words: Vec<String> = [policy, plan, house].into_iter().flatten().map(|text| text.into_owned()).collect();
    clinical::keyed(ctx, (patient, None), "coverage", &words.join("#"), draft);
}

/// IN3-21.
fn case_managers(ctx: &Ctx, node: &Node, patient: Handle) {
    for in3 in node.all("IN3").map(|node| node.segment) {
        let Some(who) = in3.field(21).said() else { continue };
        let named = if who.len() > 1 { datatype::practitioner(ctx, who) } else { None };
        let Some(member) = named.or_else(|| Some(json!({"display": who.whole()?}))) else { continue };
        let role = json!({
            "coding": [{"system": "http://snomed.info/sct", "code": "768832004"}],
            "text": "case manager",
        });
        if let Some(team) = role::team(ctx, in3, patient) {
            ctx.change(team, |draft| _ = draft.push("participant", json!({"role": [role], "member": member})));
        }
    }
}
