//! Messages that name no patient: they are about a specimen, a device or a place.
//!
//! HL7 v2.5 chapter 7.3.1 (ORU) and 7.3.7 (OUL): the group of the patient is optional. Such a message is converted as if an empty PID stood
//! where one belongs, so that no segment has to know; what that PID became is taken out again, with all for which R4 wants a patient.

use super::draft::{Draft, Drafts, Handle, Identity};
use super::event::{Event, Family};
use super::links;
use super::message::Message;
use super::problem::{Code, Place, Problem};
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashMap};

/// What stands before a PID.
const BEFORE: &[&str] = &["MSH", "SFT", "UAC", "EVN", "NTE", "ARV"];

/// R4: elements that lead to a patient and must be there.
const NEEDED: &[(&str, &str)] = &[
    ("AllergyIntolerance", "patient"),
    ("CarePlan", "subject"),
    ("ChargeItem", "subject"),
    ("Condition", "subject"),
    ("Coverage", "beneficiary"),
    ("DeviceRequest", "subject"),
    ("DeviceUseStatement", "subject"),
    ("EpisodeOfCare", "patient"),
    ("FamilyMemberHistory", "patient"),
    ("Flag", "subject"),
    ("Goal", "subject"),
    ("ImagingStudy", "subject"),
    ("Immunization", "patient"),
    ("MedicationAdministration", "subject"),
    ("MedicationRequest", "subject"),
    ("MedicationStatement", "subject"),
    ("NutritionOrder", "patient"),
    ("Procedure", "subject"),
    ("RelatedPerson", "patient"),
    ("ResearchSubject", "individual"),
    ("RiskAssessment", "subject"),
    ("ServiceRequest", "subject"),
    ("VisionPrescription", "patient"),
];

/// R4: items of a list that are nothing without what they refer to.
const ITEMS: &[(&str, &str)] = &[("diagnosis", "condition"), ("coverage", "coverage"), ("guarantor", "party")];

/// Returns a message that names no patient with a seat for one; none where it names one, needs none, or says nothing else.
pub fn seated(message: &Message, event: &Event) -> Option<Message> {
    let is_about_people = !matches!(event.family, Family::Schedule | Family::Merge);
    if !is_about_people || message.segments().any(|segment| segment.name == "PID") {
        return None;
    }
    let comes_before = |name: &str| BEFORE.contains(&name) || name.starts_with('Z');
    let at = message.segments().position(|segment| !comes_before(segment.name))?;
    let mut lines: Vec<&str> = message.segments().map(|segment| segment.line()).collect();
    lines.insert(at, "PID");
    Message::parse(lines.join("\r")).ok()
}

/// Returns what is left of drafts without a patient; what had to go is told.
pub fn left(drafts: Drafts, warnings: &mut Vec<Problem>) -> Drafts {
    let text = "the message names no patient: what it tells of is about nobody in particular";
    warnings.push(Problem::warning(Code::SegmentSequence, Place::segment("PID", 1), text));
    let patients: BTreeSet<Handle> = drafts.of_type("Patient").map(|(handle, _)| handle).collect();
    let mut kept = HashMap::new();
    for (handle, draft) in drafts.iter().filter(|(handle, _)| !patients.contains(handle)) {
        if needs(draft, &patients) {
            let text =
                format!("a {} is about a patient, and the message names none; it was left out", draft.resource_type());
            warnings.push(Problem::warning(Code::RequiredField, draft.at, text));
        } else {
            kept.insert(handle, Handle(kept.len()));
        }
    }
    let mut left = Drafts::default();
    for (_, draft) in drafts.iter().filter(|(handle, _)| kept.contains_key(handle)) {
        left.add(relinked(draft.clone(), &kept));
    }
    left
}

fn needs(draft: &Draft, patients: &BTreeSet<Handle>) -> bool {
    let kind = draft.resource_type();
    NEEDED.iter().filter(|(of, _)| *of == kind).any(|(_, element)| {
        let reference = draft.resource.get(*element).and_then(|value| value.get("reference")?.as_str());
        reference.and_then(Handle::of).is_some_and(|handle| patients.contains(&handle))
    })
}

/// Leads references to where drafts are now.
fn relinked(mut draft: Draft, kept: &HashMap<Handle, Handle>) -> Draft {
    let to = |handle: Handle| kept.get(&handle).map(|own| own.url());
    for content in [&mut draft.resource, &mut draft.defaults] {
        links::link(content, &to);
        whole_items(content);
    }
    if let Identity::Search(search) = &draft.identity {
        let to = |n: usize| kept.get(&Handle(n)).map(|own| format!("{{{}}}", own.0));
        // Within a patient something tells it from others. Within nobody nothing does.
        draft.identity = links::search(search, &to).map_or(Identity::New, Identity::Search);
    }
    draft
}

