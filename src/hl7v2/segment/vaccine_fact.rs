//! OBX below RXA that are elements of the vaccination: who pays, what was handed out, which dose it was.
//!
//! The v2-to-FHIR guide leaves them open and names the CDC guide for immunization messaging 2.5.1, whose LOINC codes
//! these are.

use super::obx::set_list;
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::datatype::{self, coded, text};
use crate::hl7v2::draft::Draft;
use crate::hl7v2::message::Segment;
use crate::hl7v2::tree::Node;
use serde_json::{Map, Value, json};

const ELIGIBILITY: &str = "64994-7";
const FUNDING: &str = "30963-3";
const DOCUMENT: &str = "69764-9";
const VACCINE: &str = "30956-7";
const PUBLISHED: &str = "29768-9";
const PRESENTED: &str = "29769-7";
const DOSE: &str = "30973-2";
const DOSES: &str = "59782-3";
const SERIES: &str = "59780-9";
const INDICATION: &str = "59785-6";

/// The segments that were taken over so: their numbers.
pub struct Facts(Vec<u16>);

impl Facts {
    /// Takes them over.
    pub fn read(ctx: &Ctx, nodes: &[&Node], draft: &mut Draft) -> Facts {
        let mut facts = Facts(Vec::new());
        let segments: Vec<Segment> = nodes.iter().map(|node| node.segment).filter(|obx| is_said(*obx)).collect();
        for obx in &segments {
            let name = match obx.field(3).text().as_deref() {
                Some(ELIGIBILITY) => "programEligibility",
                Some(INDICATION) => "reasonCode",
                Some(FUNDING) => "fundingSource",
                _ => continue,
            };
            let Some(concept) = datatype::codeable_concept(ctx, obx.field(5).first(), None) else { continue };
            match name {
                "fundingSource" => draft.set(name, concept),
                _ => draft.push(name, concept),
            };
            facts.0.push(obx.nth);
        }
        facts.education(ctx, &segments, draft);
        facts.protocol(ctx, &segments, draft);
        facts
    }

    /// Returns whether a segment is one of them.
    pub fn is_one(&self, obx: Segment) -> bool {
        self.0.contains(&obx.nth)
    }

    /// What was handed out. OBX-4 says which of them belong together.
    fn education(&mut self, ctx: &Ctx, segments: &[Segment], draft: &mut Draft) {
        let mut all: Vec<(String, Map<String, Value>, Vec<u16>)> = Vec::new();
        for obx in segments {
            let value = obx.field(5).first();
            let (name, value) = match obx.field(3).text().as_deref() {
                Some(DOCUMENT) => ("documentType", coded::words(value).map(Value::String)),
                // The document is that of this vaccine; where the document itself is named, too, that is what it is.
                Some(VACCINE) => ("vaccine", coded::words(value).map(Value::String)),
                Some(PUBLISHED) => ("publicationDate", datatype::date_time(ctx, value).map(Value::String)),
                Some(PRESENTED) => ("presentationDate", datatype::date_time(ctx, value).map(Value::String)),
                _ => continue,
            };
            let Some(value) = value else { continue };
            let group = obx.field(4).text().unwrap_or_default().into_owned();
            match all.iter_mut().find(|(other, members, _)| *other == group && !members.contains_key(name)) {
                Some((_, members, taken)) => {
                    members.insert(name.to_string(), value);
                    taken.push(obx.nth);
                }
                None => all.push((group, Map::from_iter([(name.to_string(), value)]), vec![obx.nth])),
            }
        }
        let mut education = Vec::new();
        for (_, mut members, taken) in all {
            let vaccine = members.remove("vaccine");
            let is_handed_out = !members.is_empty();
            if let Some(vaccine) = vaccine {
                members.entry("documentType").or_insert(vaccine);
            }
            // R4 imm-1: a document type or a reference. A vaccine alone is of a combination, and no document.
            if is_handed_out && members.contains_key("documentType") {
                education.push(Value::Object(members));
                self.0.extend(taken);
            }
        }
        set_list(draft, "education", education);
    }

    /// Which dose of how many: the number of doses alone has no place without it.
    fn protocol(&mut self, ctx: &Ctx, segments: &[Segment], draft: &mut Draft) {
        let of = |code: &str| segments.iter().find(|obx| obx.field(3).is(code));
        let number = |code: &str| {
            let obx = of(code)?;
            let number = text::integer(ctx, obx.field(5).first(), 1);
            let words = || text::string(obx.field(5).first()).map(Value::String);
            Some(match number {
                Some(number) => ("PositiveInt", number, obx.nth),
                None => ("String", words()?, obx.nth),
            })
        };
        let Some((kind, dose, nth)) = number(DOSE) else { return };
        let mut protocol = Map::new();
        if let Some((obx, series)) = of(SERIES).and_then(|obx| Some((obx, coded::words(obx.field(5).first())?))) {
            protocol.insert("series".into(), json!(series));
            self.0.push(obx.nth);
        }
        protocol.insert(format!("doseNumber{kind}"), dose);
        self.0.push(nth);
        if let Some((kind, doses, nth)) = number(DOSES) {
            protocol.insert(format!("seriesDoses{kind}"), doses);
            self.0.push(nth);
        }
        draft.set("protocolApplied", json!([protocol]));
    }
}

/// Returns whether it says something that is so: what was wrong or never came (table 0085) is none.
fn is_said(obx: Segment) -> bool {
    obx.field(5).said().is_some() && !["D", "W", "X", "N"].iter().any(|status| obx.field(11).is(status))
}
