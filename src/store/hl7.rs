//! HL7 v2: which feeds there are, every message as it came, and what became of it.
//!
//! A message is kept before anything is done with it, and its row only says more; what may be removed is the text of one that was worked
//! off long ago. A control id
//! stands for one message of its feed, unless that was refused, given up or replaced by a corrected one.

use crate::fhir::Instant;
use crate::store::{Store, StoreError};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

const FEEDS: &str =
    "select id, application, facility, client, certificate, settings, active, created from hl7_feed order by id";
const FEED: &str =
    "select id, application, facility, client, certificate, settings, active, created from hl7_feed where id = $1";
const PUT_FEED: &str = "insert into hl7_feed (id, application, facility, client, certificate, settings, active, created)
    values ($1, $2, $3, $4, $5, $6, $7, $8)
    on conflict (id) do update set application = excluded.application, facility = excluded.facility,
        client = excluded.client, certificate = excluded.certificate, settings = excluded.settings, active = excluded.active";
const REMOVE_FEED: &str = "delete from hl7_feed where id = $1";

const RECEIVE: &str =
    "insert into hl7_message (id, received, feed, peer, certificate, application, facility, control_id,
        event, sent, raw, sha256, state, attempts, tried)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 1, $2)
    on conflict (feed, control_id) where state in (1, 2, 3) do nothing";
const SAME: &str = "select id from hl7_message where feed = $1 and control_id = $2 and state in (1, 2, 3)";
/// A refused message that comes again is counted; the row of another one is made.
const REFUSED_AGAIN: &str = "update hl7_message set attempts = attempts + 1, tried = $2
    where id = (select id from hl7_message where sha256 = $1 and state = 4 and feed is not distinct from $3 limit 1)
    returning id";
const CORRECT: &str = "with old as (
        update hl7_message set state = 6, replaced_by = $1 where id = $2 and state in (3, 4)
        returning feed, peer, certificate)
    insert into hl7_message (id, received, feed, peer, certificate, application, facility, control_id,
        event, sent, raw, sha256, state, attempts, tried, replaces)
    select $1, $3, coalesce($11, feed), peer, certificate, $4, $5, $6, $7, $8, $9, $10, 1, 1, $3, $2 from old
    on conflict (feed, control_id) where state in (1, 2, 3) do nothing";
const TRY: &str = "update hl7_message set attempts = attempts + 1, tried = $2 where id = $1 and state in (1, 3, 4)";
const SETTLE: &str = "update hl7_message set state = $2, ack_code = $3, ack = $4, problems = $5, done_at = $6
    where id = $1 and state in (1, 3, 4)";
const DISMISS: &str = "update hl7_message set state = 5, dismissed_by = $2, dismissed_why = $3, done_at = $4
    where id = $1 and state in (1, 3, 4)";
const WAITING: &str = "select id from hl7_message where state = 1 and tried < $1 order by id limit $2";
const MESSAGE: &str =
    "select id, received, feed, peer, certificate, application, facility, control_id, event, sent, state,
        ack_code, problems, attempts, done_at, replaces, replaced_by, dismissed_by, dismissed_why, sha256, raw, ack
    from hl7_message where id = $1";
const MESSAGES: &str =
    "select id, received, feed, peer, certificate, application, facility, control_id, event, sent, state,
        ack_code, problems, attempts, done_at, replaces, replaced_by, dismissed_by, dismissed_why
    from hl7_message
    where ($1::text is null or feed = $1) and ($2::smallint is null or state = $2)
        and ($3::text is null or control_id = $3) and ($4::bigint is null or received >= $4)
        and ($5::bigint is null or received < $5) and ($6::uuid is null or id < $6)
    order by id desc limit $7";
/// Of messages of which nothing is to become any more.
const REMOVE_RAW: &str = "update hl7_message set raw = null where id in (
        select id from hl7_message where state in (2, 5, 6) and raw is not null and done_at < $1
        order by done_at limit $2 for update skip locked)";
const COUNTS: &str = "select feed, state, count(*) from hl7_message group by feed, state order by feed, state";
const OPEN: &str = "select feed, state, count(*), min(received) from hl7_message where state in (1, 3) group by feed, state order by feed, state";
pub const STATEMENTS: &[&str] = &[
    FEEDS,
    FEED,
    PUT_FEED,
    REMOVE_FEED,
    RECEIVE,
    SAME,
    REFUSED_AGAIN,
    CORRECT,
    TRY,
    SETTLE,
    DISMISS,
    WAITING,
    MESSAGE,
    MESSAGES,
    REMOVE_RAW,
    COUNTS,
    OPEN,
];

