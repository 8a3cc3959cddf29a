//! Comparisons of texts, all without case and accents.
//!
//! R4 <https://hl7.org/fhir/R4/search_filter.html#ops>: greater and less go by Unicode code points, which is the order of
//! the index.

use super::compare::{unfit, whole};
use super::operator::Operator;
use super::tree::Test;
use crate::fault::Fault;
use crate::fhir::ResourceType;
use crate::search::condition::Condition;
use crate::search::expr::{Expr, TextTest};
use crate::search::kind::string;
use crate::search::modifier::Modifier;
use crate::search::registry::Registry;
use crate::search::{normal, period, query};

pub fn compare(registry: &Registry, types: &[ResourceType], test: &Test) -> Result<Expr, Fault> {
    let (name, value) = (&test.name, whole(&test.value));
    let stored = match types {
        [] => false,
        types => types.iter().any(|t| registry.of(*t).param(name).is_some()),
    };
    if !stored {
        // `_text` and `_content` are not in the index of values; they ask for words that a text contains.
        let expr = query::filter(registry, types, name, &value)?;
        return if matches!(test.operator, Operator::Eq | Operator::Co) {
            Ok(expr)
        } else {
            Err(unfit(test, "it is compared by 'co' alone"))
        };
    }
    let asked = query::lookup(registry, types, name, name)?;
    let condition = Condition { name, modifier: &Modifier::None, value: &value, now_us: period::now_us() };
    let text = string::folded(&condition)?;
    Ok(Expr::or(asked.iter().map(|asked| string::any(asked, |column| tests(test.operator, &text, column.narrow[1])))))
}

/// Returns the tests of which a text must pass one; texts under the key `more` continue long ones.
fn tests(operator: Operator, text: &str, more: i32) -> Vec<TextTest> {
    let range = |from: &str, before: Option<String>| TextTest::Prefix { from: from.to_string(), before };
    let above = || range(&normal::after_equal(text), None);
    let below = || range("", Some(text.to_string()));
    match operator {
        Operator::Eq => vec![range(text, Some(normal::after_equal(text)))],
        Operator::Co => vec![TextTest::Contains { part: text.to_string(), more }],
        Operator::Sw => vec![range(text, normal::after_prefix(text))],
        Operator::Ew => vec![TextTest::End { part: text.to_string(), more }],
        Operator::Gt => vec![above()],
        Operator::Lt => vec![below()],
        Operator::Ge => vec![range(text, None)],
        Operator::Le => vec![range("", Some(normal::after_equal(text)))],
        // The one that is left: another text than this.
        _ => vec![below(), above()],
    }
}
