//! What a resource stands under in the index, as rows without the resource's number.

use std::cmp::Ordering;

/// The index rows of one resource. Every list is sorted and free of duplicates, so that two states are compared by a
/// merge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IndexRows {
    pub terms: Vec<i64>,
    /// Those of the terms that are references to resources of this server.
    pub refs: Vec<i64>,
    /// The patients whose record the resource is part of, as targets of references.
    pub about: Vec<i64>,
    /// Who cares for whom, and who belongs to what: see [`super::relation`].
    pub links: Vec<(i16, i64, i64)>,
    /// When the version was made, as it says itself; microseconds since 1970.
    pub updated: Option<i64>,
    /// Key and stored text, see [`super::normal::stored`].
    pub strings: Vec<(i32, String)>,
    /// Key, first and last microsecond since 1970.
    pub dates: Vec<(i32, i64, i64)>,
    /// Key, least and greatest value as decimal text.
    pub quantities: Vec<(i64, String, String)>,
    /// Key, first and last microsecond since 1970.
    pub timeline: Vec<(i64, i64, i64)>,
    /// The set of columns that have a value, which `:missing` asks for. Its key is also one of `terms`.
    pub shape: Shape,
}

/// A set of columns. Many resources share one, so it is stored once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    pub key: i64,
    pub resource_type: i16,
    /// Sorted keys of columns.
    pub columns: Vec<i64>,
}

impl IndexRows {
    /// Returns what must be removed and what must be added to make `new` of `old`.
    ///
    /// A shape is never removed: other resources may have it.
    pub fn diff(old: &IndexRows, new: &IndexRows) -> (IndexRows, IndexRows) {
        let (mut gone, mut made) = (IndexRows::default(), IndexRows::default());
        merge(&old.terms, &new.terms, &mut gone.terms, &mut made.terms);
        merge(&old.strings, &new.strings, &mut gone.strings, &mut made.strings);
        merge(&old.dates, &new.dates, &mut gone.dates, &mut made.dates);
        merge(&old.quantities, &new.quantities, &mut gone.quantities, &mut made.quantities);
        merge(&old.timeline, &new.timeline, &mut gone.timeline, &mut made.timeline);
        merge(&old.links, &new.links, &mut gone.links, &mut made.links);
        if old.shape != new.shape {
            made.shape = new.shape.clone();
        }
        (gone, made)
    }

    pub(super) fn settle_relations(&mut self) {
        settle(&mut self.about);
        settle(&mut self.links);
    }

    /// Sorts every list and removes duplicates.
    pub(super) fn settle(&mut self) {
        settle(&mut self.terms);
        settle(&mut self.refs);
        settle(&mut self.strings);
        settle(&mut self.dates);
        settle(&mut self.quantities);
        settle(&mut self.timeline);
    }
}

fn settle<T: Ord>(rows: &mut Vec<T>) {
    rows.sort_unstable();
    rows.dedup();
}

/// Walks two sorted lists and notes what only one of them has.
fn merge<T: Ord + Clone>(old: &[T], new: &[T], gone: &mut Vec<T>, made: &mut Vec<T>) {
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        let order = match (old.get(i), new.get(j)) {
            (Some(a), Some(b)) => a.cmp(b),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        match order {
            Ordering::Less => gone.push(old[i].clone()),
            Ordering::Greater => made.push(new[j].clone()),
            Ordering::Equal => {}
        }
        i += usize::from(order != Ordering::Greater);
        j += usize::from(order != Ordering::Less);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_holds_what_changed_and_no_more() {
        let old = IndexRows { terms: vec![1, 2, 4], dates: vec![(1, 5, 6)], ..IndexRows::default() };
        let new = IndexRows { terms: vec![2, 3, 5], dates: vec![(1, 5, 6)], ..IndexRows::default() };
        let (gone, made) = IndexRows::diff(&old, &new);
        assert_eq!((gone.terms, made.terms), (vec![1, 4], vec![3, 5]));
        assert!(gone.dates.is_empty() && made.dates.is_empty());
        let (gone, made) = IndexRows::diff(&new, &new);
        assert_eq!((gone, made), (IndexRows::default(), IndexRows::default()));
    }
}
