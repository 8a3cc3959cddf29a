//! Which locations are near: by distance, in units, across the date line and at the poles.

use super::matching::check;
use serde_json::{Value, json};

fn at(latitude: &str, longitude: &str) -> Value {
    let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    json!({"resourceType": "Location", "position": {"latitude": number(latitude), "longitude": number(longitude)}})
}

#[test]
fn a_distance_is_as_long_as_its_unit_says() {
    // One degree of latitude is 111.195 km on the mean sphere.
    check(
        at("48", "11"),
        &[
            "near=47|11|111.2",
            "near=47|11|111.2|km",
            "near=47|11|111196|m",
            "near=47|11|69.1|[mi_us]",
            "near=47|11|69.1|mi",
            "near=47|11|60.1|[nmi_i]",
            "near=48|11|0",
            "near=48.0|11.00",
            "near=48.4|11",
            "near=48.4|11||[mi_us]",
            "near=-48|-169|20016",
            "near=-48|-169|1e9",
            "near=0|0|1,48|11|1",
            "near:missing=false",
            "near=48|11&near=48.1|11",
        ],
        &[
            "near=47|11|111.1",
            "near=47|11|111190|m",
            "near=47|11|69|[mi_us]",
            "near=47|11|60|[nmi_i]",
            "near=48.0001|11|0",
            "near=48.5|11",
            "near=-48|-169|19000",
            "near:missing=true",
            "near=48|11&near=0|0",
        ],
    );
}

#[test]
fn the_date_line_and_the_poles_are_no_borders() {
    check(
        at("-17", "179.9"),
        &["near=-17|-179.9|22", "near=-17|180|11", "near=-17|-180|11"],
        &["near=-17|-179.9|21", "near=-17|0"],
    );
    check(at("89.9", "0"), &["near=89.9|180|23", "near=90|77|12", "near=89.9|90|16"], &["near=89.9|180|22"]);
    check(at("-90", "45"), &["near=-90|-120|0.001", "near=-89.9|0|12"], &["near=90|45|19000"]);
    check(at("0.00001", "0"), &["near=0|0|2|m"], &["near=0|0|1|m"]);
}

#[test]
fn what_is_no_place_on_earth_is_nowhere() {
    for odd in [
        json!({"resourceType": "Location", "name": "x"}),
        json!({"resourceType": "Location", "position": {"latitude": 1}}),
        at("91", "0"),
        at("0", "-180.1"),
        at("\"0\"", "0"),
    ] {
        check(odd, &["near:missing=true"], &["near=0|0|30000", "near:missing=false"]);
    }
}
