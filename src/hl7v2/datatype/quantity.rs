//! NM, SN, CQ, NR, CP, MO and their units: quantities, ranges, ratios and money.
//!
//! v2-to-FHIR, CQ\[Quantity\], CWE\[Quantity\], SN\[Quantity\], SN\[Range\], SN\[Ratio\], NR\[Range\].

use super::text::{clean_code, number, string};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::message::Part;
use crate::hl7v2::problem::Code;
use crate::hl7v2::table;
use crate::ucum;
use serde_json::{Map, Value, json};

/// The unit of a quantity: `unit`, `system`, `code`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Unit(Map<String, Value>);

impl Unit {
    /// CWE → unit. A code only where a system says what it means.
    pub fn read(ctx: &Ctx, part: Part) -> Unit {
        let mut unit = Map::new();
        let code = part.part(1).text().and_then(|text| clean_code(&text));
        let name = part.part(3).text().and_then(|text| clean_code(&text));
        if let Some(text) = string(part.part(2)).or_else(|| code.clone()).or_else(|| string(part.part(9))) {
            unit.insert("unit".into(), text.into());
        }
        // The rules of a feed may say what system its units are of where it does not say so itself.
        let ruled = || ctx.rules.coding_systems.get("").cloned();
        let system = ctx.coding_system(name.as_deref(), string(part.part(14)).as_deref()).or_else(ruled);
        let (Some(code), Some(system)) = (code, system) else { return Unit(unit) };
        if system == table::UCUM && ucum::parse(&code).is_none() {
            ctx.warn(Code::TableValue, part.at, "has a unit that is no code of UCUM");
            return Unit(unit);
        }
        unit.insert("system".into(), system.into());
        unit.insert("code".into(), code.into());
        Unit(unit)
    }

    /// Returns a unit of UCUM.
    pub fn ucum(code: &str, words: &str) -> Unit {
        let mut unit = Map::new();
        unit.insert("unit".into(), words.into());
        unit.insert("system".into(), table::UCUM.into());
        unit.insert("code".into(), code.into());
        Unit(unit)
    }

    /// Returns the unit as people read it.
    pub fn text(&self) -> Option<&str> {
        self.0.get("unit").and_then(Value::as_str)
    }

    /// Returns a quantity of a number.
    pub fn quantity(&self, value: Value, comparator: Option<&str>) -> Value {
        let mut quantity = Map::new();
        quantity.insert("value".into(), value);
        if let Some(comparator) = comparator {
            quantity.insert("comparator".into(), comparator.into());
        }
        quantity.extend(self.0.clone());
        Value::Object(quantity)
    }
}

/// Reads a number with a comparator before it, such as `<0.5`.
pub fn compared(text: &str) -> Option<(Option<&'static str>, Value)> {
    let text = text.trim();
    for (written, comparator) in [("<=", "<="), (">=", ">="), ("=<", "<="), ("=>", ">="), ("<", "<"), (">", ">")] {
        if let Some(rest) = text.strip_prefix(written) {
            return Some((Some(comparator), number(rest)?));
        }
    }
    Some((None, number(text.strip_prefix('=').unwrap_or(text))?))
}

/// CQ → Quantity.
pub fn quantity(ctx: &Ctx, part: Part) -> Option<Value> {
    let mut quantity = quantity_of(ctx, part.part(1), Some(part.part(2)))?;
    // CQ[Quantity] wants the words of the sender first.
    if let Some(words) = string(part.part(2).part(9)) {
        quantity["unit"] = words.into();
    }
    Some(quantity)
}

/// An amount: NM, and a CWE that says its unit → SimpleQuantity.
pub fn simple_of(ctx: &Ctx, value: Part, unit: Part) -> Option<Value> {
    let mut quantity = quantity_of(ctx, value, Some(unit))?;
    // R4 sqty-1.
    if quantity.as_object_mut()?.remove("comparator").is_some() {
        ctx.warn(Code::DataType, value.at, "less or more than an amount is no amount; it was left out");
        return None;
    }
    Some(quantity)
}

/// CQ → SimpleQuantity.
pub fn simple(ctx: &Ctx, part: Part) -> Option<Value> {
    simple_of(ctx, part.part(1), part.part(2))
}

/// Returns a number without a unit.
pub fn count(number: impl Into<Value>) -> Value {
    Unit::default().quantity(number.into(), None)
}

/// NM, and a CWE that says its unit → Quantity.
pub fn quantity_of(ctx: &Ctx, value: Part, unit: Option<Part>) -> Option<Value> {
    let text = value.text()?;
    let Some((comparator, value)) = compared(&text) else {
        ctx.warn(Code::DataType, value.at, "is no number");
        return None;
    };
    let unit = unit.map(|unit| Unit::read(ctx, unit)).unwrap_or_default();
    Some(unit.quantity(value, comparator))
}

/// NR → Range.
pub fn range(part: Part, unit: &Unit) -> Option<Value> {
    range_of(part.part(1).text().as_deref(), part.part(2).text().as_deref(), unit)
}

/// Two numbers → Range; none where one of them is no number, or none is there.
pub fn range_of(low: Option<&str>, high: Option<&str>, unit: &Unit) -> Option<Value> {
    let mut range = Map::new();
    for (element, text) in [("low", low), ("high", high)] {
        if let Some(text) = text {
            range.insert(element.into(), unit.quantity(number(text)?, None));
        }
    }
    (!range.is_empty()).then_some(Value::Object(range))
}

/// What SN says.
pub enum Structured {
    Quantity(Value),
    Range(Value),
    Ratio(Value),
    /// What is none of these, as people read it.
    Text(String),
}

