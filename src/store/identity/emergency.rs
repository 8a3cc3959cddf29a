//! The links of emergency cards, and what patients chose to show in an emergency.
//!
//! A link is found by its hash. Wrong passcodes are counted before they are looked at, so that many at once are no more than
//! are allowed (SMART Health Links: the count is for the lifetime of the link).

use super::Hash;
use crate::fhir::{Instant, ResourceId};
use crate::store::tx::Tx;
use crate::store::{Store, StoreError};
use tokio_postgres::Row;

const ADD: &str = "insert into emergency_card (id, patient, link, sealed, passcode, tries_left, created, expires)
    values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing";
const FREE: &str = "update emergency_card set ended = $2 where patient = $1 and ended is null and passcode is null";
const BY_LINK: &str = "select id, patient, sealed, passcode, created, expires, views, seen from emergency_card
    where link = $1 and ended is null and expires > $2 and coalesce(tries_left, 1) > 0";
const OF_PATIENT: &str = "select id, patient, sealed, passcode, created, expires, views, seen from emergency_card
    where patient = $1 and ended is null and expires > $2 and coalesce(tries_left, 1) > 0 order by created desc limit 100";
const SEEN: &str = "update emergency_card set views = views + 1, seen = $2 where id = $1";
const TRY: &str = "update emergency_card set tries_left = tries_left - 1
    where id = $1 and ended is null and tries_left > 0 returning tries_left";
const TRY_BACK: &str = "update emergency_card set tries_left = tries_left + 1 where id = $1";
const END: &str = "update emergency_card set ended = $2 where patient = $1 and ended is null";
const CHOICE: &str = "select opted_out, topics from emergency_choice where patient = $1";
const CHOOSE: &str = "insert into emergency_choice (patient, opted_out, topics, changed) values ($1, $2, $3, $4)
    on conflict (patient) do update set opted_out = $2, topics = $3, changed = $4";
const MOVE_CHOICE: &str = "insert into emergency_choice (patient, opted_out, topics, changed)
    select $2, opted_out, topics, $3 from emergency_choice where patient = $1
    on conflict (patient) do update
        set opted_out = emergency_choice.opted_out or excluded.opted_out, changed = excluded.changed";
pub const STATEMENTS: &[&str] =
    &[ADD, FREE, BY_LINK, OF_PATIENT, SEEN, TRY, TRY_BACK, END, CHOICE, CHOOSE, MOVE_CHOICE];

/// A card, or a link with a passcode, that can be used.
#[derive(Debug, Clone)]
pub struct CardRow {
    pub id: String,
    pub patient: ResourceId,
    /// Link and key, sealed.
    pub sealed: Vec<u8>,
    pub passcode: Option<Vec<u8>>,
    pub created: Instant,
    pub expires: Instant,
    pub views: i64,
    pub seen: Option<Instant>,
}

/// A card to be kept.
#[derive(Debug, Clone)]
pub struct NewCard<'a> {
    pub id: &'a str,
    pub patient: &'a ResourceId,
    pub link: Hash,
    pub sealed: &'a [u8],
    /// The hash of a passcode, and how many wrong ones are allowed.
    pub passcode: Option<(Hash, i16)>,
    pub created: Instant,
    pub expires: Instant,
}

/// What a patient chose to show in an emergency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Nothing at all.
    pub opted_out: bool,
    /// Kinds of sensitive information that are shown all the same.
    pub topics: Vec<String>,
}

impl Store {
    /// Keeps a card, with which the card of before ends; false where another one was made at the same time.
    pub async fn add_card(&self, card: &NewCard<'_>) -> Result<bool, StoreError> {
        let (link, hash) = (card.link.to_vec(), card.passcode.map(|(hash, _)| hash.to_vec()));
        let (tries, patient) = (card.passcode.map(|(_, tries)| tries), card.patient.as_str());
        if hash.is_none() {
            self.tell(FREE, &[&patient, &card.created.0]).await?;
        }
        let (created, expires) = (card.created.0, card.expires.0);
        let added =
            self.tell(ADD, &[&card.id, &patient, &link, &card.sealed, &hash, &tries, &created, &expires]).await?;
        Ok(added == 1)
    }

