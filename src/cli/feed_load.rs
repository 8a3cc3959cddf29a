//! `medilink feed load`: messages from a file, taken as if their feed had sent them one after the other.

use super::hl7::bytes;
use medilink::app::Failure;
use medilink::feed::{Intake, Told};
use medilink::service::Service;
use medilink::store::hl7::State;
use std::path::Path;

/// Takes the messages of a file; fails where one of them was not taken over.
pub async fn run(service: &Service, file: &Path, feed: &str) -> Result<(), Failure> {
    let found = service.store().hl7_feed(feed).await;
    let found = found.map_err(|e| Failure(format!("failed to ask the database: {e}")))?;
    let found = found.ok_or_else(|| Failure(format!("there is no feed '{feed}'")))?;
    if !found.active {
        return Err(Failure(format!("the feed '{feed}' is stopped: medilink feed start {feed}")));
    }
    let (told, wrong) = Intake::new(service.clone()).load(&found, &bytes(file)?).await;
    for message in &told {
        say(message);
    }
    for problem in &wrong {
        println!("the file: {problem}");
    }
    let done = told.iter().filter(|message| message.verdict.state == Some(State::Done)).count();
    let (all, counted) = (told.len(), if wrong.is_empty() { "" } else { "; the file is not as it says" });
    let text = format!("{done} of {all} messages were taken over{counted}");
    if done < all || all == 0 {
        return Err(Failure(text));
    }
    println!("{text}");
    Ok(())
}

fn say(message: &Told) {
    let or = |text: &Option<String>, none: &str| text.clone().unwrap_or_else(|| none.to_string());
    let state = message.verdict.state.map_or("waits to be tried again", State::name);
    println!("{}  {}  {state}", or(&message.control_id, "-"), or(&message.event, "unreadable"));
    for problem in &message.verdict.problems {
        println!("    {problem}");
    }
}
