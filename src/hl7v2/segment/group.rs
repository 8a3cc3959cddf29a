//! Which ORC, OBR, SPM and OBX belong together.
//!
//! ORU, ORM, OML, OMG and OUL^R22 write ORC before its OBR; OUL^R23 and R24 write it behind, and OUL^R22 has both below SPM.

use crate::hl7v2::tree::Node;

/// An order, what was found for it, and its specimens.
#[derive(Debug, Clone, Default)]
pub struct Group<'n, 'm> {
    pub orc: Option<&'n Node<'m>>,
    pub obr: Option<&'n Node<'m>>,
    /// The specimen above it.
    pub specimen: Option<&'n Node<'m>>,
    /// Segments beside it that carry results: an ORC without OBR of its own, the TXA of a document.
    beside: Vec<&'n Node<'m>>,
}

impl<'n, 'm> Group<'n, 'm> {
    /// Returns what hangs below the OBR and beside it.
    pub fn all(&self, name: &'static str) -> Vec<&'n Node<'m>> {
        let nodes = self.obr.into_iter().chain(self.beside.iter().copied());
        nodes.flat_map(move |node| node.all(name)).collect()
    }

    /// Returns the specimens: the one above, and those below.
    pub fn specimens(&self) -> Vec<&'n Node<'m>> {
        self.specimen.into_iter().chain(self.all("SPM")).collect()
    }
}

/// Returns the groups below a patient.
pub fn groups<'n, 'm>(pid: &'n Node<'m>) -> Vec<Group<'n, 'm>> {
    let mut groups = Vec::new();
    below(pid, None, &mut groups);
    groups
}

fn below<'n, 'm>(parent: &'n Node<'m>, specimen: Option<&'n Node<'m>>, groups: &mut Vec<Group<'n, 'm>>) {
    for node in &parent.below {
        match node.segment.name {
            "SPM" if specimen.is_none() => below(node, Some(node), groups),
            "OBR" => groups.push(Group { obr: Some(node), specimen, ..Group::default() }),
            "ORC" => order(node, specimen, groups),
            "TXA" => {
                if let Some(last) = groups.last_mut() {
                    last.beside.push(node);
                }
            }
            _ => {}
        }
    }
}

fn order<'n, 'm>(orc: &'n Node<'m>, specimen: Option<&'n Node<'m>>, groups: &mut Vec<Group<'n, 'm>>) {
    let mut first = true;
    for obr in orc.all("OBR") {
        // What stands right below the ORC, such as a document, belongs to its first OBR.
        let beside = if first { vec![orc] } else { Vec::new() };
        first = false;
        groups.push(Group { orc: Some(orc), obr: Some(obr), specimen, beside });
    }
    if !first {
        return;
    }
    let is_detailed = ["RXO", "RXE", "RXA", "RXD"].iter().any(|name| orc.one(name).is_some());
    match groups.last_mut().filter(|last| last.orc.is_none() && !is_detailed) {
        Some(last) => {
            last.orc = Some(orc);
            last.beside.push(orc);
        }
        None => groups.push(Group { orc: Some(orc), specimen, beside: vec![orc], ..Group::default() }),
    }
}
