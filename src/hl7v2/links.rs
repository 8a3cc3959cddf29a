//! References between drafts become references between resources.

use super::draft::Handle;
use serde_json::{Map, Value};

/// Leads every reference to a draft to what `to` says; one to a draft that came to nothing is taken out, and what is empty by that.
pub fn link(content: &mut Map<String, Value>, to: &dyn Fn(Handle) -> Option<String>) {
    content.retain(|_, value| link_value(value, to));
}

/// Returns whether anything is left.
fn link_value(value: &mut Value, to: &dyn Fn(Handle) -> Option<String>) -> bool {
    match value {
        Value::Array(items) => {
            let was_empty = items.is_empty();
            items.retain_mut(|item| link_value(item, to));
            was_empty || !items.is_empty()
        }
        Value::Object(object) => {
            let was_empty = object.is_empty();
            let draft = object.get("reference").and_then(Value::as_str).and_then(Handle::of);
            match draft.map(to) {
                Some(Some(target)) => drop(object.insert("reference".into(), target.into())),
                Some(None) => {
                    object.shift_remove("reference");
                    object.shift_remove("type");
                }
                None => {}
            }
            object.retain(|_, value| link_value(value, to));
            was_empty || !object.is_empty()
        }
        _ => true,
    }
}

/// Returns the search of a draft's identity with the drafts that it names put in; none where one of them is not there, or not any more.
pub fn search(text: &str, to: &dyn Fn(usize) -> Option<String>) -> Option<String> {
    let mut written = String::with_capacity(text.len() + 40);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (number, after) = after.split_once('}')?;
        written.push_str(before);
        written.push_str(&to(number.parse().ok()?)?);
        rest = after;
    }
    written.push_str(rest);
    Some(written)
}

/// Returns the drafts that a search names.
pub fn named(text: &str) -> impl Iterator<Item = usize> {
    text.split('{').skip(1).filter_map(|part| part.split_once('}')?.0.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn references_lead_where_the_drafts_are() {
        let (there, gone) = (Handle(0).reference(), Handle(1).reference());
        let mut content = json!({
            "subject": there,
            "performer": [gone, {"reference": Handle(1).url(), "display": "B"}],
            "participant": [{"individual": gone}],
            "note": [{"text": "urn:x-draft:0"}],
            "empty": {},
        });
        let content = content.as_object_mut().unwrap();
        link(content, &|handle| (handle == Handle(0)).then(|| "Patient/1".to_string()));
        let want = json!({
            "subject": {"reference": "Patient/1"},
            "performer": [{"display": "B"}],
            "note": [{"text": "urn:x-draft:0"}],
            "empty": {},
        });
        assert_eq!(Value::Object(content.clone()), want);
    }

    #[test]
    fn a_search_names_drafts_by_number() {
        let to = |n: usize| (n == 2).then(|| "Patient/7".to_string());
        assert_eq!(search("patient={2}&code=a%7Bb", &to).as_deref(), Some("patient=Patient/7&code=a%7Bb"));
        assert_eq!(search("patient={1}", &to), None);
        assert_eq!(search("patient={", &to), None);
        assert_eq!(named("a={2}&b={10}&c={x").collect::<Vec<_>>(), [2, 10]);
    }
}
