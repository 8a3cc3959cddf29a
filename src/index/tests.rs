//! The index by itself: what is put in is found, and nothing else; damage is seen.

use super::document::texts;
use super::rank::{highlight, rank};
use super::reader::Found;
use super::writer::{Progress, Writer};
use crate::search::Expr;
use crate::search::ask::{Ask, TextAsk};
use crate::search::tests::{REGISTRY, resource_type, search};
use crate::store::outbox::Position;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

/// A folder that is removed again.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        Folder(std::env::temp_dir().join(format!("text-{}", uuid::Uuid::new_v4())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn condition(text: &str, narrative: &str, code: &str, display: &str) -> Value {
    json!({
        "resourceType": "Condition",
        "text": {"status": "generated", "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{narrative}</div>")},
        "code": {"coding": [{"system": "http://s", "code": code, "display": display}], "text": text}
    })
}

fn put(writer: &Writer, no: i64, resource: &Value) {
    let t = resource_type(resource["resourceType"].as_str().unwrap());
    writer.put(no, t, &texts(&REGISTRY, t, resource)).unwrap();
}

fn filled(folder: &Folder) -> Writer {
    let mut writer = Writer::create(&folder.0).unwrap();
    put(&writer, 1, &condition("Heart failure", "<p>chronic</p>", "I50", "Herzschwäche"));
    put(&writer, 2, &condition("Failure of the heart", "acute", "I50.1", "Heart failure, left"));
    put(&writer, 3, &condition("Diabetes mellitus", "diabetic foot", "E11.9", "Typ-2-Diabetes"));
    put(&writer, 4, &json!({"resourceType": "Patient", "name": [{"family": "Herz", "given": ["Müller"]}]}));
    let position = Position { xid: "7".into(), no: 4, version: 1 };
    writer.commit(&Progress { position, built_to: None }).unwrap();
    writer
}

/// Returns the question that a query leaves.
fn ask(query: &str) -> TextAsk {
    match search(query).unwrap_or_else(|f| panic!("{query}: {f}")).filter {
        Expr::Ask(ask) => {
            let Ask::Text(ask) = *ask else { panic!("{query}") };
            ask
        }
        other => panic!("{query}: {other:?}"),
    }
}

#[test]
fn a_text_is_found_where_it_stands() {
    let folder = Folder::new();
    let reader = filled(&folder).reader().unwrap();
    for (query, nos) in [
        ("Condition?_content=heart failure", &[1, 2][..]),
        ("Condition?_content=\"heart failure\"", &[1, 2]),
        ("Condition?_content=\"failure of the heart\"", &[2]),
        ("Condition?_content=heart -left", &[1]),
        ("Condition?_content=left or diabetes", &[2, 3]),
        ("Condition?_content=HERZSCHWACHE", &[1]),
        ("Condition?_content=E11.9", &[3]),
        ("Condition?_content=9 e11", &[3]),
        ("Condition?_content=\"9 e11\"", &[]),
        ("Condition?_content=herz*", &[1]),
        ("Condition?_content=muller", &[]),
        ("?_content=herz*", &[1, 4]),
        ("?_content=müller", &[4]),
        ("Condition?_text=acute", &[2]),
        ("Condition?_text=heart", &[]),
        ("Condition?_text=chronic diabetic", &[]),
        ("Condition?_text=(chronic OR acute) or foot", &[1, 2, 3]),
        ("Condition?code:text=heart", &[1, 2]),
        ("Condition?code:text=HERZSCHWA", &[1]),
        ("Condition?code:text=failure", &[2]),
        ("Condition?code:text=left", &[]),
        ("Condition?code:text=I50", &[]),
    ] {
        assert_eq!(reader.find(&ask(query), 10).unwrap(), Found::Nos(nos.to_vec()), "{query}");
    }
    let heart = ask("Condition?_content=heart");
    assert_eq!(reader.find(&heart, 1).unwrap(), Found::TooMany);
    assert_eq!(reader.find(&heart, 2).unwrap(), Found::Nos(vec![1, 2]));
    assert_eq!(reader.find_among(&heart, vec![2, 3, 9]).unwrap(), [2]);
}

