//! The audit read back: rows with the patients they are about and their place in the chain.
//!
//! A patient is kept as a key; here the id is looked up, so that whoever renders a row needs nothing else.

use super::{Store, StoreError, View};
use crate::fhir::{Instant, ResourceId, ResourceType};
use crate::search::key::Keyer;
use deadpool_postgres::Object;
use tokio_postgres::types::ToSql;

const HASH_BYTES: usize = 32;

/// Rows of the audit, once more than is wanted for a page.
const COLUMNS: &str =
    "a.no, a.at, a.request, a.principal, a.action, a.type, a.id, a.version, a.status, a.client, a.detail,
    a.agent, a.purpose, a.token, a.address, a.query, a.consent, a.content::text, coalesce(a.patients, '{}'),
    array(select (select r.id from resource r where r.target = p.key and r.type = a.patient_type limit 1)
          from unnest(a.patients) with ordinality p(key, place) order by p.place),
    l.seq, l.hash, b.hash
    from found a left join audit_link l on l.no = a.no left join audit_link b on b.seq = l.seq - 1";

/// One row.
#[derive(Debug, Clone)]
pub struct Row {
    pub no: i64,
    pub at: Instant,
    pub request: String,
    pub principal: String,
    pub action: String,
    pub resource_type: Option<ResourceType>,
    pub id: Option<String>,
    pub version: Option<i32>,
    pub status: u16,
    pub client: Option<String>,
    pub detail: Option<String>,
    /// The person, as `Type/id`.
    pub agent: Option<String>,
    pub purpose: Option<String>,
    pub token: Option<String>,
    pub address: Option<String>,
    pub query: Option<String>,
    /// What decided: `Consent/id`, or the id of a broken glass.
    pub consent: Option<String>,
    /// An AuditEvent that a client sent.
    pub content: Option<String>,
    pub patients: Vec<Subject>,
    /// None until the chain has come to it.
    pub link: Option<Link>,
}

/// A patient that a row is about. The id is not known where no such Patient was ever kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pub key: i64,
    pub id: Option<String>,
}

/// The place of a row in the chain.
#[derive(Debug, Clone)]
pub struct Link {
    pub seq: i64,
    pub hash: Vec<u8>,
    pub previous: Vec<u8>,
}

/// What rows are wanted. Every part that is there narrows; rows with an event of a client's come in spite of those that only
/// look at columns, since what they say is in their content.
#[derive(Debug, Clone, Default)]
pub struct TrailQuery {
    /// Microseconds since 1970.
    pub from: Option<i64>,
    pub to: Option<i64>,
    /// Keys of patients.
    pub patients: Option<Vec<i64>>,
    pub agents: Option<Vec<String>>,
    pub clients: Option<Vec<String>>,
    pub entity: Option<(ResourceType, Vec<String>)>,
    /// Actions that are wanted, and all that are known: what is not known may be wanted too.
    pub actions: Option<(Vec<&'static str>, Vec<&'static str>)>,
    pub tokens: Option<Vec<String>>,
    /// Numbers of rows, and ids of events that clients sent.
    pub ids: Option<(Vec<i64>, Vec<String>)>,
    /// Where the page before ended: moment and number.
    pub after: Option<(i64, i64)>,
    /// Oldest first.
    pub rising: bool,
    pub count: i64,
}

impl View<'_> {
    /// Returns rows in the order of time.
    pub async fn trail(&self, query: &TrailQuery) -> Result<Vec<Row>, StoreError> {
        match self {
            View::Pool(store) => rows(&store.reads.get().await?, query).await,
            View::Tx(tx) => rows(tx.client(), query).await,
        }
    }
}

impl Store {
    /// Returns what happened to the record of a patient, newest first. `before` is moment and number of the last row of the page
    /// before.
    pub async fn audit_of_patient(
        &self,
        patient: &ResourceId,
        before: Option<(i64, i64)>,
        count: u32,
    ) -> Result<Vec<Row>, StoreError> {
        let key = Keyer::fixed().target("Patient", patient.as_str());
        let query =
            TrailQuery { patients: Some(vec![key]), after: before, count: i64::from(count), ..TrailQuery::default() };
        View::Pool(self).trail(&query).await
    }
}

type Param = Box<dyn ToSql + Sync + Send>;

/// A statement in the making.
#[derive(Default)]
struct Statement {
    conditions: Vec<String>,
    params: Vec<Param>,
}

impl Statement {
    /// Takes a value and returns its place.
    fn value(&mut self, value: impl ToSql + Sync + Send + 'static) -> String {
        self.params.push(Box::new(value));
        format!("${}", self.params.len())
    }

    fn when(&mut self, condition: String) {
        self.conditions.push(condition);
    }