fn whole_items(content: &mut Map<String, Value>) {
    for (list, member) in ITEMS {
        if let Some(items) = content.get_mut(*list).and_then(Value::as_array_mut) {
            items.retain(|item| item.get(*member).is_some());
            if items.is_empty() {
                content.shift_remove(*list);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::hl7v2::convert::{Conversion, convert};
    use crate::hl7v2::draft::{Handle, Identity};
    use crate::hl7v2::message::Message;
    use crate::hl7v2::rules::Rules;

    fn converted(event: &str, segments: &str) -> Result<Conversion, String> {
        read(event, segments, &Rules::default())
    }

    fn accepted(event: &str, segments: &str) -> Result<Conversion, String> {
        read(event, segments, &Rules { accepts_incomplete: true, ..Rules::default() })
    }

    fn read(event: &str, segments: &str, rules: &Rules) -> Result<Conversion, String> {
        let header = format!("MSH|^~\\&|APP|HOSP|||20260503100000+0000||{event}|7|P|2.5.1");
        let message = Message::parse(format!("{header}\r{}", segments.replace('\n', "\r"))).unwrap();
        convert(&message, rules).map_err(|problems| problems[0].to_string())
    }

    fn types(conversion: &Conversion) -> Vec<&str> {
        conversion.drafts.iter().map(|(_, draft)| draft.resource_type()).collect()
    }

    const WATER: &str = "ORC|RE|P-1^H|F-1^LAB\nOBR|1|P-1^H|F-1^LAB|625-4^Culture^LN|||20260503\n\
        OBX|1|ST|625-4^Culture^LN||none||||||F|||20260503\nSPM|1|S-1^H||Wat^Water";

    #[test]
    fn a_result_of_a_specimen_alone_is_about_nobody() {
        let conversion = converted("ORU^R01^ORU_R01", WATER).unwrap();
        assert_eq!(types(&conversion), ["Specimen", "Observation", "DiagnosticReport"]);
        let made: Vec<_> = conversion.drafts.iter().map(|(_, draft)| draft.made()).collect();
        for made in &made {
            assert!(made.get("subject").is_none() && made.get("basedOn").is_none(), "{made}");
        }
        assert_eq!(made[2]["result"][0]["reference"], Handle(1).url());
        assert_eq!(made[2]["specimen"][0]["reference"], Handle(0).url());
        let warnings: Vec<String> = conversion.warnings.iter().map(|problem| problem.to_string()).collect();
        assert!(warnings.iter().any(|text| text.starts_with("PID: the message names no patient")), "{warnings:?}");
        assert!(warnings.iter().any(|text| text.contains("a ServiceRequest is about a patient")), "{warnings:?}");
        assert!(conversion.hindrances.is_empty() && conversion.names_nobody);
    }

    #[test]
    fn what_has_no_number_within_nobody_is_new() {
        let conversion = converted("ORU^R01^ORU_R01", "OBR|1|||625-4^Culture^LN\nOBX|1|ST|1^A^L||x||||||F").unwrap();
        assert!(conversion.drafts.iter().all(|(_, draft)| draft.identity == Identity::New));
    }

    #[test]
    fn a_patient_who_is_named_is_needed_elsewhere() {
        assert_eq!(converted("OML^O21", WATER).unwrap_err(), "PID: OML^O21 needs a segment PID");
        assert_eq!(converted("ORU^R01", "OBX|1").unwrap_err(), "PID: ORU^R01 needs a segment PID or OBR");
        let named = converted("ORU^R01", &format!("PID|1||4^^^H\n{WATER}")).unwrap();
        assert!(types(&named).contains(&"Patient") && !named.names_nobody);
        let unnamed = converted("ORU^R01", &format!("PID|1||\n{WATER}")).unwrap();
        assert_eq!(unnamed.hindrances[0].to_string(), "PID-3: PID-3 says which patient it is");
    }

    #[test]
    fn what_is_incomplete_is_taken_over_where_the_feed_says_so() {
        for (event, segments, expected) in [
            ("ADT^A01", "PID|1||||Doe^Jane\nPV1|1|I", "Patient"),
            ("ADT^A01", "PV1|1|I|||||||||||||||||V-1^^^H", "Encounter"),
            ("ADT^A01", "PV1|1|I|||||||||||||||||V-1^^^H\nDG1|1||I10^^I10", "Encounter"),
            ("ADT^A31", "EVN|A31", ""),
            ("ADT^A01", "", ""),
            ("OML^O21", "PID|1||||Doe^Jane", "Patient"),
            ("OML^O21", WATER, "Specimen Observation"),
            ("MDM^T02", "PID|1||4^^^H\nTXA|1|CN|TX", "Patient"),
        ] {
            assert!(converted(event, segments).map_or(true, |it| !it.hindrances.is_empty()), "{event} {segments}");
            let conversion = accepted(event, segments).unwrap_or_else(|problem| panic!("{segments}: {problem}"));
            assert_eq!(types(&conversion).join(" "), expected, "{event} {segments}");
            assert!(!conversion.warnings.is_empty() && conversion.hindrances.is_empty(), "{event} {segments}");
        }
    }

    #[test]
    fn a_patient_without_a_number_is_tagged_and_new() {
        let conversion = accepted("ADT^A04", "PID|1||12~|34|Doe^Jane").unwrap();
        let (_, draft) = conversion.drafts.of_type("Patient").next().unwrap();
        assert!(draft.identity != Identity::New, "MSH-4 says whose number it is");
        let conversion = accepted("ADT^A04", "PID|1||~^^^H||Doe^Jane").unwrap();
        let (_, draft) = conversion.drafts.of_type("Patient").next().unwrap();
        assert_eq!(draft.identity, Identity::New);
        assert_eq!(draft.made()["meta"]["tag"][0]["code"], "unidentified");
    }

    #[test]
    fn who_turned_out_to_be_whom_is_said_in_full() {
        assert_eq!(accepted("ADT^A40", "PID|1||1^^^H").unwrap_err(), "MRG: ADT^A40 needs a segment MRG");
        assert_eq!(accepted("ADT^A40", "PID|1||1^^^H\nMRG|").unwrap_err(), "MRG-1: MRG-1 says which patient it was");
        assert_eq!(accepted("XYZ^A40", "PID|1").unwrap_err(), "MSH-9.1: messages of type XYZ are not taken over");
    }
}
