//! Which ORC, OBR, SPM and OBX belong together.
//!
//! ORU, ORM, OML, OMG and OUL^R22 write ORC before its OBR; OUL^R23 and R24 write it behind, and OUL^R22 has both below SPM.

use super::specimen;
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::draft::Handle;
use crate::hl7v2::event::Family;
use crate::hl7v2::tree::Node;

/// An order, what was found for it, and its specimens.
#[derive(Debug, Clone, Default)]
pub struct Group<'n, 'm> {
    pub orc: Option<&'n Node<'m>>,
    pub obr: Option<&'n Node<'m>>,
    /// The specimen above it.
    pub specimen: Option<&'n Node<'m>>,
    /// Whether it is the first of that.
    is_first: bool,
    /// The visit that it belongs to where that is not the one of the message: results of an earlier one, sent along with an order.
    pub visit: Option<&'n Node<'m>>,
    /// Segments beside it that carry results: an ORC without OBR of its own, the TXA of a document.
    beside: Vec<&'n Node<'m>>,
    /// The TXA of the document that its ORC carries.
    pub document: Option<&'n Node<'m>>,
}

impl<'n, 'm> Group<'n, 'm> {
    /// Returns what hangs below the OBR and beside it.
    pub fn all(&self, name: &'static str) -> Vec<&'n Node<'m>> {
        let is_content = |node: &Node| name == "OBX" && self.document.is_some() && node.segment.name == "ORC";
        let nodes = self.obr.into_iter().chain(self.beside.iter().copied()).filter(|node| !is_content(node));
        nodes.flat_map(move |node| node.all(name)).collect()
    }

    /// Returns the segments OBX that hold its document: those before the TXA.
    pub fn content(&self) -> Vec<&'n Node<'m>> {
        self.orc.filter(|_| self.document.is_some()).into_iter().flat_map(|orc| orc.all("OBX")).collect()
    }

    /// Returns the segments of a name that stand beside it.
    pub fn all_beside(&self, name: &'static str) -> impl Iterator<Item = &'n Node<'m>> {
        self.beside.iter().copied().filter(move |node| node.segment.name == name)
    }

    /// Returns the segments OBX that are results.
    pub fn results(&self) -> Vec<&'n Node<'m>> {
        let own = self.all("OBX");
        if !own.is_empty() {
            return own;
        }
        // OUL^R24 writes results behind the specimen, where nothing tells them from what was seen of the specimen.
        self.all("SPM").into_iter().flat_map(|spm| spm.all("OBX")).collect()
    }

    /// Adds the specimens: the one above, those below, else the one that OBR itself speaks of. `key` is that of the order or report.
    pub fn specimens(&self, ctx: &Ctx, patient: Handle, encounter: Option<Handle>, key: Option<&str>) -> Vec<Handle> {
        let below = self.all("SPM");
        let is_order = ctx.event.family == Family::Order;
        let has_results = is_order || !self.all("OBX").is_empty();
        let above = self.specimen.map(|node| (node, self.is_first));
        let mut all = Vec::new();
        for (node, is_about_it) in above.into_iter().chain(below.into_iter().map(|node| (node, has_results))) {
            let is_known = |above: &&Node| !self.is_first && above.segment.at() == node.segment.at();
            let known = self.specimen.filter(is_known).and_then(|above| specimen::of(ctx, above));
            let specimen = known.unwrap_or_else(|| specimen::specimen(ctx, node, patient, key));
            if let Some(obr) = self.obr {
                specimen::collected_as(ctx, obr, specimen);
            }
            if is_about_it {
                specimen::observations(ctx, node, specimen, patient, encounter);
            }
            all.push(specimen);
        }
        if let (true, Some(obr)) = (all.is_empty(), self.obr) {
            all.extend(specimen::of_obr(ctx, obr, self.orc, patient, key));
        }
        all
    }
}

/// Returns the groups below a patient.
pub fn groups<'n, 'm>(pid: &'n Node<'m>) -> Vec<Group<'n, 'm>> {
    let mut groups = Vec::new();
    below(pid, None, &mut groups);
    groups
}

/// Returns those of an ORC alone.
pub fn of_order<'n, 'm>(orc: &'n Node<'m>) -> Vec<Group<'n, 'm>> {
    let mut groups = Vec::new();
    order(orc, None, &mut groups);
    groups
}

fn below<'n, 'm>(parent: &'n Node<'m>, specimen: Option<&'n Node<'m>>, groups: &mut Vec<Group<'n, 'm>>) {
    let mut visit = None;
    for node in &parent.below {
        let begin = groups.len();
        match node.segment.name {
            "PV1" if begin > 0 => visit = Some(node),
            "SPM" if specimen.is_none() => {
                below(node, Some(node), groups);
                if let Some(first) = groups.get_mut(begin) {
                    first.is_first = true;
                }
            }
            "OBR" => groups.push(Group { obr: Some(node), specimen, ..Group::default() }),
            "ORC" => order(node, specimen, groups),
            "TXA" => document(node, groups),
            _ => {}
        }
        groups.iter_mut().skip(begin).for_each(|group| group.visit = visit);
    }
}

/// A document of an ORC belongs to its first OBR.
fn document<'n, 'm>(txa: &'n Node<'m>, groups: &mut [Group<'n, 'm>]) {
    let is_first = |group: &Group| group.beside.iter().any(|node| node.segment.name == "ORC");
    let has_orc = groups.last().is_some_and(|last| last.orc.is_some());
    let found = if has_orc { groups.iter_mut().rfind(|group| is_first(group)) } else { groups.last_mut() };
    if let Some(group) = found {
        group.beside.push(txa);
        group.document = Some(txa);
    }
}

fn order<'n, 'm>(orc: &'n Node<'m>, specimen: Option<&'n Node<'m>>, groups: &mut Vec<Group<'n, 'm>>) {
    let mut first = true;
    for obr in orc.all("OBR") {
        // What stands right below the ORC, such as a document, belongs to its first OBR.
        let beside = if first { vec![orc] } else { Vec::new() };
        first = false;
        groups.push(Group { orc: Some(orc), obr: Some(obr), specimen, beside, ..Group::default() });
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