/// A system that sends messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    pub id: String,
    /// MSH-3 and MSH-4 of its messages; none: any.
    pub application: Option<String>,
    pub facility: Option<String>,
    /// The registered client whose scopes bound what its messages write; none: `system/*.cruds`.
    pub client: Option<String>,
    /// The common name of the certificate that it must show; none is asked for otherwise.
    pub certificate: Option<String>,
    /// TOML.
    pub settings: String,
    pub active: bool,
    pub created: Instant,
}

/// What has become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Kept, and not worked off yet.
    Received,
    Done,
    /// It makes no sense, or what it says cannot be taken over: for people to look at.
    Failed,
    /// The sender or the kind of message is not taken.
    Refused,
    /// Somebody has given it up.
    Dismissed,
    /// A corrected one has taken its place.
    Replaced,
}

impl State {
    pub const ALL: [State; 6] =
        [State::Received, State::Done, State::Failed, State::Refused, State::Dismissed, State::Replaced];

    pub fn number(self) -> i16 {
        self as i16 + 1
    }

    pub fn from_number(number: i16) -> State {
        State::ALL.into_iter().find(|state| state.number() == number).unwrap_or(State::Failed)
    }

    pub fn name(self) -> &'static str {
        match self {
            State::Received => "received",
            State::Done => "done",
            State::Failed => "failed",
            State::Refused => "refused",
            State::Dismissed => "dismissed",
            State::Replaced => "replaced",
        }
    }

    pub fn parse(name: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// A message that has just come.
#[derive(Debug, Clone, Default)]
pub struct Arrival {
    pub feed: Option<String>,
    /// Where it came from.
    pub peer: String,
    /// The common name of the certificate that was shown.
    pub certificate: Option<String>,
    /// MSH-3, MSH-4, MSH-10, MSH-9 and MSH-7, as far as they could be read. Without NUL.
    pub application: Option<String>,
    pub facility: Option<String>,
    pub control_id: Option<String>,
    pub event: Option<String>,
    pub sent: Option<String>,
    pub raw: Vec<u8>,
}

/// What is known of a message beside its bytes.
#[derive(Debug, Clone)]
pub struct Message {
    pub id: Uuid,
    pub received: Instant,
    pub feed: Option<String>,
    pub peer: String,
    pub certificate: Option<String>,
    pub application: Option<String>,
    pub facility: Option<String>,
    pub control_id: Option<String>,
    pub event: Option<String>,
    /// MSH-7 as it is written.
    pub sent: Option<String>,
    pub state: State,
    /// `AA`, `AE` or `AR`, once it is acknowledged.
    pub ack_code: Option<String>,
    /// Objects of `code` (table 0357), `severity` (`W` or `E`), `at` and `text`.
    pub problems: Value,
    pub attempts: i32,
    pub done_at: Option<Instant>,
    pub replaces: Option<Uuid>,
    pub replaced_by: Option<Uuid>,
    pub dismissed_by: Option<String>,
    pub dismissed_why: Option<String>,
}

/// A message with its bytes.
#[derive(Debug, Clone)]
pub struct Kept {
    pub message: Message,
    /// None: removed, since nothing is to become of it any more.
    pub raw: Option<Vec<u8>>,
    pub sha256: Vec<u8>,
    pub ack: Option<Vec<u8>>,
}

impl Kept {
    /// Returns whether a text says the same: it may end its segments otherwise, as the same message does in a batch, in a file and alone.
    fn says(&self, raw: &[u8]) -> bool {
        let Some(own) = &self.raw else { return false };
        // In character sets of two bytes an end of line may be half of a character.
        let has_wide = [own.as_slice(), raw].iter().any(|raw| raw.contains(&0));
        let segments = |raw| <[u8]>::split(raw, |byte| matches!(byte, b'\r' | b'\n')).filter(|line| !line.is_empty());
        !has_wide && segments(own.as_slice()).eq(segments(raw))
    }
}

/// What is there of a message that has just come.
#[derive(Debug)]
pub enum Received {
    /// Nothing was; now it is kept.
    New(Uuid),
    /// The same message of before.
    Again(Box<Kept>),
    /// Another message of the same control id. The one that came is not kept.
    Other(Uuid),
}

/// What became of a message.
#[derive(Debug, Clone)]
pub struct Settled {
    pub state: State,
    pub ack_code: String,
    pub ack: Vec<u8>,
    pub problems: Value,
}

/// Which messages are wanted; an empty filter is all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub feed: Option<String>,
    pub state: Option<State>,
    pub control_id: Option<String>,
    /// Received then or later.
    pub from: Option<Instant>,
    /// Received before.
    pub until: Option<Instant>,
    /// The last of the page before this.
    pub after: Option<Uuid>,
}

