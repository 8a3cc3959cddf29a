//! The functions of FHIRPath and FHIR, and the one list that names them.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#functions>, R4 <https://hl7.org/fhir/R4/fhirpath.html#functions>.
//! To add one: write it in the file of its group, then give it a line in [`FUNCTIONS`].

mod boundary;
mod combining;
mod components;
mod conversion;
mod existence;
mod fhir;
mod filtering;
mod invocation;
mod math;
mod strings;
mod subsetting;
mod terminology;
mod text;
mod utility;

use super::error::FhirpathError;
use super::item::Item;
pub(super) use invocation::Invocation;

use regex::{Regex, RegexBuilder};
use rust_decimal::Decimal;
use std::borrow::Cow;

/// A function by its name, the least and most arguments it takes, and what runs.
pub(super) struct Function {
    pub name: &'static str,
    pub args: (u8, u8),
    pub run: Run,
    /// The first argument is a regular expression; whether it must match the whole text.
    pub pattern: Option<bool>,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

type RunOne = for<'s, 'a> fn(Invocation<'s, 'a>) -> Result<Option<Item<'a>>, FhirpathError>;
type RunMany = for<'s, 'a> fn(Invocation<'s, 'a>, &mut Vec<Item<'a>>) -> Result<(), FhirpathError>;

pub(super) enum Run {
    /// Yields at most one item.
    One(RunOne),
    /// Adds any number of items.
    Many(RunMany),
}

const fn single(name: &'static str, least: u8, most: u8, run: RunOne) -> Function {
    Function { name, args: (least, most), run: Run::One(run), pattern: None }
}

const fn many(name: &'static str, least: u8, most: u8, run: RunMany) -> Function {
    Function { name, args: (least, most), run: Run::Many(run), pattern: None }
}

const fn regex(name: &'static str, args: u8, whole: bool, run: RunOne) -> Function {
    Function { name, args: (args, args), run: Run::One(run), pattern: Some(whole) }
}

/// Every function. `is`, `as` and `ofType` take a type and are read by the parser.
static FUNCTIONS: &[Function] = &[
    // Existence
    single("empty", 0, 0, existence::empty),
    single("exists", 0, 1, existence::exists),
    single("all", 1, 1, existence::all),
    single("allTrue", 0, 0, existence::all_true),
    single("anyTrue", 0, 0, existence::any_true),
    single("allFalse", 0, 0, existence::all_false),
    single("anyFalse", 0, 0, existence::any_false),
    single("subsetOf", 1, 1, existence::subset_of),
    single("supersetOf", 1, 1, existence::superset_of),
    single("count", 0, 0, existence::count),
    many("distinct", 0, 0, existence::distinct),
    single("isDistinct", 0, 0, existence::is_distinct),
    single("not", 0, 0, existence::not),
    // Filtering, projection and the tree
    many("where", 1, 1, filtering::where_),
    many("select", 1, 1, filtering::select),
    many("repeat", 1, 1, filtering::repeat),
    many("repeatAll", 1, 1, filtering::repeat_all),
    many("children", 0, 0, filtering::children),
    many("descendants", 0, 0, filtering::descendants),
    many("sort", 0, 8, filtering::sort),
    many("aggregate", 1, 2, filtering::aggregate),
    // Subsetting
    single("single", 0, 0, subsetting::single),
    single("first", 0, 0, subsetting::first),
    single("last", 0, 0, subsetting::last),
    many("tail", 0, 0, subsetting::tail),
    many("skip", 1, 1, subsetting::skip),
    many("take", 1, 1, subsetting::take),
    many("intersect", 1, 1, subsetting::intersect),
    many("exclude", 1, 1, subsetting::exclude),
    // Combining
    many("union", 1, 1, combining::union),
    many("combine", 1, 2, combining::combine),
    many("coalesce", 1, 32, combining::coalesce),
    // Conversion
    many("iif", 2, 3, conversion::iif),
    single("toBoolean", 0, 0, conversion::to_boolean),
    single("convertsToBoolean", 0, 0, conversion::converts_to_boolean),
    single("toInteger", 0, 0, conversion::to_integer),
    single("convertsToInteger", 0, 0, conversion::converts_to_integer),
    single("toLong", 0, 0, conversion::to_long),
    single("convertsToLong", 0, 0, conversion::converts_to_long),
    single("toDecimal", 0, 0, conversion::to_decimal),
    single("convertsToDecimal", 0, 0, conversion::converts_to_decimal),
    single("toString", 0, 0, conversion::to_string),
    single("convertsToString", 0, 0, conversion::converts_to_string),
    single("toDate", 0, 0, conversion::to_date),
    single("convertsToDate", 0, 0, conversion::converts_to_date),
    single("toDateTime", 0, 0, conversion::to_date_time),
    single("convertsToDateTime", 0, 0, conversion::converts_to_date_time),
    single("toTime", 0, 0, conversion::to_time),
    single("convertsToTime", 0, 0, conversion::converts_to_time),
    single("toQuantity", 0, 1, conversion::to_quantity),
    single("convertsToQuantity", 0, 1, conversion::converts_to_quantity),
    // Strings
    single("indexOf", 1, 1, strings::index_of),
    single("lastIndexOf", 1, 1, strings::last_index_of),
    single("substring", 1, 2, strings::substring),
    single("startsWith", 1, 1, strings::starts_with),
    single("endsWith", 1, 1, strings::ends_with),
    single("contains", 1, 1, strings::contains),
    single("upper", 0, 0, strings::upper),
    single("lower", 0, 0, strings::lower),
    single("replace", 2, 2, strings::replace),
    regex("matches", 1, false, strings::matches),
    regex("matchesFull", 1, true, strings::matches),
    regex("replaceMatches", 2, false, strings::replace_matches),
    single("length", 0, 0, strings::length),
    single("trim", 0, 0, strings::trim),
    many("toChars", 0, 0, text::to_chars),
    many("split", 1, 1, text::split),
    single("join", 0, 1, text::join),
    single("encode", 1, 1, text::encode),
    single("decode", 1, 1, text::decode),
    single("escape", 1, 1, text::escape),
    single("unescape", 1, 1, text::unescape),
    // Math
    single("abs", 0, 0, math::abs),
    single("ceiling", 0, 0, math::ceiling),
    single("floor", 0, 0, math::floor),
    single("truncate", 0, 0, math::truncate),
    single("round", 0, 1, math::round),
    single("exp", 0, 0, math::exp),
    single("ln", 0, 0, math::ln),
    single("log", 1, 1, math::log),
    single("power", 1, 1, math::power),
    single("sqrt", 0, 0, math::sqrt),
    single("sum", 0, 0, math::sum),
    single("min", 0, 0, math::min),
    single("max", 0, 0, math::max),
    single("avg", 0, 0, math::avg),
    single("lowBoundary", 0, 1, boundary::low),
    single("highBoundary", 0, 1, boundary::high),
    single("precision", 0, 0, boundary::precision),
    single("comparable", 1, 1, math::comparable),
    // Parts of dates and times
    single("yearOf", 0, 0, components::year),
    single("monthOf", 0, 0, components::month),
    single("dayOf", 0, 0, components::day),
    single("hourOf", 0, 0, components::hour),
    single("minuteOf", 0, 0, components::minute),
    single("secondOf", 0, 0, components::second),
    single("millisecondOf", 0, 0, components::millisecond),
    single("timezoneOffsetOf", 0, 0, components::timezone_offset),
    single("dateOf", 0, 0, components::date),
    single("timeOf", 0, 0, components::time),
    // Utility
    single("now", 0, 0, utility::now),
    single("today", 0, 0, utility::today),
    single("timeOfDay", 0, 0, utility::time_of_day),
    many("trace", 1, 2, utility::trace),
    many("type", 0, 0, utility::type_),
    // FHIR
    many("extension", 1, 1, fhir::extension),
    single("hasExtension", 1, 1, fhir::has_extension),
    single("hasValue", 0, 0, fhir::has_value),
    single("getValue", 0, 0, fhir::get_value),
    many("resolve", 0, 0, fhir::resolve),
    many("getReferenceKey", 0, 1, fhir::reference_key),
    single("getResourceKey", 0, 0, fhir::resource_key),
    many("elementDefinition", 0, 0, terminology::not_offered),
    many("slice", 2, 2, terminology::not_offered),
    many("checkModifiers", 0, 32, fhir::check_modifiers),
    single("conformsTo", 1, 1, terminology::conforms_to),
    single("memberOf", 1, 1, terminology::member_of),
    single("subsumes", 1, 1, terminology::subsumes),
    single("subsumedBy", 1, 1, terminology::subsumed_by),
    single("htmlChecks", 0, 0, terminology::html_checks),
];

/// Returns the function of a name.
pub(super) fn named(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|f| f.name == name)
}

/// Returns the regular expression of `matches` and its like: `.` matches line ends too.
pub(super) fn pattern(text: &str, whole: bool) -> Result<Regex, FhirpathError> {
    let built = if whole { Cow::Owned(format!("^(?:{text})$")) } else { Cow::Borrowed(text) };
    RegexBuilder::new(&built)
        .dot_matches_new_line(true)
        .size_limit(1 << 20)
        .build()
        .map_err(|_| FhirpathError::evaluation(format!("'{text}' is not a regular expression that can be used here")))
}

fn boolean<'a>(value: bool) -> Result<Option<Item<'a>>, FhirpathError> {
    Ok(Some(Item::Boolean(value)))
}

fn string<'a>(text: impl Into<Cow<'a, str>>) -> Result<Option<Item<'a>>, FhirpathError> {
    Ok(Some(Item::String(text.into())))
}

fn number<'a>(value: Option<Decimal>) -> Result<Option<Item<'a>>, FhirpathError> {
    Ok(value.map(Item::Decimal))
}
