//! A message of each family, through to what is stored.

use std::fs;
use std::path::Path;

use super::sender::{Line, app, count};
use crate::app::TestApp;

/// Returns the fixtures in the order in which things happened.
fn messages() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hl7v2");
    let entries = fs::read_dir(folder).expect("the fixtures are there");
    let paths = entries.map(|entry| entry.expect("a readable folder").path());
    let mut found: Vec<(String, String)> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "hl7"))
        .map(|path| {
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

/// Sends a message; in the enhanced mode its sender is told no more than that it is kept.
fn taken(app: &TestApp, line: &mut Line, text: &str) {
    let answer = line.send_bytes(text.as_bytes()).expect("an answer");
    assert!(matches!(answer.field("MSA", 1), "AA" | "CA"), "{}", answer.0);
    let last = app.sql("select state, problems::text from hl7_message order by id desc limit 1");
    assert_eq!(last[0].get::<_, i16>(0), 2, "{}", last[0].get::<_, String>(1));
}

#[test]
fn a_message_of_each_family_is_taken_over_and_says_nothing_new_the_second_time() {
    let app = app();
    let mut line = Line::open(&app);
    let all = messages();
    assert!(all.len() >= 13);
    for (name, text) in &all {
        println!("{name}");
        taken(&app, &mut line, text);
    }
    let resources = || count(&app, "select count(*) from resource");
    let versions = || count(&app, "select count(*) from resource_history");
    let (made, changed) = (resources(), versions());
    assert!(made > 20, "{made}");
    // Another control id, the same words: only what the merge moved is looked at by its new name.
    for (name, text) in &all {
        println!("{name}, again");
        taken(&app, &mut line, &renamed(text, "x"));
    }
    let written = app.sql(
        "select now.type, now.content::text, was.content::text from resource now left join resource_history was
            on was.no = now.no and was.version = now.version - 1
         where now.type = 110 or was.no is not null order by now.updated desc limit 2",
    );
    for row in &written {
        let text = |n: usize| row.get::<_, Option<String>>(n).unwrap_or_default();
        println!("type {}:\n  {}\n  was {}", row.get::<_, i16>(0), text(1), text(2));
    }
    assert_eq!(resources(), made);
    assert_eq!(versions(), changed);
}
