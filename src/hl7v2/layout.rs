//! A message as people read it: its segments one below the other, a line for each field, and what is wrong beside the field it is at.

use super::message::{Message, Segment};

/// Characters of a field that are shown; a document in base64 says nothing to anybody.
const SHOWN_MAX: usize = 400;
/// Segments that are shown.
const SEGMENTS_MAX: usize = 500;
/// Fields of a segment that are shown.
const FIELDS_MAX: usize = 100;

/// One segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// `OBX[2]`
    pub place: String,
    /// What segments of this name are about; empty for those that only the sender knows.
    pub title: &'static str,
    pub fields: Vec<Line>,
    /// What is wrong with it as a whole, or with a field that it has not.
    pub problems: Vec<String>,
}

/// One field that says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// `OBX[2]-5`
    pub place: String,
    pub text: String,
    pub problems: Vec<String>,
}

/// A message laid out, and what is wrong with something that it has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub blocks: Vec<Block>,
    pub problems: Vec<String>,
    /// Segments that are not shown.
    pub left_out: usize,
}

/// Lays a message out. Problems are places, as they are written (`PID-3.4`), and texts.
pub fn layout(message: &Message, problems: &[(String, String)]) -> Layout {
    let mut rest: Vec<&(String, String)> = problems.iter().collect();
    let blocks = message.segments().take(SEGMENTS_MAX).map(|segment| block(segment, &mut rest)).collect();
    let told = |(place, text): &&(String, String)| match place.is_empty() {
        true => text.clone(),
        false => format!("{place}: {text}"),
    };
    let left_out = message.segments().count().saturating_sub(SEGMENTS_MAX);
    Layout { blocks, problems: rest.iter().map(told).collect(), left_out }
}

/// Lays out one segment and takes its problems from those that are left.
fn block(segment: Segment, rest: &mut Vec<&(String, String)>) -> Block {
    let place = segment.at().to_string();
    let fields = (1..=segment.last().min(FIELDS_MAX)).filter_map(|n| {
        let part = segment.field(n);
        let place = part.at.to_string();
        (!part.is_absent()).then(|| Line { problems: take(rest, &place), text: shown(part.raw()), place })
    });
    let fields = fields.collect();
    Block { title: title(segment.name), fields, problems: take_all(rest, &place), place }
}

/// Takes the problems at a field or below it.
fn take(rest: &mut Vec<&(String, String)>, field: &str) -> Vec<String> {
    let is_below =
        |at: &str| at.strip_prefix(field).is_some_and(|below| below.is_empty() || below.starts_with(['.', '[']));
    let (here, others): (Vec<_>, Vec<_>) = rest.drain(..).partition(|(at, _)| is_below(at));
    *rest = others;
    // The field itself stands beside it.
    let told = |(at, text): &(String, String)| if at == field { text.clone() } else { format!("{at}: {text}") };
    here.into_iter().map(told).collect()
}

/// Takes the problems of a segment that are at no field that it has.
fn take_all(rest: &mut Vec<&(String, String)>, segment: &str) -> Vec<String> {
    let is_its = |at: &str| at.strip_prefix(segment).is_some_and(|below| below.is_empty() || below.starts_with('-'));
    let (here, others): (Vec<_>, Vec<_>) = rest.drain(..).partition(|(at, _)| is_its(at));
    *rest = others;
    let told = |(at, text): &(String, String)| if at == segment { text.clone() } else { format!("{at}: {text}") };
    here.into_iter().map(told).collect()
}

fn shown(text: &str) -> String {
    let length = text.chars().count();
    if length <= SHOWN_MAX {
        return text.to_string();
    }
    let begin: String = text.chars().take(SHOWN_MAX).collect();
    format!("{begin} … ({length} characters)")
}

/// Returns what segments of a name are about, in our own words.
fn title(name: &str) -> &'static str {
    const TITLES: &[(&str, &str)] = &[
        ("AIG", "what is booked: things"),
        ("AIL", "what is booked: places"),
        ("AIP", "what is booked: people"),
        ("AIS", "what is booked: services"),
        ("AL1", "allergy"),
        ("DG1", "diagnosis"),
        ("EVN", "event"),
        ("FT1", "charge"),
        ("GT1", "who pays for the patient"),
        ("IAM", "allergy, with what is to be done"),
        ("IN1", "insurance"),
        ("IN2", "insurance, continued"),
        ("MRG", "number that is given up"),
        ("MSH", "header of the message"),
        ("NK1", "relative or contact person"),
        ("NTE", "note"),
        ("OBR", "order or report"),
        ("OBX", "observation"),
        ("ORC", "order"),
        ("PD1", "patient, continued"),
        ("PID", "patient"),
        ("PR1", "procedure"),
        ("PRT", "participant"),
        ("PV1", "visit"),
        ("PV2", "visit, continued"),
        ("RGS", "group of bookings"),
        ("ROL", "role of a person"),
        ("RXA", "what was given"),
        ("RXC", "ingredient"),
        ("RXE", "prescription as it is dispensed"),
        ("RXO", "prescription"),
        ("RXR", "route"),
        ("SCH", "appointment"),
        ("SFT", "software of the sender"),
        ("SPM", "specimen"),
        ("TQ1", "timing"),
        ("TXA", "document"),
    ];
    TITLES.iter().find(|(known, _)| *known == name).map_or("", |(_, title)| title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_stand_beside_the_field_they_are_at() {
        let text = "MSH|^~\\&|LAB\rPID|||1^^^H||A^B\rOBX|1|NM|x\rOBX|2|NM|y||1.2.3\rZZZ|own";
        let message = Message::parse(text).unwrap();
        let problem = |at: &str| (at.to_string(), "wrong".to_string());
        let all = ["PID-3.4", "PID-7", "OBX[2]-5", "OBX-3", "OBX[3]-1", "PV1", "", "OBX"].map(problem);
        let layout = layout(&message, &all);
        let told: Vec<String> = layout
            .blocks
            .iter()
            .flat_map(|block| {
                let own = block.problems.iter().map(|p| format!("{} {p}", block.place));
                let fields = block.fields.iter().flat_map(|f| f.problems.iter().map(|p| format!("{} {p}", f.place)));
                own.chain(fields).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(told, ["PID PID-7: wrong", "PID-3 PID-3.4: wrong", "OBX wrong", "OBX-3 wrong", "OBX[2]-5 wrong",]);
        assert_eq!(layout.problems, ["OBX[3]-1: wrong", "PV1: wrong", "wrong"]);
        let lines: Vec<String> = layout.blocks[1].fields.iter().map(|f| format!("{} {}", f.place, f.text)).collect();
        assert_eq!(lines, ["PID-3 1^^^H", "PID-5 A^B"]);
        assert_eq!(layout.blocks[0].fields[0].text, "|");
        assert_eq!(layout.blocks[4].title, "");
    }

    #[test]
    fn a_field_that_is_long_is_cut() {
        let message = Message::parse(format!("MSH|^~\\&|\rOBX|1|ED|||{}", "é".repeat(1000))).unwrap();
        let field = &layout(&message, &[]).blocks[1].fields[2];
        assert!(field.text.ends_with("… (1000 characters)") && field.text.chars().count() < 450, "{}", field.text);
    }
}
