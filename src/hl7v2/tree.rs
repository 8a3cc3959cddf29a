//! What hangs below what: the segments of a message as a tree.
//!
//! The standard writes a grammar for every message; feeds keep to it loosely. Here a segment belongs to the latest segment before
//! it that `nesting.txt` allows, so that what is out of order, repeated or unknown harms nothing else.

use super::message::{Message, Segment};
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// One segment and what hangs below it.
#[derive(Debug, Clone)]
pub struct Node<'m> {
    pub segment: Segment<'m>,
    /// In their order.
    pub below: Vec<Node<'m>>,
}

impl<'m> Node<'m> {
    /// Returns the segments of a name right below.
    pub fn all<'n>(&'n self, name: &str) -> impl Iterator<Item = &'n Node<'m>> {
        self.below.iter().filter(move |node| node.segment.name == name)
    }

    pub fn one(&self, name: &str) -> Option<&Node<'m>> {
        self.all(name).next()
    }

    /// Returns the segments of a name anywhere below, in their order.
    pub fn anywhere<'n>(&'n self, name: &str) -> Vec<&'n Node<'m>> {
        let mut found = Vec::new();
        for node in &self.below {
            if node.segment.name == name {
                found.push(node);
            }
            found.extend(node.anywhere(name));
        }
        found
    }
}

/// Returns the tree of a message; its root is MSH.
pub fn tree(message: &Message) -> Node<'_> {
    let mut root = Node { segment: message.header(), below: Vec::new() };
    // Segments that may still carry others, the latest last: the name and, for each level, the place in `below`.
    let mut open: Vec<(&str, Vec<usize>)> = vec![("MSH", Vec::new())];
    let is_behind = is_order_behind(message);
    for segment in message.segments().skip(1) {
        let name = segment.name;
        let above = if is_behind && name == "OBR" { &["SPM", "PID"] } else { above(name) };
        // Nothing hangs below one of its own name: a second order belongs to no specimen of the first.
        let is_within_own =
            |way: &[usize]| open.iter().any(|(other, theirs)| *other == name && way.starts_with(theirs));
        let parent = open.iter().rev().find(|(other, way)| above.contains(other) && !is_within_own(way));
        let way = parent.map_or(Vec::new(), |(_, way)| way.clone());
        let mut node = &mut root;
        for place in &way {
            node = &mut node.below[*place];
        }
        let own: Vec<usize> = way.iter().copied().chain([node.below.len()]).collect();
        node.below.push(Node { segment, below: Vec::new() });
        // Its sibling of the same name, and what hangs below that, is complete.
        let siblings: Vec<Vec<usize>> = open
            .iter()
            .filter(|(other, theirs)| *other == name && theirs.len() == own.len() && theirs.starts_with(&way))
            .map(|(_, theirs)| theirs.clone())
            .collect();
        open.retain(|(_, theirs)| !siblings.iter().any(|sibling| theirs.starts_with(sibling)));
        if CARRIERS.contains(name) {
            open.push((name, own));
        }
    }
    root
}

/// Returns whether each ORC stands behind its OBR, as in OUL: the OBR after it is the next one.
fn is_order_behind(message: &Message) -> bool {
    let first = || message.segments().map(|segment| segment.name).find(|name| ["ORC", "OBR"].contains(name));
    message.header().field(9).part(1).is("OUL") && first() == Some("OBR")
}

static NESTING: LazyLock<HashMap<&str, Vec<&str>>> = LazyLock::new(|| {
    let lines = include_str!("nesting.txt").lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let mut nesting: HashMap<&str, Vec<&str>> = HashMap::new();
    for line in lines {
        let (names, above) = line.split_once(':').unwrap_or((line, ""));
        for name in names.split_whitespace() {
            nesting.entry(name).or_default().extend(above.split_whitespace());
        }
    }
    nesting
});

/// What something may hang below: others need not be kept open, however many names a message makes up.
static CARRIERS: LazyLock<HashSet<&str>> = LazyLock::new(|| NESTING.values().flatten().copied().collect());

/// Returns what a segment may hang below.
fn above(name: &str) -> &'static [&'static str] {
    NESTING.get(name).map_or(&["MSH"], |above| above)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(node: &Node) -> String {
        let own = node.segment.name.to_string();
        match node.below.is_empty() {
            true => own,
            false => format!("{own}({})", node.below.iter().map(words).collect::<Vec<_>>().join(" ")),
        }
    }

    #[track_caller]
    fn check(names: &str, expected: &str) {
        check_of("", names, expected);
    }

    #[track_caller]
    fn check_of(code: &str, names: &str, expected: &str) {
        let lines: Vec<String> = names.split(' ').map(|name| format!("{name}|")).collect();
        let message = Message::parse(format!("MSH|^~\\&|||||||{code}\r{}", lines.join("\r"))).unwrap();
        assert_eq!(words(&tree(&message)), format!("MSH({expected})"), "{names}");
    }

    #[test]
    fn an_order_behind_its_request_does_not_carry_the_next_one() {
        check_of("OUL", "PID OBR ORC OBR ORC OBX", "PID(OBR ORC OBR ORC(OBX))");
        check_of("OUL", "PID SPM OBR ORC OBR ORC", "PID(SPM(OBR ORC OBR ORC))");
        check_of("OUL", "PID SPM ORC OBR ORC OBR", "PID(SPM(ORC(OBR) ORC(OBR)))");
        check_of("ORU", "PID OBR ORC OBR", "PID(OBR ORC(OBR))");
    }

    #[test]
    fn segments_hang_below_the_latest_that_may_carry_them() {
        check("EVN PID PD1 NK1 PV1 PV2 OBX AL1", "EVN PID(PD1 NK1 PV1(PV2) OBX AL1)");
        check("PID PV1 ORC OBR OBX NTE OBX ORC OBR OBX", "PID(PV1 ORC(OBR(OBX(NTE) OBX)) ORC(OBR(OBX)))");
        check("PID OBR OBX OBR OBX", "PID(OBR(OBX) OBR(OBX))");
        check("PID ORC OBR OBX SPM OBX", "PID(ORC(OBR(OBX SPM(OBX))))");
        check("PID ORC RXA RXR OBX ORC RXA", "PID(ORC(RXA(RXR OBX)) ORC(RXA))");
        check("SCH NTE PID PV1 RGS AIS NTE AIP", "SCH(NTE) PID(PV1) RGS(AIS(NTE) AIP)");
        check("EVN PID MRG PID MRG", "EVN PID(MRG) PID(MRG)");
        check("PID ZZZ PV1 ROL", "PID(PV1(ROL)) ZZZ");
    }
}
