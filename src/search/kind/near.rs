//! `near`: locations within a distance of a point.
//!
//! R4 <https://hl7.org/fhir/R4/location.html#search>: `[latitude]|[longitude]|[distance]|[units]`, in kilometres without
//! units. Without a distance it is the server's to say what is near: [`NEAR_M`].

use super::{Emit, number};
use crate::fault::Fault;
use crate::search::column::Column;
use crate::search::condition::{Asked, Condition};
use crate::search::decimal::Decimal;
use crate::search::expr::{Expr, Near};
use crate::search::key::Keyer;
use crate::search::sink::Sink;
use serde_json::Value;

/// What is near where the query does not say.
const NEAR_M: f64 = 50_000.0;
/// The mean radius of the earth as R1 of WGS84 gives it.
const RADIUS_M: f64 = 6_371_008.8;
/// Rounding must not leave out what lies on the edge.
const EDGE_DEGREES: f64 = 1e-9;

/// Units of length by their UCUM code, and the names that people write instead.
const UNITS: &[(&str, f64)] = &[
    ("km", 1_000.0),
    ("m", 1.0),
    ("cm", 0.01),
    ("[mi_i]", 1_609.344),
    ("[mi_us]", 6_336_000.0 / 3_937.0),
    ("mi", 1_609.344),
    ("[nmi_i]", 1_852.0),
    ("[yd_i]", 0.9144),
    ("[ft_i]", 0.3048),
    ("ft", 0.3048),
];

pub fn emitter(type_name: &str) -> Option<Emit> {
    (type_name == "Location.position").then_some(position)
}

/// Adds both coordinates, or nothing where they are no place on earth.
fn position(sink: &mut Sink, column: &Column, value: &Value) {
    let coordinate = |name: &str, most: f64| {
        let text = value.get(name).and_then(number::decimal)?;
        degrees(&text, most).map(|_| text)
    };
    let (Some(latitude), Some(longitude)) = (coordinate("latitude", 90.0), coordinate("longitude", 180.0)) else {
        return;
    };
    let keys = keys(&sink.keyer, column);
    sink.quantity(column, keys[0], &latitude, &latitude);
    sink.quantity(column, keys[1], &longitude, &longitude);
}

/// Returns the keys of latitudes and of longitudes.
fn keys(keyer: &Keyer, column: &Column) -> [i64; 2] {
    ["latitude", "longitude"].map(|name| keyer.hash(&[name.as_bytes(), &column.key.to_le_bytes()]))
}

/// Returns the number of a decimal text from `-most` to `most`.
fn degrees(text: &str, most: f64) -> Option<f64> {
    text.parse().ok().filter(|degrees: &f64| degrees.abs() <= most)
}

pub fn condition(asked: &Asked, condition: &Condition) -> Result<Expr, Fault> {
    let parts = condition.parts('|')?;
    if !(2..=4).contains(&parts.len()) {
        return Err(condition.invalid("does not have the form latitude|longitude|distance|units"));
    }
    let part = |at: usize| parts.get(at).map_or("", |part| part.as_ref());
    let number = |at: usize| Some(Decimal::parse(part(at))?.text());
    let angle = |at: usize, most: f64| degrees(&number(at)?, most);
    let Some(latitude) = angle(0, 90.0) else {
        return Err(condition.invalid("has no latitude from -90 to 90"));
    };
    let Some(longitude) = angle(1, 180.0) else {
        return Err(condition.invalid("has no longitude from -180 to 180"));
    };
    let unit = match part(3) {
        "" => 1_000.0,
        code => match UNITS.iter().find(|(known, _)| *known == code) {
            Some((_, metres)) => *metres,
            None => {
                let known: Vec<&str> = UNITS.iter().map(|(code, _)| *code).collect();
                return Err(condition.invalid(&format!("has a unit that is none of {}", known.join(", "))));
            }
        },
    };
    let distance_m = match part(2) {
        "" => NEAR_M,
        _ => match number(2).and_then(|text| text.parse::<f64>().ok()).filter(|distance| *distance >= 0.0) {
            Some(distance) => distance * unit,
            None => return Err(condition.invalid("has a distance that is not a number from 0 on")),
        },
    };
    let near = |column: &Column| within(keys(&asked.registry.keyer, column), latitude, longitude, distance_m);
    Ok(Expr::or(asked.columns().map(|(column, _)| Expr::Near(near(column)))))
}

fn within(keys: [i64; 2], latitude: f64, longitude: f64, distance_m: f64) -> Near {
    let angle = (distance_m / RADIUS_M).min(std::f64::consts::PI);
    let reach = angle.to_degrees() + EDGE_DEGREES;
    // Half the angle at the centre of the earth: its squared sine rises with the distance, and is cheap to compare.
    let haversine = (angle / 2.0).sin().powi(2);
    Near {
        keys,
        latitude: latitude.to_string(),
        longitude: longitude.to_string(),
        from: (latitude - reach).to_string(),
        to: (latitude + reach).to_string(),
        haversine: haversine.to_string(),
    }
}
