//! Batches: each message as if it had come alone, and one batch of answers.

use super::sender::{Line, Said, app, patients, rows};

fn said(id: &str, number: &str) -> String {
    Said::new("ADT^A28^ADT_A05", id).patient(number, "Batch", "").text()
}

fn batch(messages: &[String], count: &str) -> String {
    let messages = messages.concat();
    format!(
        "FHS|^~\\&|LAB|HOSP|EHR|CITY|20260101||||F1\rBHS|^~\\&|LAB|HOSP|EHR|CITY|20260101||||B1\r{messages}BTS|{count}\rFTS|1\r"
    )
}

/// Returns the names of segments and what MSA says.
fn outline(answer: &str) -> Vec<String> {
    let lines = answer.split_terminator('\r').map(|line| line.split('|').collect::<Vec<_>>());
    let told = lines.filter_map(|fields| match fields[0] {
        "MSH" | "ERR" => None,
        "MSA" => Some(format!("{} {}", fields[1], fields[2])),
        name => Some(name.to_string()),
    });
    told.collect()
}

#[test]
fn each_message_of_a_batch_is_taken_and_the_answers_are_a_batch() {
    let app = app();
    let mut line = Line::open(&app);
    let wrong = Said::new("ADT^A28^ADT_A05", "b-2").segment("PID|1||||Nobody").text();
    let frame = batch(&[said("b-1", "B1"), wrong, said("b-3", "B3")], "3");
    let answer = line.send_bytes(frame.as_bytes()).expect("an answer").0;
    assert_eq!(outline(&answer), ["FHS", "BHS", "AA b-1", "AE b-2", "AA b-3", "BTS", "FTS"]);
    assert!(answer.starts_with("FHS|^~\\&|EHR|CITY|LAB|HOSP|") && answer.contains("|F1\r"), "{answer}");
    assert!(answer.contains("\rBTS|3\rFTS|1\r") && answer.contains("|B1\r"), "{answer}");
    for (id, state) in [("b-1", 2), ("b-2", 3), ("b-3", 2)] {
        assert_eq!(rows(&app, id)[0].0, state, "{id}");
    }
    // What comes again is answered as before, and taken over once.
    let again = line.send_bytes(frame.as_bytes()).expect("an answer").0;
    assert_eq!(outline(&again), outline(&answer));
    assert_eq!(patients(&app, "B1")[0]["meta"]["versionId"], "1");
}

#[test]
fn a_count_that_does_not_fit_is_told_and_loses_nothing() {
    let app = app();
    let mut line = Line::open(&app);
    let frame = batch(&[said("c-1", "C1"), said("c-2", "C2")], "3");
    let answer = line.send_bytes(frame.as_bytes()).expect("an answer").0;
    assert_eq!(outline(&answer), ["FHS", "BHS", "AA c-1", "AA c-2", "BTS", "FTS"]);
    assert!(answer.contains("BTS|2|BTS-1: BTS counts 3 messages, but there are 2\r"), "{answer}");
    let problems = app.sql("select problems::text from hl7_message where control_id = 'c-1'");
    assert!(problems[0].get::<_, String>(0).contains("counts 3 messages"));
    // Nothing that could be answered to: kept, as what is no message.
    for (frame, code) in [("BHS\r", "AR"), ("FHS|^\r\r", "")] {
        let answer = line.send_bytes(frame.as_bytes()).expect("an answer");
        assert_eq!(answer.field("MSA", 1), code, "{}", answer.0);
    }
    line.send(&Said::new("ADT^A28^ADT_A05", "c-3").patient("C3", "After", "")).expect("AA");
}

#[test]
fn a_file_is_loaded_as_a_feed_would_have_sent_it() {
    let app = app();
    let file = app.data_dir().join("messages.hl7");
    let path = file.display().to_string();
    let load = |text: &str| {
        std::fs::write(&file, text.replace('\r', "\n")).expect("the data folder can be written");
        let output = app.run("feed load", &[&path, "--feed", "lab"]);
        let told = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        (output.status.success(), told)
    };
    let (done, told) = load(&said("l-1", "L1"));
    assert!(done && told.contains("l-1  ADT^A28  done") && told.contains("1 of 1 messages"), "{told}");
    let (done, told) = load(&[said("l-2", "L2"), said("l-3", "L3")].concat());
    assert!(done && told.contains("2 of 2 messages"), "{told}");
    let wrong = Said::new("ADT^A28^ADT_A05", "l-5").segment("PID|1||||Nobody").text();
    let (done, told) = load(&batch(&[said("l-4", "L4"), wrong], "5"));
    assert!(!done && told.contains("l-4  ADT^A28  done") && told.contains("l-5  ADT^A28  failed"), "{told}");
    assert!(told.contains("counts 5 messages") && told.contains("1 of 2 messages"), "{told}");
    assert_eq!(patients(&app, "L4").len(), 1);
    assert_eq!(rows(&app, "l-5"), [(3, Some("AE".into()), 1)]);
    let (done, told) = load("no message");
    assert!(!done && told.contains("unreadable") && told.contains("0 of 1"), "{told}");
    let output = app.run("feed load", &[&path, "--feed", "none"]);
    assert!(!output.status.success());
}