#[test]
fn ranking_forgives_typos_and_puts_the_words_themselves_first() {
    let folder = Folder::new();
    let reader = filled(&folder).reader().unwrap();
    for (query, nos) in [
        ("heart failure", &[1, 2][..]),
        ("haert", &[1, 2]),
        ("diabtes", &[3]),
        ("diabates melitus", &[3]),
        ("herz", &[4, 1]),
        ("heart diabetes", &[]),
        ("E12.9", &[]),
        ("xyz", &[]),
    ] {
        let ranked = rank(&reader, query, &[], 10).unwrap();
        let mut found: Vec<i64> = ranked.hits.iter().map(|(no, _)| *no).collect();
        if query != "herz" {
            found.sort_unstable();
        }
        assert_eq!(found, nos, "{query}");
        assert!(ranked.hits.iter().all(|(_, score)| (0.0..=1.0).contains(score)));
        assert!(ranked.hits.first().is_none_or(|(_, score)| *score == 1.0));
    }
    let patients = rank(&reader, "herz", &[resource_type("Patient")], 10).unwrap();
    assert_eq!(patients.hits.len(), 1);
    let shown = highlight(&["a < b & Haert".into(), "the Herz".into()], &patients.words);
    assert_eq!(shown.as_deref().map(|s| s.contains("<b>Herz</b>") && !s.contains("a < b")), Some(true), "{shown:?}");
}

#[test]
fn a_document_follows_its_resource() {
    let folder = Folder::new();
    let mut writer = filled(&folder);
    put(&writer, 1, &condition("Asthma", "", "J45", "Asthma"));
    writer.remove(2);
    writer.commit(&Progress::default()).unwrap();
    let reader = writer.reader().unwrap();
    assert_eq!(reader.find(&ask("?_content=heart"), 10).unwrap(), Found::Nos(vec![]));
    assert_eq!(reader.find(&ask("?_content=asthma"), 10).unwrap(), Found::Nos(vec![1]));
    assert_eq!(reader.documents(), 3);
}

#[test]
fn an_index_goes_on_where_it_was_and_damage_is_seen() {
    let folder = Folder::new();
    drop(filled(&folder));
    let (writer, progress) = Writer::open(&folder.0).unwrap().unwrap();
    assert_eq!(progress.position, Position { xid: "7".into(), no: 4, version: 1 });
    let reader = writer.reader().unwrap();
    reader.check().unwrap();
    let segment = fs::read_dir(&folder.0).unwrap().map(|e| e.unwrap().path());
    let segment = segment.filter(|p| p.extension().is_some_and(|e| e == "idx" || e == "pos")).min().unwrap();
    let whole = fs::read(&segment).unwrap();
    let mut garbled = whole.clone();
    garbled[0] ^= 0xff;
    fs::write(&segment, &garbled).unwrap();
    assert!(reader.check().is_err());
    drop(writer);
    assert!(Writer::open(&folder.0).is_err(), "one byte is wrong");
    fs::write(&segment, &whole[..whole.len() / 2]).unwrap();
    assert!(Writer::open(&folder.0).is_err(), "cut off");
    fs::remove_file(&segment).unwrap();
    assert!(Writer::open(&folder.0).is_err(), "gone");
    fs::write(folder.0.join("meta.json"), "garbage").unwrap();
    assert!(Writer::open(&folder.0).is_err(), "no meta");
    fs::remove_file(folder.0.join("meta.json")).unwrap();
    assert!(Writer::open(&folder.0).unwrap().is_none());
    assert_eq!(Writer::create(&folder.0).unwrap().reader().unwrap().documents(), 0);
}