    /// Adds a condition on columns, which says nothing of events that clients sent.
    fn column(&mut self, condition: String) {
        self.when(format!("({condition} or a.content is not null)"));
    }
}

async fn rows(client: &Object, query: &TrailQuery) -> Result<Vec<Row>, StoreError> {
    let (text, params) = statement(query);
    let statement =
        client.prepare_cached(&text).await.map_err(StoreError::sql("failed to prepare a look at the audit"))?;
    let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param.as_ref() as &(dyn ToSql + Sync)).collect();
    let rows = client.query(&statement, &params).await.map_err(StoreError::sql("failed to look at the audit"))?;
    Ok(rows.iter().map(row).collect())
}

fn statement(query: &TrailQuery) -> (String, Vec<Param>) {
    let mut s = Statement::default();
    let patient_type = s.value(ResourceType::PATIENT.number());
    let from = match &query.patients {
        None => "audit a".to_string(),
        Some(keys) => {
            let keys = s.value(keys.clone());
            // Ids are compared byte by byte where they are kept, and here as the column of agents is.
            let agents = format!(
                "array(select ('Patient/' || r.id) collate \"default\" from resource r
                       where r.target = any({keys}) and r.type = {patient_type})"
            );
            format!(
                "(select no from audit_patient where patient = any({keys})
                  union select no from audit where agent = any({agents})) p join audit a on a.no = p.no"
            )
        }
    };
    narrow(&mut s, query);
    let direction = if query.rising { "" } else { " desc" };
    if let Some((at, no)) = query.after {
        let (at, no) = (s.value(at), s.value(no));
        s.when(format!("(a.at, a.no) {} ({at}, {no})", if query.rising { ">" } else { "<" }));
    }
    let condition =
        if s.conditions.is_empty() { String::new() } else { format!("where {}", s.conditions.join(" and ")) };
    let count = s.value(query.count);
    let text = format!(
        "with found as materialized (select a.*, {patient_type}::smallint as patient_type from {from} {condition}
         order by a.at{direction}, a.no{direction} limit {count})
         select {COLUMNS} order by a.at{direction}, a.no{direction}"
    );
    (text, s.params)
}

fn narrow(s: &mut Statement, query: &TrailQuery) {
    for (limit, sign) in [(query.from, ">="), (query.to, "<=")] {
        if let Some(limit) = limit {
            let limit = s.value(limit);
            s.when(format!("a.at {sign} {limit}"));
        }
    }
    for (column, wanted) in [("agent", &query.agents), ("client", &query.clients), ("token", &query.tokens)] {
        if let Some(wanted) = wanted {
            let wanted = s.value(wanted.clone());
            s.column(format!("a.{column} = any({wanted})"));
        }
    }
    if let Some((t, ids)) = &query.entity {
        let (t, ids) = (s.value(t.number()), s.value(ids.clone()));
        s.column(format!("(a.type = {t} and a.id = any({ids}))"));
    }
    if let Some((wanted, known)) = &query.actions {
        let (wanted, known) = (s.value(wanted.clone()), s.value(known.clone()));
        // A refusal is another event than what was asked for, and so is a create that found what was there.
        s.column(format!("(a.action = any({wanted}) or not a.action = any({known}) or a.status >= 400 or (a.action = 'create' and a.status = 200))"));
    }
    if let Some((numbers, own)) = &query.ids {
        let (numbers, own) = (s.value(numbers.clone()), s.value(own.clone()));
        s.when(format!(
            "a.no in (select no from audit where no = any({numbers})
             union all select no from audit where content is not null and id = any({own}))"
        ));
    }
}

fn row(row: &tokio_postgres::Row) -> Row {
    let resource_type = row.get::<_, Option<i16>>(5).and_then(ResourceType::from_number);
    let link = row.get::<_, Option<i64>>(20).map(|seq| Link {
        seq,
        hash: row.get::<_, Option<Vec<u8>>>(21).unwrap_or_default(),
        previous: row.get::<_, Option<Vec<u8>>>(22).unwrap_or_else(|| vec![0; HASH_BYTES]),
    });
    let (keys, ids): (Vec<i64>, Vec<Option<String>>) = (row.get(18), row.get(19));
    let patients = keys.into_iter().zip(ids).map(|(key, id)| Subject { key, id }).collect();
    Row {
        no: row.get(0),
        at: Instant(row.get(1)),
        request: row.get(2),
        principal: row.get(3),
        action: row.get(4),
        resource_type,
        id: row.get(6),
        version: row.get(7),
        status: u16::try_from(row.get::<_, i16>(8)).unwrap_or_default(),
        client: row.get(9),
        detail: row.get(10),
        agent: row.get(11),
        purpose: row.get(12),
        token: row.get(13),
        address: row.get(14),
        query: row.get(15),
        consent: row.get(16),
        content: row.get(17),
        patients,
        link,
    }
}
