//! One comparison of a filter, as the ordinary parameter of the same name would make it.
//!
//! R4 <https://hl7.org/fhir/R4/search_filter.html#ops>.

use super::operator::Operator;
use super::text;
use super::tree::Test;
use crate::catalog::ParamKind;
use crate::fault::{Fault, Kind};
use crate::fhir::ResourceType;
use crate::search::condition::{Asked, Condition};
use crate::search::expr::{Comparison, DateTest, Expr};
use crate::search::kind::date;
use crate::search::modifier::Modifier;
use crate::search::registry::Registry;
use crate::search::{own, period, query};
use std::borrow::Cow;

pub fn compare(registry: &Registry, types: &[ResourceType], test: &Test) -> Result<Expr, Fault> {
    compared(registry, types, test).map_err(|fault| {
        let text = format!("parameter '_filter' at character {}: {fault}", test.at);
        Fault::new(fault.kind(), text)
    })
}

fn compared(registry: &Registry, types: &[ResourceType], test: &Test) -> Result<Expr, Fault> {
    let (name, value) = (&test.name, &test.value);
    if name == "_filter" {
        return Err(query::refused(name, "cannot stand in a filter; use parentheses"));
    }
    let plain = |name: &str, value: &str| query::filter(registry, types, name, value);
    let Some(kind) = kind(registry, types, name) else {
        // Unknown, or known to search alone, as `_list` is.
        let expr = plain(name, &parts(value))?;
        return if test.operator == Operator::Eq { Ok(expr) } else { Err(unfit(test, "it is compared by 'eq' alone")) };
    };
    if !test.operator.fits(kind) {
        return Err(unfit(test, &format!("it is a {} parameter{}", kind.code(), instead(test.operator, kind))));
    }
    match (test.operator, kind) {
        (Operator::Pr, _) => present(test, plain),
        (Operator::Po | Operator::Co, ParamKind::Date) => overlaps(registry, types, test),
        (_, ParamKind::String) => text::compare(registry, types, test),
        (operator, ParamKind::Number | ParamKind::Date) => plain(name, &format!("{}{}", operator.name(), whole(value))),
        (operator, ParamKind::Quantity) => {
            plain(name, &format!("{}{}", operator.name(), parts(&with_system(value, 1))))
        }
        (Operator::Ne, ParamKind::Token | ParamKind::Uri) => {
            let equal = if kind == ParamKind::Uri { whole(value) } else { parts(&with_system(value, 0)) };
            differs(registry, types, test, &equal)
        }
        (operator, ParamKind::Token) => {
            plain(&format!("{name}{}", operator.modifier()), &parts(&with_system(value, 0)))
        }
        (operator, ParamKind::Uri) => plain(&format!("{name}{}", operator.modifier()), &whole(value)),
        (_, ParamKind::Reference) => plain(name, &whole(value)),
        (_, ParamKind::Composite | ParamKind::Special) => plain(name, &composed(value)),
    }
}

/// Returns the kind of a parameter in the first type that has it.
fn kind(registry: &Registry, types: &[ResourceType], name: &str) -> Option<ParamKind> {
    let of = |t: ResourceType| registry.catalog.param(t, name).map(|spec| spec.kind);
    match types {
        [] => ResourceType::all().filter(|t| t.is_stored()).find_map(of),
        types => types.iter().copied().find_map(of),
    }
}

pub(super) fn unfit(test: &Test, reason: &str) -> Fault {
    let text = format!("parameter '{}' cannot be compared by '{}': {reason}", test.name, test.operator.name());
    Fault::new(Kind::NotSupported, text)
}

/// Returns what could have been meant.
fn instead(operator: Operator, kind: ParamKind) -> &'static str {
    match (operator, kind) {
        (Operator::Eq, ParamKind::Reference) => ", which is compared by 're'",
        (Operator::Ne, ParamKind::Reference) => "; 'not (... re ...)' asks for other references",
        (Operator::Re, _) => ", which is compared by 'eq'",
        (Operator::Co, ParamKind::Number) => "; how precisely a stored number was written is not in the index",
        _ => "",
    }
}

