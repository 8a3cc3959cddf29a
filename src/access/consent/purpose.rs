//! Purposes of use and how they contain each other.
//!
//! v3-ActReason <https://terminology.hl7.org/CodeSystem-v3-ActReason.html>, the part below `PurposeOfUse`. A purpose that is named
//! means those below it too, but for emergencies: who permits treatment permits no more than normal data in an emergency, and
//! who refuses treatment refuses emergencies only by their name.

/// Code and the purpose that it is part of.
const TREE: &[(&str, &str)] = &[
    ("BIORCH", "HRESCH"),
    ("BTG", "ETREAT"),
    ("CAREMGT", "HOPERAT"),
    ("CLINTRCH", "HRESCH"),
    ("CLINTRCHNPC", "CLINTRCH"),
    ("CLINTRCHPC", "CLINTRCH"),
    ("CLMATTCH", "HPAYMT"),
    ("COC", "PATRQT"),
    ("COVAUTH", "HPAYMT"),
    ("COVERAGE", "HPAYMT"),
    ("DISASTER", "PUBHLTH"),
    ("DONAT", "HOPERAT"),
    ("DSRCH", "HRESCH"),
    ("ELIGDTRM", "COVERAGE"),
    ("ELIGVER", "COVERAGE"),
    ("ENROLLM", "COVERAGE"),
    ("ERTREAT", "ETREAT"),
    ("ETREAT", "TREAT"),
    ("FAMRQT", "PATRQT"),
    ("FRAUD", "HOPERAT"),
    ("GOV", "HOPERAT"),
    ("HACCRED", "HOPERAT"),
    ("HCOMPL", "HOPERAT"),
    ("HDECD", "HOPERAT"),
    ("HDIRECT", "HOPERAT"),
    ("HDM", "HOPERAT"),
    ("HLEGAL", "HOPERAT"),
    ("HMARKT", "PurposeOfUse"),
    ("HOPERAT", "PurposeOfUse"),
    ("HOUTCOMS", "HOPERAT"),
    ("HPAYMT", "PurposeOfUse"),
    ("HPRGRP", "HOPERAT"),
    ("HQUALIMP", "HOPERAT"),
    ("HRESCH", "PurposeOfUse"),
    ("HSYSADMIN", "HOPERAT"),
    ("HTEST", "PurposeOfUse"),
    ("LABELING", "HOPERAT"),
    ("MEMADMIN", "HOPERAT"),
    ("METAMGT", "HOPERAT"),
    ("MILCDM", "HOPERAT"),
    ("MILDCRG", "HOPERAT"),
    ("MLTRAINING", "HOPERAT"),
    ("OPTOUTTEST", "HTEST"),
    ("PATADMIN", "HOPERAT"),
    ("PATRQT", "PurposeOfUse"),
    ("PATSFTY", "HOPERAT"),
    ("PERFMSR", "HOPERAT"),
    ("POARCH", "BIORCH"),
    ("POPHLTH", "TREAT"),
    ("PRECLINTRCH", "CLINTRCH"),
    ("PUBHLTH", "PurposeOfUse"),
    ("PWATRNY", "PATRQT"),
    ("RECORDMGT", "HOPERAT"),
    ("REMITADV", "HPAYMT"),
    ("RMBURSMT", "HPAYMT"),
    ("SUPNWK", "PATRQT"),
    ("SYSDEV", "HOPERAT"),
    ("THREAT", "PUBHLTH"),
    ("TRAIN", "HOPERAT"),
    ("TRANSRCH", "HRESCH"),
    ("TREAT", "PurposeOfUse"),
    ("TREATDS", "TREAT"),
];

/// The purpose above all others.
pub const ANY: &str = "PurposeOfUse";

/// How far a purpose that a permit names covers one that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cover {
    None,
    /// Data that are not restricted.
    Normal,
    Full,
}

pub fn is_known(code: &str) -> bool {
    code == ANY || parent(code).is_some()
}

fn parent(code: &str) -> Option<&'static str> {
    TREE.binary_search_by(|(known, _)| (*known).cmp(code)).ok().map(|at| TREE[at].1)
}

/// Returns whether `outer` is `code` or contains it.
pub fn contains(outer: &str, code: &str) -> bool {
    std::iter::successors(Some(code), |code| parent(code)).any(|code| code == outer)
}

/// Returns whether the purpose is an emergency.
pub fn is_emergency(code: &str) -> bool {
    contains("ETREAT", code)
}

/// Returns how far a permit for `named` covers a request for `asked`.
pub fn permits(named: &str, asked: &str) -> Cover {
    if named == asked {
        Cover::Full
    } else if !contains(named, asked) {
        Cover::None
    } else if is_emergency(asked) {
        Cover::Normal
    } else {
        Cover::Full
    }
}

/// Returns whether a refusal of `named` covers a request for `asked`.
pub fn denies(named: &str, asked: &str) -> bool {
    contains(named, asked) && (is_emergency(named) || !is_emergency(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_sorted_and_every_branch_ends_at_its_root() {
        assert!(TREE.is_sorted_by(|a, b| a.0 < b.0));
        for (code, _) in TREE {
            assert!(contains(ANY, code), "{code}");
        }
    }

    #[test]
    fn a_purpose_covers_those_below_it_but_emergencies_only_in_part() {
        use Cover::*;
        for (named, asked, permit, deny) in [
            ("TREAT", "TREAT", Full, true),
            ("TREAT", "ETREAT", Normal, false),
            ("TREAT", "BTG", Normal, false),
            ("ETREAT", "BTG", Normal, true),
            ("ETREAT", "ETREAT", Full, true),
            ("BTG", "BTG", Full, true),
            ("BTG", "ETREAT", None, false),
            ("BTG", "TREAT", None, false),
            ("HOPERAT", "CAREMGT", Full, true),
            ("CAREMGT", "HOPERAT", None, false),
            ("PATRQT", "FAMRQT", Full, true),
            ("HRESCH", "CLINTRCH", Full, true),
            ("HPAYMT", "COVERAGE", Full, true),
            (ANY, "HPAYMT", Full, true),
            (ANY, "BTG", Normal, false),
            ("TREAT", "HPAYMT", None, false),
            ("TREAT", "unheard-of", None, false),
        ] {
            assert_eq!((permits(named, asked), denies(named, asked)), (permit, deny), "{named} for {asked}");
        }
    }
}
