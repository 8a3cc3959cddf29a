//! What holds of every conversion, whatever the message was.

use medilink::hl7v2::Conversion;
use medilink::hl7v2::draft::{Draft, Handle, Identity, LOCAL};
use serde_json::Value;

/// Returns what is unsound in what a message became: elements without content, characters that FHIR has not, references that lead
/// nowhere, resources that cannot be recognized.
pub fn check(conversion: &Conversion) -> Result<(), String> {
    let drafts = &conversion.drafts;
    for (handle, draft) in drafts.iter() {
        let place = format!("{} {}", handle.url(), draft.resource_type());
        let known = |other: Handle| drafts.get(other).is_some();
        let made = draft.made();
        let children = made.as_object().into_iter().flatten();
        children
            .chain(&draft.defaults)
            .try_for_each(|(name, value)| element(&format!("{place}.{name}"), value, &known))?;
        identity(draft, &known).map_err(|wrong| format!("{place}: {wrong}"))?;
    }
    for (loser, survivor) in &conversion.merges {
        if drafts.get(*loser).is_none() || drafts.get(*survivor).is_none() || loser == survivor {
            return Err(format!("{loser:?} and {survivor:?} cannot be one"));
        }
    }
    Ok(())
}

fn element(path: &str, value: &Value, known: &dyn Fn(Handle) -> bool) -> Result<(), String> {
    match value {
        // Within a list, `null` holds the place of a primitive that has but an extension; nobody here needs that.
        Value::Null => Err(format!("{path} is null")),
        Value::Object(object) if object.is_empty() => Err(format!("{path} is empty")),
        Value::Array(items) if items.is_empty() => Err(format!("{path} is empty")),
        Value::Object(object) => object.iter().try_for_each(|(name, v)| element(&format!("{path}.{name}"), v, known)),
        Value::Array(items) => items.iter().try_for_each(|item| element(path, item, known)),
        Value::String(text) => string(path, text, known),
        _ => Ok(()),
    }
}

fn string(path: &str, text: &str, known: &dyn Fn(Handle) -> bool) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err(format!("{path} has no text"));
    }
    // R4 2.24.0.1, string: no characters below 32 but these.
    if let Some(c) = text.chars().find(|c| *c < ' ' && !matches!(c, '\t' | '\r' | '\n')) {
        return Err(format!("{path} has the character {c:?}"));
    }
    match Handle::of(text).filter(|_| path.ends_with(".reference")) {
        Some(handle) if !known(handle) => Err(format!("{path} leads to {text}, which is not there")),
        None if path.ends_with(".reference") && text.starts_with(LOCAL) => Err(format!("{path} is {text}")),
        _ => Ok(()),
    }
}

fn identity(draft: &Draft, known: &dyn Fn(Handle) -> bool) -> Result<(), String> {
    match &draft.identity {
        Identity::New => Ok(()),
        Identity::Identifiers(all) => match all.iter().find(|one| one.system.is_empty() || one.value.trim().is_empty())
        {
            _ if all.is_empty() => Err("no identifier recognizes it".into()),
            Some(blank) => Err(format!("it is recognized by {blank:?}")),
            None => Ok(()),
        },
        Identity::Search(search) => {
            let mut rest = search.as_str();
            while let Some((_, after)) = rest.split_once('{') {
                let (number, after) = after.split_once('}').ok_or(format!("{search} has an open brace"))?;
                let handle = number.parse().map(Handle).map_err(|_| format!("{search} has {{{number}}}"))?;
                if !known(handle) {
                    return Err(format!("{search} asks for {number}, which is not there"));
                }
                rest = after;
            }
            Ok(())
        }
    }
}
