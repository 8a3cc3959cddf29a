//! What must hold of the tables at every moment, whatever happened before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use medilink::catalog::{Catalog, Origin, Own};
use medilink::fhir::ResourceType;
use medilink::search::{Registry, extract};

use crate::app::TestApp;

/// Facts about the tables, each with a query for what speaks against it. One statement sees one moment.
const FACTS: &[(&str, &str)] = &[
    (
        "every resource has all its earlier versions in the history, each once",
        "select r.type, r.id, r.version::bigint, count(h.version) from resource r
         left join resource_history h on h.no = r.no and h.version < r.version
         group by r.no, r.type, r.id, r.version having count(h.version) <> r.version - 1",
    ),
    (
        "the history has no version without a resource, and none from its future",
        "select h.type, h.id, h.version::bigint, 0::bigint from resource_history h left join resource r on r.no = h.no
         where r.no is null or h.version >= r.version or h.type <> r.type or h.id <> r.id",
    ),
    (
        "the times of versions rise",
        "select r.type, r.id, r.version::bigint, h.updated from resource r
         join resource_history h on h.no = r.no and h.version = r.version - 1 where h.updated >= r.updated",
    ),
    (
        "a version without content is a deletion, and the other way round",
        "select type, id, version::bigint, 0::bigint from
         (select type, id, version, deleted, content from resource
          union all select type, id, version, deleted, content from resource_history) v
         where deleted <> (content is null)",
    ),
    (
        "every version is in the outbox once, and nothing else is",
        "select coalesce(v.type, o.type), coalesce(v.id, ''), coalesce(v.version, o.version)::bigint,
                coalesce(o.n, 0)::bigint
         from (select no, version, type, id from resource
               union all select no, version, type, id from resource_history) v
         full join (select no, version, type, count(*) as n from outbox group by no, version, type) o
              on o.no = v.no and o.version = v.version and o.type = v.type
         where v.no is null or o.n is distinct from 1",
    ),
    (
        "every version has the audit row of its write",
        "select v.type, v.id, v.version::bigint, count(a.no) from
         (select no, version, type, id from resource
          union all select no, version, type, id from resource_history) v
         left join audit a on a.type = v.type and a.id = v.id and a.version = v.version and a.action not in ('read', 'vread')
         group by v.no, v.type, v.id, v.version having count(a.no) <> 1",
    ),
];

static CATALOG: LazyLock<Arc<Catalog>> = LazyLock::new(|| Arc::new(Catalog::load().expect("the definitions load")));

/// Checks the tables of a server's database; other clients may be writing.
#[track_caller]
pub fn expect_sound(app: &TestApp) {
    for (fact, against) in FACTS {
        if let Some(row) = app.sql(against).first() {
            let name = ResourceType::from_number(row.get(0)).map_or("?", ResourceType::name);
            let (id, version, found): (&str, i64, i64) = (row.get(1), row.get(2), row.get(3));
            panic!("{fact}: not so for {name}/{id} version {version} ({found})");
        }
    }
}

type Rows = BTreeMap<i64, BTreeSet<String>>;

/// Checks that the index holds what the current versions stand under, row for row. Nobody may be writing.
#[track_caller]
pub fn expect_index(app: &TestApp) {
    let registry = registry(app);
    let mut expected = Rows::new();
    for row in app.sql("select no, type, content::text from resource where not deleted") {
        let t = ResourceType::from_number(row.get(1)).expect("a type");
        let content = serde_json::from_str(row.get(2)).expect("stored content is JSON");
        let rows = extract(&registry, t, &content);
        let all = expected.entry(row.get(0)).or_default();
        all.extend(rows.terms.iter().map(|key| format!("term {key}")));
        all.extend(rows.strings.iter().map(|(key, text)| format!("string {key} {text}")));
        all.extend(rows.dates.iter().map(|(key, lo, hi)| format!("date {key} {lo} {hi}")));
        all.extend(rows.quantities.iter().map(|(key, lo, hi)| format!("quantity {key} {} {}", number(lo), number(hi))));
        all.extend(rows.timeline.iter().map(|(key, lo, hi)| format!("timeline {key} {lo} {hi}")));
    }
    expected.retain(|_, rows| !rows.is_empty());
    let mut found = Rows::new();
    let stored = "select no, 'term ' || key from term
                  union all select no, 'string ' || key || ' ' || value from string_value
                  union all select no, 'date ' || key || ' ' || lo || ' ' || hi from date_value
                  union all select no, 'timeline ' || key || ' ' || lo || ' ' || hi from timeline";
    for row in app.sql(stored) {
        found.entry(row.get(0)).or_default().insert(row.get(1));
    }
    for row in app.sql("select no, key, lo::text, hi::text from quantity_value") {
        let (key, lo, hi): (i64, &str, &str) = (row.get(1), row.get(2), row.get(3));
        let all = found.entry(row.get(0)).or_default();
        all.insert(format!("quantity {key} {} {}", number(lo), number(hi)));
    }
    for no in expected.keys().chain(found.keys()) {
        assert_eq!(found.get(no), expected.get(no), "the index rows of resource number {no}");
    }
}

/// Returns the registry that the database is indexed by, its own search parameters among the others.
fn registry(app: &TestApp) -> Registry {
    let own: Vec<Own> = app
        .sql("select id, since, definition from index_parameter")
        .iter()
        .map(|row| Own {
            origin: Origin { id: row.get::<_, &str>(0).into(), since: row.get(1) },
            definition: serde_json::from_str(row.get(2)).expect("definitions are JSON"),
        })
        .collect();
    Registry::new(Arc::new(CATALOG.with_own(&own).expect("stored parameters were checked")), app.base())
}

/// Returns what a decimal says; there are several ways to write it.
fn number(decimal: &str) -> f64 {
    decimal.parse().expect("a decimal")
}