    /// Returns the card of a link, while it can be used.
    pub async fn card_of_link(&self, link: Hash) -> Result<Option<CardRow>, StoreError> {
        let row = self.ask_one(BY_LINK, &[&link.to_vec(), &Instant::now().0]).await?;
        row.map(card).transpose()
    }

    /// Returns what a patient has given out and can be used, the newest first.
    pub async fn cards_of(&self, patient: &ResourceId) -> Result<Vec<CardRow>, StoreError> {
        let rows = self.ask(OF_PATIENT, &[&patient.as_str(), &Instant::now().0]).await?;
        rows.into_iter().map(card).collect()
    }

    /// Notes that a card was read.
    pub async fn card_seen(&self, id: &str) -> Result<(), StoreError> {
        self.tell(SEEN, &[&id, &Instant::now().0]).await.map(drop)
    }

    /// Counts a try at a passcode before it is looked at; returns how many are left, none where there was none left.
    pub async fn try_passcode(&self, id: &str) -> Result<Option<i16>, StoreError> {
        Ok(self.ask_one(TRY, &[&id]).await?.map(|row| row.get(0)))
    }

    /// Takes back a try that was right.
    pub async fn passcode_was_right(&self, id: &str) -> Result<(), StoreError> {
        self.tell(TRY_BACK, &[&id]).await.map(drop)
    }

    /// Ends everything that a patient has given out; returns how many there were.
    pub async fn end_cards(&self, patient: &ResourceId) -> Result<u64, StoreError> {
        self.tell(END, &[&patient.as_str(), &Instant::now().0]).await
    }

    pub async fn emergency_choice(&self, patient: &ResourceId) -> Result<Choice, StoreError> {
        let row = self.ask_one(CHOICE, &[&patient.as_str()]).await?;
        Ok(row.map_or_else(Choice::default, |row| Choice { opted_out: row.get(0), topics: row.get(1) }))
    }

    pub async fn choose_for_emergency(&self, patient: &ResourceId, choice: &Choice) -> Result<(), StoreError> {
        let now = Instant::now().0;
        self.tell(CHOOSE, &[&patient.as_str(), &choice.opted_out, &choice.topics, &now]).await.map(drop)
    }
}

impl Tx {
    /// Ends the cards of a record that another one replaces; an opt-out goes along.
    pub async fn move_emergency(&self, from: &ResourceId, to: &ResourceId, at: Instant) -> Result<(), StoreError> {
        for (sql, params) in [(END, vec![from.as_str()]), (MOVE_CHOICE, vec![from.as_str(), to.as_str()])] {
            let statement = self.client().prepare_cached(sql).await.map_err(StoreError::sql("failed to prepare"))?;
            let mut values: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> = Vec::new();
            values.extend(params.iter().map(|text| text as &(dyn tokio_postgres::types::ToSql + Sync)));
            values.push(&at.0);
            let told = self.client().execute(&statement, &values).await;
            told.map_err(StoreError::sql("failed to move what was chosen for emergencies"))?;
        }
        Ok(())
    }
}

fn card(row: Row) -> Result<CardRow, StoreError> {
    let (id, patient): (String, &str) = (row.get(0), row.get(1));
    let patient = ResourceId::parse(patient)
        .ok_or_else(|| StoreError::Damaged(format!("the emergency card {id} is nobody's")))?;
    Ok(CardRow {
        id,
        patient,
        sealed: row.get(2),
        passcode: row.get(3),
        created: Instant(row.get(4)),
        expires: Instant(row.get(5)),
        views: row.get(6),
        seen: row.get::<_, Option<i64>>(7).map(Instant),
    })
}
