//! The parts of a walk along dates.

use super::probe::period_test;
use super::sql::{Param, Values};
use crate::search::expr::{Date, DateTest};
use crate::search::period::{BEGINNING, CLASS_LENGTH_MAX, END};

/// Binds, for every class of length, its key and the bounds of `lo`; returns them as the table `w (key, lo, hi)`.
pub(super) fn bounds(values: &mut Values, keys: Param, tests: &[DateTest], beginning: i64) -> String {
    let (mut from, mut to) = (Vec::new(), Vec::new());
    for length in CLASS_LENGTH_MAX {
        let windows = tests.iter().map(|test| test.window(length));
        let (lo, hi) = windows.fold((beginning, END), |(lo, hi), (a, b)| (lo.max(a), hi.min(b)));
        from.push(lo);
        to.push(hi);
    }
    let number = if matches!(keys, Param::I32s(_)) { "integer" } else { "bigint" };
    let keys = values.bind(keys);
    let (from, to) = (values.bind(Param::I64s(from)), values.bind(Param::I64s(to)));
    format!("unnest({keys}::{number}[], {from}::bigint[], {to}::bigint[]) w (key, lo, hi)")
}

/// Returns the exact tests of a row, each as one condition.
pub(super) fn tests(values: &mut Values, tests: &[DateTest], alias: &str) -> Vec<String> {
    tests.iter().map(|test| period_test(values, test, alias)).collect()
}

/// Returns a subquery for the numbers of all resources with a passing date.
pub(super) fn windows(values: &mut Values, date: &Date) -> String {
    let bounds = bounds(values, Param::I32s(date.keys.to_vec()), &date.tests, BEGINNING);
    let tests: String = tests(values, &date.tests, "v").iter().map(|test| format!(" and {test}")).collect();
    format!(
        "(select v.no from {bounds}\n  cross join lateral (select v.no from date_value v where v.key = w.key\n    and v.lo \
         between w.lo and w.hi{tests} offset 0) v)"
    )
}
