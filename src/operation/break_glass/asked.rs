//! What a call of `$break-glass` says, checked.

use super::super::parameters::{Parameters, Target, required};
use super::reason::reason;
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;
use crate::interaction::Context;
use crate::rest::Body;
use serde_json::Value;

const NAMES: &[&str] = &["reason", "reasonCode", "purpose", "duration", "encounter"];
/// A grant lasts a day at most, and that long where nothing is said.
pub const LASTS_S_MAX: i64 = 86_400;
const LASTS_S_MIN: i64 = 60;
const CODE_CHARS_MAX: usize = 200;

pub struct Asked {
    pub reason: String,
    /// The code or the words of `reasonCode`.
    pub reason_code: Option<String>,
    pub lasts_s: i64,
    pub encounter: Option<Target>,
}

pub fn asked(ctx: &Context, body: Body) -> Result<Asked, Fault> {
    let parameters = Parameters::read(ctx, body, NAMES)?;
    let text = parameters.text("reason")?.ok_or_else(|| required("reason"))?;
    let reason = reason(text).map_err(|why| rule("reason", why))?;
    if let Some(purpose) = parameters.text("purpose")?
        && purpose != "BTG"
    {
        return Err(rule("purpose", "the purpose of breaking the glass is BTG".into()));
    }
    let lasts_s = match parameters.value("duration", "valueDuration")? {
        None => LASTS_S_MAX,
        Some((path, duration)) => seconds(duration).ok_or_else(|| {
            let text = "a duration is from a minute to 24 hours, in s, min, h or d";
            Fault::at(Kind::BusinessRule, path, text)
        })?,
    };
    let coded = parameters.value("reasonCode", "valueCodeableConcept")?;
    let reason_code = coded.and_then(|(_, concept)| {
        let text = |pointer: &str| concept.pointer(pointer).and_then(Value::as_str).map(str::to_string);
        text("/coding/0/code").or_else(|| text("/text"))
    });
    if reason_code.as_deref().is_some_and(|code| !is_code(code)) {
        let text = format!("a code of the reason has up to {CODE_CHARS_MAX} characters, and no ';'");
        return Err(rule("reasonCode", text));
    }
    let encounter = parameters.target("encounter", ResourceType::parse("Encounter"))?;
    Ok(Asked { reason, reason_code, lasts_s, encounter })
}

/// Returns whether a code can stand beside other things in the audit without seeming to be one of them.
fn is_code(code: &str) -> bool {
    code.chars().count() <= CODE_CHARS_MAX && !code.chars().any(|c| c == ';' || c.is_control())
}

/// Returns the seconds of a Duration that a grant may last.
fn seconds(duration: &Value) -> Option<i64> {
    let system = duration.get("system").and_then(Value::as_str);
    if system.is_some_and(|system| system != "http://unitsofmeasure.org") || duration.get("comparator").is_some() {
        return None;
    }
    let unit = duration.get("code").or_else(|| duration.get("unit")).and_then(Value::as_str)?;
    let unit_s = match unit {
        "s" => 1.0,
        "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    let seconds = duration.get("value").and_then(Value::as_f64)? * unit_s;
    ((LASTS_S_MIN as f64)..=(LASTS_S_MAX as f64)).contains(&seconds).then_some(seconds as i64)
}

fn rule(name: &str, text: String) -> Fault {
    Fault::at(Kind::BusinessRule, format!("Parameters.parameter.where(name='{name}')"), text)
}

#[cfg(test)]
mod tests {
    use super::{is_code, seconds};
    use serde_json::json;

    #[test]
    fn a_code_of_the_reason_cannot_pass_for_more() {
        for (code, want) in [
            ("unconscious", true),
            ("unconscious, alone: no kin", true),
            ("x; consent=Consent/other; reason=asked by the patient", false),
            ("x\nreason=other", false),
            (&"x".repeat(201), false),
        ] {
            assert_eq!(is_code(code), want, "{code}");
        }
    }

    #[test]
    fn a_grant_lasts_from_a_minute_to_a_day() {
        let ucum = "http://unitsofmeasure.org";
        for (duration, want) in [
            (json!({"value": 2, "code": "h", "system": ucum}), Some(7200)),
            (json!({"value": 90.5, "unit": "min"}), Some(5430)),
            (json!({"value": 1, "code": "d"}), Some(86_400)),
            (json!({"value": 24.1, "code": "h"}), None),
            (json!({"value": 59, "code": "s"}), None),
            (json!({"value": -1, "code": "h"}), None),
            (json!({"value": 1, "code": "wk"}), None),
            (json!({"value": 1}), None),
            (json!({"code": "h"}), None),
            (json!({"value": 1, "code": "h", "comparator": ">"}), None),
            (json!({"value": 1, "code": "h", "system": "urn:other"}), None),
        ] {
            assert_eq!(seconds(&duration), want, "{duration}");
        }
    }
}
