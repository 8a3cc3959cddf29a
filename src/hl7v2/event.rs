//! What each trigger event asks for: the table `events.txt`.
//!
//! v2-to-FHIR, message maps; where the guide has none, what `DECISIONS.md` says.

use super::message::Message;
use super::problem::{Code, Place, Problem};
use std::borrow::Cow;
use std::sync::LazyLock;

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Message code and trigger, `ADT^A01`.
    pub name: &'static str,
    /// Message structure, `ADT_A01`.
    pub structure: &'static str,
    /// Segments without which it says nothing.
    pub needs: &'static str,
    /// What is done with it.
    pub family: Family,
    /// What it says of the status of its visit, order, appointment or document; empty where it says nothing.
    pub status: &'static str,
    /// For people.
    pub title: &'static str,
}

/// Messages that are converted by the same code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Patients and visits.
    Admit,
    /// Patients alone; a visit only where one is named.
    Person,
    Merge,
    Order,
    Result,
    Schedule,
    Document,
    Vaccination,
    Pharmacy,
    Charge,
    Referral,
}

impl Family {
    fn named(name: &str) -> Option<Family> {
        Some(match name {
            "admit" => Family::Admit,
            "person" => Family::Person,
            "merge" => Family::Merge,
            "order" => Family::Order,
            "result" => Family::Result,
            "schedule" => Family::Schedule,
            "document" => Family::Document,
            "vaccination" => Family::Vaccination,
            "pharmacy" => Family::Pharmacy,
            "charge" => Family::Charge,
            "referral" => Family::Referral,
            _ => return None,
        })
    }
}

impl Event {
    /// Returns what is wrong with a message of this event that lacks segments without which it says nothing.
    pub fn lacks(&self, message: &Message) -> Vec<Problem> {
        // One of several is enough.
        let is_there = |need: &str| need.split('/').any(|name| message.segments().any(|segment| segment.name == name));
        let lacking = self.needs.split('+').filter(|need| !need.is_empty() && !is_there(need));
        let problem = |need: &str| {
            let place = Place::segment(need.split('/').next().unwrap_or_default(), 1);
            let text = format!("{} needs a segment {}", self.name, need.replace('/', " or "));
            Problem::error(Code::SegmentSequence, place, text)
        };
        lacking.map(problem).collect()
    }
}

/// All events that are taken over.
pub static ALL: LazyLock<Vec<Event>> = LazyLock::new(|| {
    let lines = include_str!("events.txt").lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let dash = |cell: &'static str| if cell == "-" { "" } else { cell };
    let event = |line: &'static str| {
        let (row, title) = line.split_once('|')?;
        let cells: Vec<&'static str> = row.split_whitespace().collect();
        let [name, structure, family, status, needs] = cells[..] else { return None };
        let family = Family::named(family)?;
        Some(Event { name, structure, needs: dash(needs), family, status: dash(status), title: title.trim() })
    };
    // A row that cannot be read is missing, which a test sees.
    lines.filter_map(event).collect()
});

/// Returns what a message asks for, or why it is refused; whether it has what that needs is for [`Event::lacks`] to say.
pub fn event(message: &Message) -> Result<Event, Problem> {
    let field = message.header().field(9);
    let (code, trigger) = (field.part(1).text(), field.part(2).text());
    let Some(code) = code else {
        return Err(Problem::error(
            Code::RequiredField,
            field.at.component(1),
            "MSH-9.1 says what type of message it is",
        ));
    };
    let trigger = trigger.or_else(|| unsaid(&code, message)).unwrap_or_default();
    let name = format!("{code}^{trigger}");
    if let Some(event) = ALL.iter().find(|event| event.name == name) {
        return Ok(*event);
    }
    let is_known = |event: &&Event| event.name.split('^').next() == Some(&*code);
    if ALL.iter().any(|event| is_known(&event)) {
        let text = format!("the event {name} is not taken over");
        return Err(Problem::error(Code::UnsupportedEvent, field.at.component(2), text));
    }
    Err(Problem::error(
        Code::UnsupportedType,
        field.at.component(1),
        format!("messages of type {code} are not taken over"),
    ))
}

/// Events that a type alone usually means, where it has several.
const USUAL: &[(&str, &str)] = &[("DFT", "P03"), ("MDM", "T02"), ("RDE", "O11")];

/// Returns the event of a message that names its type alone, as in v2.1: the one that EVN-1 names, the only one of its type, or the usual one.
fn unsaid<'m>(code: &str, message: &'m Message) -> Option<Cow<'m, str>> {
    if let Some(event) = message.segments().find(|segment| segment.name == "EVN").and_then(|evn| evn.field(1).text()) {
        return Some(event);
    }
    let mut own = ALL.iter().filter_map(|event| event.name.split_once('^')).filter(|(of, _)| *of == code);
    let usual = USUAL.iter().find(|(of, _)| *of == code).map(|(_, trigger)| *trigger);
    let only = own.next().map(|(_, trigger)| trigger).filter(|_| own.next().is_none());
    usual.or(only).map(Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_read() {
        let lines = include_str!("events.txt").lines().filter(|l| !l.starts_with('#') && !l.trim().is_empty());
        assert_eq!(ALL.len(), lines.count());
        let mut names: Vec<_> = ALL.iter().map(|event| event.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len(), "an event has one row");
    }

    #[test]
    fn a_type_alone_means_its_usual_event() {
        for (text, expected) in [
            ("ORU", "ORU^R01"),
            ("ORM", "ORM^O01"),
            ("VXU", "VXU^V04"),
            ("OML", "OML^O21"),
            ("RDE", "RDE^O11"),
            ("DFT", "DFT^P03"),
            ("MDM", "MDM^T02"),
            ("ADT\rEVN|A08|2026", "ADT^A08"),
            ("MDM\rEVN|T11|2026", "MDM^T11"),
            ("ADT", "MSH-9[1].2: the event ADT^ is not taken over"),
            ("ADT\rEVN|A99|2026", "the event ADT^A99 is not taken over"),
            ("SIU", "the event SIU^ is not taken over"),
            ("XYZ", "messages of type XYZ are not taken over"),
        ] {
            let message = Message::parse(format!("MSH|^~\\&|||||||{text}")).unwrap();
            let found = event(&message).map_or_else(|problem| problem.text, |event| event.name.to_string());
            assert!(expected.ends_with(&found), "{text}: {found}");
        }
    }
}
