//! Text for people: of codes, and of notes.

use crate::hl7v2::message::{Part, Segment};
use crate::hl7v2::tree::Node;

/// Returns what a CWE says to people: its original text, else its text, else its code.
pub fn words(part: Part) -> Option<String> {
    [9, 2, 5, 1].into_iter().find_map(|n| part.part(n).text().map(|text| text.into_owned()))
}

/// Returns the words of all repetitions of a field.
pub fn all(segment: Segment, field: usize) -> Vec<String> {
    segment.field(field).repetitions().filter_map(words).collect()
}

/// Returns the text of the NTE right below: a line for each repetition of NTE-3.
pub fn notes(node: &Node) -> Vec<String> {
    let text = |nte: &Node| {
        let lines: Vec<String> = nte.segment.field(3).repetitions().filter_map(Part::whole).collect();
        // Feeds that number their fields wrongly have the comment in NTE-2.
        if lines.is_empty() {
            nte.segment.field(2).whole().filter(|text| text.len() > 8)
        } else {
            Some(lines.join("\n"))
        }
    };
    node.all("NTE").filter_map(text).collect()
}