/// SN → what it says.
pub fn structured(part: Part, unit: &Unit) -> Option<Structured> {
    let text = |n: usize| string(part.part(n));
    let (comparator, first, separator, second) = (text(1), text(2), text(3), text(4));
    // A quotation mark of a table calculation that is left over compares nothing.
    let comparator = comparator.filter(|text| text != "\"");
    let as_text = || {
        let words =
            [comparator.clone(), first.clone(), separator.clone(), second.clone(), unit.text().map(str::to_string)];
        let words: Vec<String> = words.into_iter().flatten().collect();
        (!words.is_empty()).then(|| Structured::Text(words.join(" ")))
    };
    let compared = match comparator.as_deref() {
        None | Some("=") => Some(None),
        Some(known @ ("<" | ">" | "<=" | ">=")) => Some(Some(known)),
        Some(_) => None,
    };
    let Some(compared) = compared else { return as_text() };
    let said = match separator.as_deref() {
        Some(":" | "/") => {
            let (numerator, denominator) = (first.as_deref().and_then(number), second.as_deref().and_then(number));
            numerator.zip(denominator).map(|(numerator, denominator)| {
                let (numerator, denominator) = (unit.quantity(numerator, compared), unit.quantity(denominator, None));
                Structured::Ratio(json!({"numerator": numerator, "denominator": denominator}))
            })
        }
        Some("-") => range_of(first.as_deref(), second.as_deref(), unit).map(Structured::Range),
        Some("+") => None,
        _ if second.is_some() => None,
        _ => first.as_deref().and_then(number).map(|value| Structured::Quantity(unit.quantity(value, compared))),
    };
    said.or_else(as_text)
}

/// CP, MO → Money.
pub fn money(ctx: &Ctx, part: Part) -> Option<Value> {
    // CP.1 is an MO; an MO by itself has its currency beside it.
    let inner = part.part(1);
    let text = inner.text()?;
    let Some(value) = number(&text) else {
        ctx.warn(Code::DataType, part.at, "is no amount of money");
        return None;
    };
    let currency = if inner.len() > 1 { inner.part(2) } else { part.part(2) };
    let is_currency = |code: &String| code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase());
    let mut money = json!({"value": value});
    if let Some(code) = string(currency).filter(is_currency) {
        money["currency"] = code.into();
    }
    Some(money)
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    const MG: &str = r#""unit":"milligram","system":"http://unitsofmeasure.org","code":"mg""#;

    #[test]
    fn a_quantity_has_a_number_and_a_unit() {
        check("CQ", "1.50^mg&milligram&UCUM", &format!(r#"{{"value":1.50,{MG}}}"#));
        check("CQ", "2^mg", r#"{"value":2,"unit":"mg"}"#);
        check("CQ", "2^&milligram", r#"{"value":2,"unit":"milligram"}"#);
        check("CQ", "2^1-8&b&LN&&&&&&words", r#"{"value":2,"unit":"words","system":"http://loinc.org","code":"1-8"}"#);
        check("CQ", "2", r#"{"value":2}"#);
        check("CQ", "<2", r#"{"value":2,"comparator":"<"}"#);
        check("CQ", "2^tbl&&99X", r#"{"value":2,"unit":"tbl","system":"urn:x-v2:HOSP:99X","code":"tbl"}"#);
        check("CQ", "2^nonsense&&UCUM", r#"{"value":2,"unit":"nonsense"} ! ZZZ-1.2"#);
        check("CQ", "many^mg", "- ! ZZZ-1.1");
        check("CQ", "^mg", "-");
        check("Quantity unit=2", "5", &format!(r#"{{"value":5,{MG}}}"#));
        check("Quantity", "5", r#"{"value":5}"#);
        check(
            "Quantity ucum=d words=days",
            "5",
            r#"{"value":5,"unit":"days","system":"http://unitsofmeasure.org","code":"d"}"#,
        );
        check("Duration", "5^min", r#"{"value":5,"unit":"min","system":"http://unitsofmeasure.org","code":"min"}"#);
        check("Duration", "3^D&day", r#"{"value":3,"unit":"day","system":"http://unitsofmeasure.org","code":"d"}"#);
    }

    #[test]
    fn an_amount_is_not_less_or_more_than_something() {
        check("SimpleQuantity", "1.50^mg&milligram&UCUM", &format!(r#"{{"value":1.50,{MG}}}"#));
        check("SimpleQuantity", "<2^mg", "- ! ZZZ-1.1");
    }

    #[test]
    fn a_feed_may_say_what_system_its_units_are_of() {
        use super::*;
        use crate::hl7v2::datatype::check as shared;
        let message = shared::message("ZZZ|2^mg|2^mg&&99X");
        let mut rules = shared::rules();
        rules.coding_systems.insert(String::new(), table::UCUM.to_string());
        let ctx = Ctx::of(&message, &rules);
        let system =
            |n: usize| quantity(&ctx, message.segment("ZZZ").field(n)).map(|quantity| quantity["system"].clone());
        assert_eq!(system(1), Some(json!("http://unitsofmeasure.org")));
        assert_eq!(system(2), Some(json!("urn:x-v2:HOSP:99X")));
    }

    #[test]
    fn ranges_and_money() {
        check("NR", "1^2.0", r#"{"low":{"value":1},"high":{"value":2.0}}"#);
        check("NR", "^2", r#"{"high":{"value":2}}"#);
        check("NR", "a^2", "-");
        check("Money", "12.50&EUR^UP", r#"{"value":12.50,"currency":"EUR"}"#);
        check("Money", "12.50^EUR", r#"{"value":12.50,"currency":"EUR"}"#);
        check("Money", "12.50", r#"{"value":12.50}"#);
        check("Money", "free", "- ! ZZZ-1");
    }
}
