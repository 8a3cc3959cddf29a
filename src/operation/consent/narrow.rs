//! What a Consent shares and for how long, as it is asked for; and less of it, as it is given. Pure.
//!
//! R4 <https://hl7.org/fhir/R4/consent-definitions.html#Consent.provision>. The data classes that people chose stand in an extension of the
//! provision, for people; what they mean stands beside it in standard elements, and those alone decide.

use super::super::own;
use crate::access::consent::class::{self, DataClass};
use crate::fault::{Fault, Kind};
use crate::search::period::{self, Period};
use serde_json::{Map, Value, json};

/// Elements of a provision that say which data it is about, and that the classes are made into.
const OF_CLASSES: [&str; 4] = ["securityLabel", "class", "code", "provision"];

/// Where the data classes are defined.
pub struct Names {
    pub system: String,
    pub extension: String,
}

impl Names {
    pub fn of(canonical_base: &str) -> Names {
        Names {
            system: format!("{canonical_base}/CodeSystem/data-class"),
            extension: format!("{canonical_base}/StructureDefinition/consent-data-class"),
        }
    }

    /// Returns the data class of a Coding.
    pub fn class(&self, path: &str, coding: &Value) -> Result<&'static DataClass, Fault> {
        let system = coding.get("system").and_then(Value::as_str);
        let code = coding.get("code").and_then(Value::as_str).unwrap_or_default();
        match class::of(code).filter(|_| system.is_none_or(|system| system == self.system)) {
            Some(class) => Ok(class),
            None => {
                let codes: Vec<&str> = class::ALL.iter().map(|class| class.code).collect();
                let text = format!("a data class is one of {} of the system {}", codes.join(", "), self.system);
                Err(Fault::at(Kind::Code, path, text))
            }
        }
    }

    /// Makes a provision permit these classes and nothing else.
    pub fn permit(&self, provision: &mut Map<String, Value>, classes: &[&'static DataClass]) {
        OF_CLASSES.iter().for_each(|name| drop(provision.shift_remove(*name)));
        if let Some(list) = provision.get_mut("extension").and_then(Value::as_array_mut) {
            list.retain(|it| it["url"] != self.extension.as_str());
        }
        let named = classes.iter().map(|class| {
            let coding = json!({"system": self.system, "code": class.code, "display": class.words});
            json!({"url": self.extension, "valueCoding": coding})
        });
        own::list(provision, "extension").extend(named);
        if let Value::Object(parts) = class::provision_of(classes) {
            provision.extend(parts);
        }
    }

    /// Returns the classes that a provision names; none where it says what it is about in other ways alone.
    pub fn classes(&self, provision: &Map<String, Value>) -> Option<Vec<&'static DataClass>> {
        let list = provision.get("extension").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let ours = list.iter().filter(|it| it["url"] == self.extension.as_str());
        let named: Vec<_> = ours.filter_map(|it| class::of(it.pointer("/valueCoding/code")?.as_str()?)).collect();
        match named.is_empty() {
            false => Some(named),
            // Nothing said is everything.
            true if OF_CLASSES.iter().all(|name| !provision.contains_key(*name)) => {
                class::of("all").map(|all| vec![all])
            }
            true => None,
        }
    }

    /// Leaves of a provision these classes; there must not be more than there were.
    pub fn narrow_to(
        &self,
        provision: &mut Map<String, Value>,
        wanted: &[(String, &'static DataClass)],
    ) -> Result<(), Fault> {
        let Some(known) = self.classes(provision) else {
            let text = "the Consent names no data classes, so that none can be chosen of it";
            return Err(Fault::at(Kind::BusinessRule, "Consent.provision", text));
        };
        let is_asked = |class: &DataClass| known.iter().any(|known| known.code == "all" || *known == class);
        if let Some((path, class)) = wanted.iter().find(|(_, class)| !is_asked(class)) {
            let text = format!("'{}' was not asked for; what is given may only be less than that", class.code);
            return Err(Fault::at(Kind::BusinessRule, path.as_str(), text));
        }
        let classes: Vec<&'static DataClass> = wanted.iter().map(|(_, class)| *class).collect();
        self.permit(provision, &classes);
        Ok(())
    }
}

/// Returns the limits of a Period.
pub fn limits(path: &str, value: &Value) -> Result<(Option<Period>, Option<Period>), Fault> {
    let moment = |key: &str| match value.get(key).and_then(Value::as_str) {
        None => Ok(None),
        Some(text) => period::parse(text)
            .map(Some)
            .ok_or_else(|| Fault::at(Kind::Value, format!("{path}.{key}"), "this is not a date or time")),
    };
    Ok((moment("start")?, moment("end")?))
}

/// Makes a period shorter: it must lie within the one that is there.
pub fn shorten(provision: &mut Map<String, Value>, path: &str, wanted: &Value) -> Result<(), Fault> {
    let (start, end) = limits(path, wanted)?;
    let asked = provision.get("period").cloned().unwrap_or_else(|| json!({}));
    let (asked_start, asked_end) = limits("Consent.provision.period", &asked)?;
    let too_early = start.zip(asked_start).is_some_and(|(start, asked)| start.lo < asked.lo);
    let too_late = end.zip(asked_end).is_some_and(|(end, asked)| end.hi > asked.hi);
    if too_early || too_late {
        let text = "the period reaches beyond what was asked for; it may only be shorter";
        return Err(Fault::at(Kind::BusinessRule, path, text));
    }
    let mut period = asked;
    for (key, given) in [("start", start.is_some()), ("end", end.is_some())] {
        if given {
            period[key] = wanted[key].clone();
        }
    }
    let (start, end) = limits(path, &period)?;
    if start.zip(end).is_some_and(|(start, end)| start.lo >= end.hi) {
        return Err(Fault::at(Kind::BusinessRule, path, "the period ends before it begins"));
    }
    provision.insert("period".into(), period);
    Ok(())
}
