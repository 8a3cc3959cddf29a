//! Access limits and the places where pages begin.

use super::super::{KeyType, KeyValue, Keyset, Param, Start, count, key_types, keyset_fits, matching_nos, page};
use crate::fhir::ResourceId;
use crate::search::tests::{REGISTRY, search};
use crate::search::{Expr, compartment};
use expect_test::expect;

#[test]
fn the_limit_of_access_is_one_more_part() {
    let ids = [ResourceId::parse("1").unwrap(), ResourceId::parse("2").unwrap()];
    let limit = compartment::of_patients(&REGISTRY, &ids);
    expect![[r#"
        select r.no, r.type, r.id, r.version, r.updated, r.content, r.about
        from (
          select distinct d.no
          from unnest($2::bigint[]) k (key)
          cross join lateral (select t.no from term t
            where t.key = k.key
              and exists (select from term p where p.key = $3 and p.no = t.no offset 0)
            order by t.no limit $1) d
          order by d.no limit $1
        ) m
        cross join lateral (select * from resource r where r.no = m.no offset 0) r
        order by m.no"#]]
    .assert_eq(&page(&search("Observation?code=s|a").unwrap(), &limit, Start::Beginning, 20).text);
    expect![[r#"
        select r.no, r.type, r.id, r.version, r.updated, r.content, r.about
        from (
          select distinct d.no
          from unnest($2::bigint[]) k (key)
          cross join lateral (select t.no from term t
            where t.key = k.key
              and exists (select from resource p where p.no = t.no and p.type = any ($3) offset 0)
            order by t.no limit $1) d
          order by d.no limit $1
        ) m
        cross join lateral (select * from resource r where r.no = m.no offset 0) r
        order by m.no"#]]
    .assert_eq(&page(&search("Observation?").unwrap(), &limit, Start::Beginning, 20).text);
    expect![[r#"
        select r.no, r.type, r.id, r.version
        from (
          select d.no
          from term d
          where d.key = $2
            and exists (select from term p where p.key = any ($3) and p.no = d.no offset 0)
          order by d.no limit $1
        ) m
        cross join lateral (select * from resource r where r.no = m.no offset 0) r
        order by m.no"#]]
    .assert_eq(&matching_nos(&search("Patient?identifier=7").unwrap(), &limit, 2).text);
    let nothing = compartment::of_patients(&REGISTRY, &[]);
    expect![[r#"
        select count(*)
        from (select 0::bigint as no where false) d"#]]
    .assert_eq(&count(&search("Observation?code=s|a").unwrap(), &nothing).text);
}

#[test]
fn the_next_page_begins_after_the_last_row() {
    let next = |query: &str, sorts: Vec<KeyValue>| {
        let search = search(query).unwrap();
        assert_eq!(key_types(&search, &Expr::All).len(), sorts.len());
        let sql = page(&search, &Expr::All, Start::After(&Keyset { sorts, no: 77 }), 20);
        assert!(sql.params.contains(&Param::I64(77)));
        sql.text
    };
    expect![[r#"
        select r.no, r.type, r.id, r.version, r.updated, r.content, r.about
        from (
          select d.no
          from term d
          where d.key = $2
            and d.no > $3
          order by d.no limit $1
        ) m
        cross join lateral (select * from resource r where r.no = m.no offset 0) r
        order by m.no"#]]
    .assert_eq(&next("Observation?code=s|a", vec![]));
    expect![[r#"
        select r.no, r.type, r.id, r.version, r.updated, r.content, r.about, m.s1
        from (
          select u.no, u.s1
          from ((select d.no, d.lo as s1
          from unnest($2::bigint[], $3::bigint[], $4::bigint[]) w (key, lo, hi)
          cross join lateral (select t.no, t.lo from timeline t
            where t.key = w.key
              and t.lo between w.lo and w.hi
              and (t.lo, t.no) < ($5, $6)
            order by t.lo desc, t.no desc limit $1) d
          order by d.lo desc, d.no desc limit $1)
            union all
            (select t.no, null::bigint as s1 from timeline t
          where t.key = $7
            and t.lo = -1152921504606846977
          order by t.no limit $1)) u
          limit $1
        ) m
        cross join lateral (select * from resource r where r.no = m.no offset 0) r
        order by m.s1 desc nulls last, case when m.s1 is null then m.no else -m.no end"#]]
    .assert_eq(&next("Observation?patient=1&_sort=-date", vec![KeyValue::I64(5)]));
    expect![[r#"
        select r.no, r.type, r.id, r.version, r.updated, r.content, r.about, m.s1
        from (
          select t.no, null::bigint as s1 from timeline t
          where t.key = $2
            and t.lo = -1152921504606846977
            and t.no > $3
          order by t.no limit $1
        ) m
        cross join lateral (select * from resource r where r.no = m.no offset 0) r
        order by m.s1 desc nulls last, case when m.s1 is null then m.no else -m.no end"#]]
    .assert_eq(&next("Observation?patient=1&_sort=-date", vec![KeyValue::Missing]));
    let sorts = vec![KeyValue::I64(5), KeyValue::Missing];
    expect![[r#"
        select r.no, r.type, r.id, r.version, r.updated, r.content, r.about, m.s1, m.s2
        from (
          select o.no, o.s1, o.s2
          from (select a.no, (select max(v.lo) from date_value v where v.no = a.no and v.key = any ($5)) as s1, (select min(v.value) from string_value v where v.no = a.no and v.key = any ($6)) as s2
            from (select distinct d.no
              from (select v.no from string_value v where v.key = $2 and v.value >= $3 and v.value < $4 offset 0) d) a offset 0) o
          where ((o.s1 < $7 or o.s1 is null))
            or (o.s1 = $7 and o.s2 is null and o.no > $8)
          order by o.s1 desc nulls last, o.s2 nulls last, o.no limit $1
        ) m
        cross join lateral (select * from resource r where r.no = m.no offset 0) r
        order by m.s1 desc nulls last, m.s2 nulls last, m.no"#]].assert_eq(&next("Patient?family=x&_sort=-birthdate,family", sorts));
}

#[test]
fn a_keyset_of_another_search_does_not_fit() {
    let fits =
        |query: &str, sorts: Vec<KeyValue>| keyset_fits(&search(query).unwrap(), &Expr::All, &Keyset { sorts, no: 1 });
    assert!(fits("Patient?", vec![]) && fits("Patient?_sort=_id", vec![KeyValue::Text("a".into())]));
    assert!(fits("Patient?_sort=birthdate", vec![KeyValue::Missing]));
    assert!(!fits("Patient?", vec![KeyValue::I64(1)]) && !fits("Patient?_sort=_id", vec![]));
    assert!(!fits("Patient?_sort=_id", vec![KeyValue::I64(1)]));
    assert!(!fits("Patient?_sort=_id", vec![KeyValue::Text("\0".into())]));
}

#[test]
fn key_types_follow_the_order() {
    let types = |query: &str| key_types(&search(query).unwrap(), &Expr::All);
    assert_eq!(types("Patient?"), []);
    assert_eq!(types("Patient?_sort=_id"), [KeyType::Text]);
    assert_eq!(types("Patient?family=x&_sort=birthdate,-family"), [KeyType::I64, KeyType::Text]);
    assert_eq!(types("Observation?date=2018"), [], "without a wanted order it is that of numbers");
}
