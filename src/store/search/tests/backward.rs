//! Pages that end at a cut: the same orders, read the other way.

use super::super::{KeyValue, Keyset, Start, key_types, page};
use crate::search::Expr;
use crate::search::tests::search;
use expect_test::{Expect, expect};

/// Shows what is between the first line and the fetch of the resources, which are the same for every page.
fn check(query: &str, sorts: Vec<KeyValue>, expected: Expect) {
    let search = search(query).unwrap();
    assert_eq!(key_types(&search, &Expr::All).len(), sorts.len());
    let text = page(&search, &Expr::All, Start::UpTo(&Keyset { sorts, no: 77 }), 20).text;
    let rows = text.split_once("from (\n").unwrap().1;
    let (rows, order) = rows.split_once("\n) m\n").unwrap();
    expected.assert_eq(&format!("{rows}\n{}", order.lines().last().unwrap()));
}

#[test]
fn numbers_fall_and_the_row_at_the_cut_is_there() {
    check(
        "Observation?code=s|a",
        vec![],
        expect![[r#"
          select d.no
          from term d
          where d.key = $2
            and d.no <= $3
          order by d.no desc limit $1
        order by m.no"#]],
    );
    check(
        "Observation?code=s|a,s|b",
        vec![],
        expect![[r#"
          select distinct d.no
          from unnest($2::bigint[]) k (key)
          cross join lateral (select t.no from term t
            where t.key = k.key
              and t.no <= $3
            order by t.no desc limit $1) d
          order by d.no desc limit $1
        order by m.no"#]],
    );
    check(
        "Observation?patient=1&code=s|a",
        vec![],
        expect![[r#"
          select d.no
          from (select t.no from unnest($2::bigint[], $3::bigint[], $4::bigint[]) w (key, lo, hi)
            cross join lateral (select t.no from timeline t
              where t.key = w.key
                and t.lo between w.lo and w.hi offset 0) t) d
          where d.no <= $5
          order by d.no desc limit $1
        order by m.no"#]],
    );
}

#[test]
fn own_and_other_orders_turn_round() {
    check(
        "Patient?_sort=-_id",
        vec![KeyValue::Text("a".into())],
        expect![[r#"
          select t.no, t.id as s1 from resource t
          where t.type = $2
            and not t.deleted
            and (t.id, t.no) >= ($3, $4)
          order by t.id limit $1
        order by m.s1 desc, m.no desc"#]],
    );
    check(
        "Patient?_sort=-birthdate,family",
        vec![KeyValue::I64(5), KeyValue::Missing],
        expect![[r#"
              select o.no, o.s1, o.s2
              from (select a.no, (select max(v.lo) from date_value v where v.no = a.no and v.key = any ($3)) as s1, (select min(v.value) from string_value v where v.no = a.no and v.key = any ($4)) as s2
                from (select d.no
                  from resource d
                  where d.type = any ($2::smallint[])
                    and not d.deleted) a offset 0) o
              where (((o.s1 < $5 or o.s1 is null))
                or (o.s1 = $5 and o.s2 is null and o.no > $6)) is not true
              order by o.s1 nulls first, o.s2 desc nulls first, o.no desc limit $1
            order by m.s1 desc nulls last, m.s2 nulls last, m.no"#]],
    );
}

#[test]
fn before_those_without_a_date_are_those_with_one() {
    check(
        "Observation?patient=1&_sort=-date",
        vec![KeyValue::I64(5)],
        expect![[r#"
          select d.no, d.lo as s1
          from unnest($2::bigint[], $3::bigint[], $4::bigint[]) w (key, lo, hi)
          cross join lateral (select t.no, t.lo from timeline t
            where t.key = w.key
              and t.lo between w.lo and w.hi
              and (t.lo, t.no) >= ($5, $6)
            order by t.lo asc, t.no asc limit $1) d
          order by d.lo asc, d.no asc limit $1
        order by m.s1 desc nulls last, case when m.s1 is null then m.no else -m.no end"#]],
    );
    check(
        "Observation?patient=1&_sort=date",
        vec![KeyValue::Missing],
        expect![[r#"
          select u.no, u.s1
          from ((select t.no, null::bigint as s1 from timeline t
          where t.key = $2
            and t.lo = -1152921504606846977
            and t.no <= $3
          order by t.no desc limit $1)
            union all
            (select d.no, d.lo as s1
          from unnest($4::bigint[], $5::bigint[], $6::bigint[]) w (key, lo, hi)
          cross join lateral (select t.no, t.lo from timeline t
            where t.key = w.key
              and t.lo between w.lo and w.hi
            order by t.lo desc, t.no desc limit $1) d
          order by d.lo desc, d.no desc limit $1)) u
          limit $1
        order by m.s1 nulls last, m.no"#]],
    );
}
