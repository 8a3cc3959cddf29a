//! Looking into strings and changing them. Positions count characters.
//!
//! FHIRPath 2.0 <http://hl7.org/fhirpath/N1/#string-manipulation>.

use super::super::arithmetic::check_length;
use super::super::error::FhirpathError;
use super::super::item::Item;
use super::{Invocation, boolean, pattern, string};
use regex::Regex;
use std::borrow::Cow;

type One<'a> = Result<Option<Item<'a>>, FhirpathError>;

type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Returns the text of the input and of the first argument; none when one is empty.
fn both<'a>(call: &mut Invocation<'_, 'a>) -> Result<Option<Pair<'a>>, FhirpathError> {
    let text = call.input_text()?;
    Ok(text.zip(call.argument_text(0)?))
}

fn position<'a>(text: &str, byte: Option<usize>) -> One<'a> {
    let count = byte.map_or(-1, |byte| text[..byte].chars().count() as i64);
    Ok(Some(Item::Integer(count)))
}

pub(super) fn index_of<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let Some((text, part)) = both(&mut call)? else {
        return Ok(None);
    };
    position(&text, text.find(&*part))
}

pub(super) fn last_index_of<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let Some((text, part)) = both(&mut call)? else {
        return Ok(None);
    };
    position(&text, text.rfind(&*part))
}

pub(super) fn substring<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let (Some(text), Some(start)) = (call.input_text()?, call.argument_integer(0)?) else {
        return Ok(None);
    };
    let length = call.argument_integer(1)?.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(0));
    let Ok(start) = usize::try_from(start) else {
        return Ok(None);
    };
    let Some((from, _)) = text.char_indices().nth(start) else {
        return Ok(None);
    };
    let rest = &text[from..];
    let to = rest.char_indices().nth(length).map_or(rest.len(), |(to, _)| to);
    string(rest[..to].to_string())
}

pub(super) fn starts_with<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let Some((text, part)) = both(&mut call)? else {
        return Ok(None);
    };
    boolean(text.starts_with(&*part))
}

pub(super) fn ends_with<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let Some((text, part)) = both(&mut call)? else {
        return Ok(None);
    };
    boolean(text.ends_with(&*part))
}

pub(super) fn contains<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let Some((text, part)) = both(&mut call)? else {
        return Ok(None);
    };
    boolean(text.contains(&*part))
}

pub(super) fn upper<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    Ok(call.input_text()?.map(|text| Item::String(text.to_uppercase().into())))
}

pub(super) fn lower<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    Ok(call.input_text()?.map(|text| Item::String(text.to_lowercase().into())))
}

pub(super) fn replace<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let Some((text, part)) = both(&mut call)? else {
        return Ok(None);
    };
    let Some(with) = call.argument_text(1)? else {
        return Ok(None);
    };
    let found = text.matches(&*part).count();
    check_length(text.len().saturating_add(found.saturating_mul(with.len())))?;
    string(text.replace(&*part, &with))
}

pub(super) fn length<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    Ok(call.input_text()?.map(|text| Item::Integer(text.chars().count() as i64)))
}

pub(super) fn trim<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    Ok(call.input_text()?.map(|text| Item::String(text.trim().to_string().into())))
}

/// Returns the expression that the parser has built, or builds it from the argument.
fn regex<'a>(call: &mut Invocation<'_, 'a>) -> Result<Option<Cow<'a, Regex>>, FhirpathError> {
    if let Some(built) = &call.call.pattern {
        return Ok(Some(Cow::Borrowed(built)));
    }
    let Some(text) = call.argument_text(0)? else {
        return Ok(None);
    };
    // Building costs far more than matching.
    call.evaluator.spend(1_000 + text.len())?;
    pattern(&text, call.call.function.pattern == Some(true)).map(|r| Some(Cow::Owned(r)))
}

pub(super) fn matches<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let (Some(text), Some(regex)) = (call.input_text()?, regex(&mut call)?) else {
        return Ok(None);
    };
    call.evaluator.spend(text.len() / 16)?;
    boolean(regex.is_match(&text))
}

/// `$1` and `${name}` in the substitution stand for groups.
pub(super) fn replace_matches<'a>(mut call: Invocation<'_, 'a>) -> One<'a> {
    let (Some(text), Some(regex)) = (call.input_text()?, regex(&mut call)?) else {
        return Ok(None);
    };
    let Some(with) = call.argument_text(1)? else {
        return Ok(None);
    };
    if regex.as_str().is_empty() {
        return string(text);
    }
    let found = regex.find_iter(&text).count();
    // A group may stand in the substitution several times, each at most as long as the text.
    let groups = with.matches('$').count();
    let grown = found.saturating_mul(with.len()).saturating_add(groups.saturating_mul(text.len()));
    check_length(text.len().saturating_add(grown))?;
    call.evaluator.spend(text.len() / 16)?;
    string(regex.replace_all(&text, &*with).into_owned())
}
