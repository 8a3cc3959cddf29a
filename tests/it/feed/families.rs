//! A message of each family, through to what is stored.

use std::fs;
use std::path::Path;

use super::sender::{Line, app, count};

/// Returns the fixtures in the order in which things happened.
fn messages() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hl7v2");
    let entries = fs::read_dir(folder).expect("the fixtures are there");
    let mut found: Vec<(String, String)> = entries
        .map(|entry| {
            let path = entry.expect("a readable folder").path();
            let text = String::from_utf8_lossy(&fs::read(&path).expect("a readable file")).replace('\n', "\r");
            (path.file_name().expect("a file").to_string_lossy().into_owned(), text)
        })
        .collect();
    found.sort_by_key(|(_, text)| text.split('|').nth(6).unwrap_or_default().to_string());
    found
}

fn renamed(text: &str, by: &str) -> String {
    let mut fields: Vec<String> = text.split('|').map(String::from).collect();
    fields[9].push_str(by);
    fields.join("|")
}

#[test]
fn a_message_of_each_family_is_taken_over_and_says_nothing_new_the_second_time() {
    let app = app();
    let mut line = Line::open(&app);
    let all = messages();
    assert!(all.len() >= 13);
    for (name, text) in &all {
        println!("{name}");
        line.send_bytes(text.as_bytes()).expect("an answer").expect("AA");
    }
    let resources = || count(&app, "select count(*) from resource");
    let versions = || count(&app, "select count(*) from resource_history");
    let (made, changed) = (resources(), versions());
    assert!(made > 20, "{made}");
    // Another control id, the same words: only what the merge moved is looked at by its new name.
    for (name, text) in &all {
        println!("{name}, again");
        line.send_bytes(renamed(text, "x").as_bytes()).expect("an answer").expect("AA");
    }
    let new = "select string_agg(type || ' ' || id, ', ') from resource where no > (select max(no) from resource) - 1";
    assert_eq!(resources(), made, "{:?}", app.sql(new)[0].get::<_, Option<String>>(0));
    assert_eq!(versions(), changed);
}
