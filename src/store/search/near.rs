//! Conditions on the distance from a point.
//!
//! R4 <https://hl7.org/fhir/R4/location.html#search>. The index bounds the latitude; the great-circle distance by the
//! haversine formula then decides, which holds across the date line and at the poles as everywhere.

use super::sql::{Param, Values};
use crate::search::expr::Near;

/// Returns the condition that the resource numbered `no` is near enough.
pub(super) fn probe(values: &mut Values, near: &Near, no: &str) -> String {
    let (from, test) = found(values, near);
    format!("exists (select from {from}\n    where p.no = {no} and {test} offset 0)")
}

/// Returns a subquery for the numbers of all resources that are near enough.
pub(super) fn within(values: &mut Values, near: &Near) -> String {
    let (from, test) = found(values, near);
    format!("(select p.no from {from}\n    where {test} offset 0)")
}

/// Returns the tables and the condition on a latitude `p` and the longitude `q` of the same resource.
fn found(values: &mut Values, near: &Near) -> (String, String) {
    let [latitudes, longitudes] = near.keys.map(|key| values.i64(key));
    let (from, to) = (values.numeric(&near.from), values.numeric(&near.to));
    let mut number = |text: &str| format!("{}::text::float8", values.bind(Param::Text(text.to_string())));
    let (latitude, longitude) = (number(&near.latitude), number(&near.longitude));
    let most = number(&near.haversine);
    let tables = format!(
        "quantity_value p\n    cross join lateral (select v.lo from quantity_value v where v.no = p.no and v.key = \
         {longitudes} offset 0) q"
    );
    let test = format!(
        "p.key = {latitudes} and p.lo between {from} and {to}\n    and power(sind((p.lo::float8 - {latitude}) / 2), 2) + \
         cosd({latitude}) * cosd(p.lo::float8) * power(sind((q.lo::float8 - {longitude}) / 2), 2) <= {most}"
    );
    (tables, test)
}