/// Every resource has an id and a time of change.
fn present(test: &Test, plain: impl Fn(&str, &str) -> Result<Expr, Fault>) -> Result<Expr, Fault> {
    let (present, missing) = match test.value.as_str() {
        "true" => (true, "false"),
        "false" => (false, "true"),
        other => {
            let text = format!("parameter '{}': 'pr' takes true or false, not '{}'", test.name, shown(other));
            return Err(Fault::new(Kind::Invalid, text));
        }
    };
    if own::is_own(&test.name) {
        return Ok(if present { Expr::All } else { Expr::None });
    }
    plain(&format!("{}:missing", test.name), missing)
}

/// `po`: a date of the resource and the value share a moment. `co`: the value lies within a date of the resource.
fn overlaps(registry: &Registry, types: &[ResourceType], test: &Test) -> Result<Expr, Fault> {
    let value = format!("eq{}", whole(&test.value));
    if own::is_own(&test.name) {
        // A moment shares with a stretch of time what lies in it.
        let plain = || query::filter(registry, types, &test.name, &value);
        return if test.operator == Operator::Po { plain() } else { Err(unfit(test, "it is a moment")) };
    }
    let condition = Condition { name: &test.name, modifier: &Modifier::None, value: &value, now_us: period::now_us() };
    let DateTest { lo, hi, .. } = date::test(&condition)?;
    let tests = match test.operator {
        Operator::Po => vec![DateTest { comparison: Comparison::Ap, lo, hi }],
        // Begins no later and ends no earlier.
        _ => vec![
            DateTest { comparison: Comparison::Lt, lo: lo + 1, hi: lo + 1 },
            DateTest { comparison: Comparison::Gt, lo: hi - 1, hi: hi - 1 },
        ],
    };
    let asked = query::lookup(registry, types, &test.name, &test.name)?;
    Ok(Expr::or(asked.iter().map(|asked| date::any(asked, &tests))))
}

/// Returns the condition that there is a value and it is another.
fn differs(registry: &Registry, types: &[ResourceType], test: &Test, value: &str) -> Result<Expr, Fault> {
    let equal = query::filter(registry, types, &test.name, value)?;
    if own::is_own(&test.name) {
        return Ok(Expr::not(equal));
    }
    let asked = query::lookup(registry, types, &test.name, &test.name)?;
    let is_one = |asked: &Asked| matches!(asked.columns().collect::<Vec<_>>()[..], [(column, _)] if column.lone);
    if !asked.iter().all(is_one) {
        // The index knows values by keys, so of several values it cannot tell that one of them is another.
        let text = format!("it may have several values; 'not ({} eq ...)' asks that none of them is equal", test.name);
        return Err(unfit(test, &text));
    }
    let present = query::filter(registry, types, &format!("{}:missing", test.name), "false")?;
    Ok(Expr::and([present, Expr::not(equal)]))
}

/// Returns the value for a parameter that has no parts.
pub(super) fn whole(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, '\\' | ',' | '|' | '$') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Returns the value for a parameter with parts: `|` and escapes mean what they mean there. A filter has no
/// alternatives, so commas are text.
pub(super) fn parts(value: &str) -> String {
    escape(value, |c| matches!(c, ',' | '$'))
}

fn composed(value: &str) -> String {
    escape(value, |c| c == ',')
}

fn escape(value: &str, is_text: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        if is_text(c) {
            out.push('\\');
        }
        out.push(c);
        if c == '\\' {
            out.extend(chars.next());
        }
    }
    out
}

/// Returns the value with the whole URL where the part at `index` is one of the short names of systems.
pub(super) fn with_system(value: &str, index: usize) -> Cow<'_, str> {
    let mut parts: Vec<&str> = value.split('|').collect();
    let url = match parts.get(index) {
        Some(&"loinc") => "http://loinc.org",
        Some(&"snomed") => "http://snomed.info/sct",
        Some(&"rxnorm") => "http://www.nlm.nih.gov/research/umls/rxnorm",
        Some(&"ucum") => "http://unitsofmeasure.org",
        _ => return value.into(),
    };
    if parts.len() <= index + 1 {
        return value.into();
    }
    parts[index] = url;
    parts.join("|").into()
}

fn shown(value: &str) -> String {
    value.chars().take(100).collect()
}
