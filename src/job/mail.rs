//! Hands mails over to the relay, one process at a time for each, until it takes them or three days have passed.

use crate::fhir::Instant;
use crate::outbound::smtp::{Letter, Relay, SmtpError};
use crate::store::identity::mail::Mail;
use crate::store::{Store, StoreError};
use std::time::Duration;

/// How often it is looked for mails.
const EVERY: Duration = Duration::from_secs(1);
const BATCH: i64 = 20;
/// How long a mail is with the process that took it: all of a batch have their time within it.
const LEASE_S: i64 = 600;
/// What could not be sent for so long is given up.
const KEPT_S: i64 = 3 * 86_400;
const PAUSE_S_MAX: i64 = 3_600;

/// What a mail says, whatever it is about.
#[derive(Debug, Clone)]
pub struct Words {
    /// The name of the installation.
    pub name: String,
    /// Where its pages are, without a slash at the end.
    pub root_url: String,
}

/// Where patients read notices, and where everybody begins.
const INBOX: &str = "/patient/inbox";
const ACCOUNT: &str = "/account";

/// Runs for as long as the server does.
pub async fn run(store: Store, relay: Relay, words: Words) {
    let mut was_away = false;
    loop {
        let done = turn(&store, &relay, &words).await;
        if let (Err(error), false) = (&done, was_away) {
            tracing::warn!(%error, "failed to look for mails");
        }
        was_away = done.is_err();
        // Where there was a whole batch there may be more.
        if !matches!(done, Ok(sent) if sent == BATCH as usize) {
            tokio::time::sleep(EVERY).await;
        }
    }
}

/// Sends what is due; returns how many mails there were.
async fn turn(store: &Store, relay: &Relay, words: &Words) -> Result<usize, StoreError> {
    let mails = store.take_mails(LEASE_S, BATCH).await?;
    for mail in &mails {
        match send(relay, words, mail).await {
            Ok(()) => {
                metrics::counter!("medilink_mails_sent_total").increment(1);
                store.mail_done(mail.id).await?;
            }
            Err(error) => later(store, mail, &error).await?,
        }
    }
    metrics::gauge!("medilink_mails_waiting").set(store.mails_waiting().await? as f64);
    Ok(mails.len())
}

async fn send(relay: &Relay, words: &Words, mail: &Mail) -> Result<(), SmtpError> {
    let subject = format!("{}: there is a notice for you", words.name);
    let page = if mail.is_to_patient { INBOX } else { ACCOUNT };
    let text = format!(
        "There is a notice for you at {}. Sign in to read it:\n\n{}{page}\n\n\
         This mail says nothing else, so that nobody who sees it learns anything about you.\n",
        words.name, words.root_url
    );
    let letter = Letter { id: &mail.id.to_string(), to: &mail.address, subject: &subject, text: &text };
    relay.send(&letter).await
}

async fn later(store: &Store, mail: &Mail, error: &SmtpError) -> Result<(), StoreError> {
    let now = Instant::now();
    if now.0 - mail.created.0 > KEPT_S * 1_000_000 {
        metrics::counter!("medilink_mails_given_up_total").increment(1);
        tracing::error!(mail = %mail.id, tries = mail.tries, %error, "a mail is given up");
        return store.mail_done(mail.id).await;
    }
    metrics::counter!("medilink_mails_failed_total").increment(1);
    tracing::warn!(mail = %mail.id, tries = mail.tries, %error, "failed to send a mail; trying again");
    store.mail_later(mail.id, Instant(now.0 + pause_s(mail.tries) * 1_000_000)).await
}

/// Returns how long to wait after so many tries: twice as long each time, an hour at most.
fn pause_s(tries: i32) -> i64 {
    let doublings = u32::try_from(tries.saturating_sub(1)).unwrap_or(0).min(12);
    (1_i64 << doublings).min(PAUSE_S_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_an_hour() {
        for (tries, seconds) in [(0, 1), (1, 1), (2, 2), (5, 16), (12, 2_048), (13, 3_600), (i32::MAX, 3_600)] {
            assert_eq!(pause_s(tries), seconds, "{tries}");
        }
    }
}
