//! One small message of each family and everything that comes of it.
//!
//! `fixtures/hl7v2/X.hl7` has a segment on each line; `X.bundle.json` is what is asked of the server: `PUT` where a resource that
//! is there takes over what the message says, `POST` with `ifNoneExist` where it stays as it is. `UPDATE_EXPECT=1` writes it anew.

use std::path::{Path, PathBuf};

use expect_test::expect_file;
use medilink::hl7v2::draft::{Draft, Identity, Update};
use medilink::hl7v2::rules::Rules;
use medilink::hl7v2::{Conversion, Message, convert};
use serde_json::{Value, json};

use super::sound;

/// Returns the messages of `fixtures/hl7v2` and their files, in their order.
pub fn messages() -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hl7v2");
    let files = std::fs::read_dir(folder).expect("the fixtures");
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "hl7"));
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a message").replace('\n', "\r");
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

fn entry(url: String, draft: &Draft) -> Value {
    let resource_type = draft.resource_type();
    let search = match &draft.identity {
        Identity::Identifiers(all) => {
            let tokens: Vec<String> = all.iter().map(|one| format!("{}|{}", one.system, one.value)).collect();
            format!("identifier={}", tokens.join(","))
        }
        Identity::Search(search) => search.clone(),
        Identity::New => String::new(),
    };
    let request = match draft.update {
        _ if search.is_empty() => json!({"method": "POST", "url": resource_type}),
        Update::Merge => json!({"method": "PUT", "url": format!("{resource_type}?{search}")}),
        Update::Keep => json!({"method": "POST", "url": resource_type, "ifNoneExist": search}),
    };
    let mut entry = json!({"fullUrl": url, "resource": draft.resource, "request": request});
    if !draft.defaults.is_empty() {
        entry["whereNew"] = Value::Object(draft.defaults.clone());
    }
    if draft.only_if_there {
        entry["onlyIfThere"] = Value::Bool(true);
    }
    entry
}

fn bundle(conversion: &Conversion) -> Value {
    let entries: Vec<Value> = conversion.drafts.iter().map(|(handle, draft)| entry(handle.url(), draft)).collect();
    let merges: Vec<Value> = conversion.merges.iter().map(|(from, to)| json!([from.url(), to.url()])).collect();
    let warnings: Vec<String> = conversion.warnings.iter().map(ToString::to_string).collect();
    let mut bundle = json!({"resourceType": "Bundle", "type": "transaction", "timestamp": conversion.time});
    bundle["entry"] = Value::Array(entries);
    if !merges.is_empty() {
        bundle["merges"] = Value::Array(merges);
    }
    if !warnings.is_empty() {
        bundle["warnings"] = json!(warnings);
    }
    bundle
}

#[test]
fn a_message_of_each_family_becomes_what_it_says() {
    for (path, text) in messages() {
        let message = Message::parse(text).expect("a message");
        let conversion = convert(&message, &Rules::default());
        let conversion = conversion.unwrap_or_else(|problems| panic!("{}: {problems:?}", path.display()));
        sound::check(&conversion).unwrap_or_else(|wrong| panic!("{}: {wrong}", path.display()));
        let text = serde_json::to_string_pretty(&bundle(&conversion)).expect("JSON");
        expect_file![path.with_extension("bundle.json")].assert_eq(&format!("{text}\n"));
    }
}
