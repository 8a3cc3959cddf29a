//! A page with what its includes bring, in one statement.
//!
//! R4 <https://hl7.org/fhir/R4/search.html#include>. The page is made once and kept; the references of its rows are followed by
//! the keys on the rows themselves, so that no content is read for it.

use super::sql::{Param, Sql, Values, indent};
use super::{KeyType, Rows, Start, key_types, rows, sort_value};
use crate::fhir::ResourceType;
use crate::search::Search;
use crate::search::expr::Expr;
use crate::search::include::Follow;
use crate::store::search::plan::Conditions;

/// What comes along.
#[derive(Debug)]
pub struct Along<'a> {
    pub follows: &'a [Follow],
    /// Only resources of these types may be seen.
    pub seen: Vec<ResourceType>,
    pub max: usize,
}

/// Returns the query of [`super::page`] for `count` matches and one more, and what comes along with the `count`.
///
/// One column more tells the place on the page; it is null for what comes along.
pub fn page_along(search: &Search, limit: &Expr, start: Start, count: u32, along: &Along) -> Sql {
    let mut values = Values::default();
    let conditions = Conditions::new(search, limit);
    let fetch = values.i64(i64::from(count) + 1);
    let Rows { rows, keys, order } = rows(&mut values, search, &conditions, start, &fetch);
    let cast = |i: usize| search.sort.get(i).map_or("", sort_value::cast);
    let sorts: String = (0..keys).map(|i| format!(", m.s{n}{} as s{n}", cast(i), n = i + 1)).collect();
    let names: String = (1..=keys).map(|n| format!(", p.s{n}")).collect();
    let nulls: String = key_types(search, limit).into_iter().map(null).collect();
    // The row too many is the last of a page, and the first of one that is cut backwards.
    let count = values.i64(i64::from(count));
    let kept = match start {
        Start::UpTo(_) => format!("place > (select count(*) from page) - {count}"),
        Start::Beginning | Start::After(_) => format!("place <= {count}"),
    };
    let found = found(&mut values, along.follows);
    let seen = values.bind(super::probe::numbers(&along.seen));
    let max = values.i64(i64::try_from(along.max).unwrap_or(i64::MAX));
    let text = format!(
        "with page as materialized (\n  \
         select r.no, r.type, r.id, r.version, r.updated, r.content, r.about, r.target, r.refs{sorts},\n    \
         row_number() over (order by {order}) as place\n  from (\n    {rows}\n  ) m\n  \
         cross join lateral (select * from resource r where r.no = m.no offset 0) r\n),\n\
         kept as materialized (select no, type, target, refs from page where {kept}),\n\
         found as (\n  {found}\n)\n\
         select p.no, p.type, p.id, p.version, p.updated, p.content, p.about{names}, p.place from page p\n\
         union all\n\
         (select r.no, r.type, r.id, r.version, r.updated, r.content, r.about{nulls}, null::bigint\n\
         from (select distinct no from found where no <> all (array(select no from kept)) order by no) f\n\
         cross join lateral (select * from resource r where r.no = f.no and r.type = any ({seen}) offset 0) r\n\
         limit {max})\norder by place nulls last, no",
        rows = indent(&indent(&rows)),
    );
    Sql { text, params: values.0 }
}

fn null(key_type: KeyType) -> &'static str {
    match key_type {
        KeyType::I64 => ", null::bigint",
        KeyType::Text | KeyType::Number => ", null::text",
    }
}

/// Returns the query for the numbers of what the kept rows refer to, or what refers to them.
fn found(values: &mut Values, follows: &[Follow]) -> String {
    let target = |follow: &Follow| follow.target.map_or(-1, ResourceType::number);
    let (forward, backward): (Vec<&Follow>, Vec<&Follow>) = follows.iter().partition(|follow| !follow.reverse);
    let mut ways = Vec::new();
    if !forward.is_empty() {
        let sources = values.bind(Param::I16s(forward.iter().map(|f| f.source.number()).collect()));
        let keys = values.bind(Param::I64s(forward.iter().map(|f| f.key).collect()));
        let targets = values.bind(Param::I16s(forward.iter().map(|f| target(f)).collect()));
        ways.push(format!(
            "select x.no from kept p cross join unnest(p.refs) f (ref)\n  \
             join unnest({sources}::smallint[], {keys}::bigint[], {targets}::smallint[]) c (source, key, target)\n    \
             on c.source = p.type\n  \
             cross join lateral (select x.no from resource x where x.target = f.ref # c.key\n    \
             and (c.target < 0 or x.type = c.target) and not x.deleted offset 0) x"
        ));
    }
    if !backward.is_empty() {
        let keys = values.bind(Param::I64s(backward.iter().map(|f| f.key).collect()));
        let targets = values.bind(Param::I16s(backward.iter().map(|f| target(f)).collect()));
        ways.push(format!(
            "select t.no from kept p join unnest({keys}::bigint[], {targets}::smallint[]) c (key, target)\n    \
             on c.target < 0 or c.target = p.type\n  \
             cross join lateral (select t.no from term t where t.key = p.target # c.key offset 0) t"
        ));
    }
    ways.join("\n  union\n  ")
}