/// Returns the digest by which a message is known again.
pub fn digest(raw: &[u8]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    Sha256::digest(raw).to_vec()
}

impl Store {
    pub async fn hl7_feeds(&self) -> Result<Vec<Feed>, StoreError> {
        Ok(self.ask(FEEDS, &[]).await?.iter().map(feed).collect())
    }

    pub async fn hl7_feed(&self, id: &str) -> Result<Option<Feed>, StoreError> {
        Ok(self.ask_one(FEED, &[&id]).await?.as_ref().map(feed))
    }

    /// Adds a feed or changes it; when it was made stays.
    pub async fn put_hl7_feed(&self, feed: &Feed) -> Result<(), StoreError> {
        let Feed { id, application, facility, client, certificate, settings, active, created } = feed;
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 8] =
            [id, application, facility, client, certificate, settings, active, &created.0];
        self.tell(PUT_FEED, &params).await.map(drop)
    }

    /// Removes a feed; its messages stay.
    pub async fn remove_hl7_feed(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.tell(REMOVE_FEED, &[&id]).await? == 1)
    }

    /// Keeps a message; it is durable when this returns.
    pub async fn receive_hl7(&self, arrival: &Arrival) -> Result<Received, StoreError> {
        let sha256 = digest(&arrival.raw);
        // A row that is in the way may be given up between the two looks.
        for _ in 0..8 {
            if let Some(id) = self.insert_hl7(arrival, &sha256, State::Received).await? {
                return Ok(Received::New(id));
            }
            let Some(row) = self.ask_one(SAME, &[&arrival.feed, &arrival.control_id]).await? else { continue };
            let there: Uuid = row.get(0);
            match self.hl7_message(there).await? {
                Some(kept) if kept.sha256 == sha256 || kept.says(&arrival.raw) => {
                    return Ok(Received::Again(Box::new(kept)));
                }
                _ => return Ok(Received::Other(there)),
            }
        }
        Err(StoreError::Contended("the row of a message changed again and again".into()))
    }

    /// Keeps a message that is not taken. Who sends the same again has it counted once more.
    pub async fn refuse_hl7(&self, arrival: &Arrival) -> Result<Uuid, StoreError> {
        let sha256 = digest(&arrival.raw);
        if let Some(row) = self.ask_one(REFUSED_AGAIN, &[&sha256, &Instant::now().0, &arrival.feed]).await? {
            return Ok(row.get(0));
        }
        let kept = self.insert_hl7(arrival, &sha256, State::Refused).await?;
        kept.ok_or_else(|| StoreError::Contended("a refused message was in the way of another".into()))
    }

    async fn insert_hl7(&self, arrival: &Arrival, sha256: &Vec<u8>, state: State) -> Result<Option<Uuid>, StoreError> {
        let (id, now, state) = (Uuid::now_v7(), Instant::now().0, state.number());
        let Arrival { feed, peer, certificate, application, facility, control_id, event, sent, raw } = arrival;
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 13] =
            [&id, &now, feed, peer, certificate, application, facility, control_id, event, sent, raw, sha256, &state];
        Ok((self.tell(RECEIVE, &params).await? == 1).then_some(id))
    }

    /// Puts a corrected message in the place of one that failed or was refused; none where that is neither, or where the control id
    /// of the corrected one stands for another message.
    pub async fn correct_hl7(&self, id: Uuid, arrival: &Arrival) -> Result<Option<Uuid>, StoreError> {
        let (new, now) = (Uuid::now_v7(), Instant::now().0);
        let Arrival { feed, application, facility, control_id, event, sent, raw, .. } = arrival;
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 11] =
            [&new, &id, &now, application, facility, control_id, event, sent, raw, &digest(raw), feed];
        Ok((self.tell(CORRECT, &params).await? == 1).then_some(new))
    }

    /// Notes that a message is tried once more; false where it is settled for good.
    pub async fn try_hl7(&self, id: Uuid) -> Result<bool, StoreError> {
        Ok(self.tell(TRY, &[&id, &Instant::now().0]).await? == 1)
    }

    /// Keeps what became of a message; false where it was settled for good meanwhile.
    pub async fn settle_hl7(&self, id: Uuid, settled: &Settled) -> Result<bool, StoreError> {
        let Settled { state, ack_code, ack, problems } = settled;
        let now = Instant::now().0;
        Ok(self.tell(SETTLE, &[&id, &state.number(), ack_code, ack, problems, &now]).await? == 1)
    }

    /// Gives up a message that failed, was refused or waits still; false where it is none of these.
    pub async fn dismiss_hl7(&self, id: Uuid, who: &str, why: &str) -> Result<bool, StoreError> {
        Ok(self.tell(DISMISS, &[&id, &who, &why, &Instant::now().0]).await? == 1)
    }

    /// Returns messages that are kept and not worked off, in the order in which they came, as far as they were last tried before then.
    pub async fn waiting_hl7(&self, tried_before: Instant, max: i64) -> Result<Vec<Uuid>, StoreError> {
        let rows = self.ask(WAITING, &[&tried_before.0, &max]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Removes the text of messages that were done, given up or replaced before then, some at a time; returns of how many. What else is
    /// known of them stays.
    pub async fn remove_hl7_raw(&self, before: Instant, max: i64) -> Result<u64, StoreError> {
        self.tell(REMOVE_RAW, &[&before.0, &max]).await
    }

    pub async fn hl7_message(&self, id: Uuid) -> Result<Option<Kept>, StoreError> {
        let row = self.ask_one(MESSAGE, &[&id]).await?;
        Ok(row.map(|row| Kept { message: message(&row), sha256: row.get(19), raw: row.get(20), ack: row.get(21) }))
    }

    /// Returns messages, the newest first.
    pub async fn hl7_messages(&self, filter: &Filter, max: i64) -> Result<Vec<Message>, StoreError> {
        let Filter { feed, control_id, after, .. } = filter;
        let state = filter.state.map(State::number);
        let (from, until) = (filter.from.map(|at| at.0), filter.until.map(|at| at.0));
        let rows = self.ask(MESSAGES, &[feed, &state, control_id, &from, &until, after, &max]).await?;
        Ok(rows.iter().map(message).collect())
    }

    /// Returns how many messages each feed has in each state; of nobody known where there is no feed.
    pub async fn hl7_counts(&self) -> Result<Vec<(Option<String>, State, i64)>, StoreError> {
        let rows = self.ask(COUNTS, &[]).await?;
        Ok(rows.iter().map(|row| (row.get(0), State::from_number(row.get(1)), row.get(2))).collect())
    }

    /// The same of messages that wait or failed alone, with when the oldest of them came.
    pub async fn hl7_open_counts(&self) -> Result<Vec<(Option<String>, State, i64, Instant)>, StoreError> {
        let rows = self.ask(OPEN, &[]).await?;
        let row = |row: &Row| (row.get(0), State::from_number(row.get(1)), row.get(2), Instant(row.get(3)));
        Ok(rows.iter().map(row).collect())
    }
}

fn feed(row: &Row) -> Feed {
    Feed {
        id: row.get(0),
        application: row.get(1),
        facility: row.get(2),
        client: row.get(3),
        certificate: row.get(4),
        settings: row.get(5),
        active: row.get(6),
        created: Instant(row.get(7)),
    }
}

fn message(row: &Row) -> Message {
    Message {
        id: row.get(0),
        received: Instant(row.get(1)),
        feed: row.get(2),
        peer: row.get(3),
        certificate: row.get(4),
        application: row.get(5),
        facility: row.get(6),
        control_id: row.get(7),
        event: row.get(8),
        sent: row.get(9),
        state: State::from_number(row.get(10)),
        ack_code: row.get(11),
        problems: row.get(12),
        attempts: row.get(13),
        done_at: row.get::<_, Option<i64>>(14).map(Instant),
        replaces: row.get(15),
        replaced_by: row.get(16),
        dismissed_by: row.get(17),
        dismissed_why: row.get(18),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_one_number_and_one_name() {
        for state in State::ALL {
            assert_eq!(State::from_number(state.number()), state);
            assert_eq!(State::parse(state.name()), Some(state));
        }
        assert_eq!((State::Received.number(), State::Replaced.number()), (1, 6));
    }
}
