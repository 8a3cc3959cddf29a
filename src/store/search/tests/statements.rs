//! The way each kind of search is answered.

use super::super::{Start, count, page};
use crate::search::Expr;
use crate::search::tests::search;
use expect_test::{Expect, expect};

pub fn check(query: &str, expected: Expect) {
    let search = search(query).unwrap_or_else(|f| panic!("{query}: {f}"));
    let sql = page(&search, &Expr::All, Start::Beginning, 20);
    all_values_have_a_place(&sql.text, sql.params.len());
    expected.assert_eq(&sql.text);
}

fn all_values_have_a_place(text: &str, count: usize) {
    for n in 1..=count {
        assert!(text.contains(&format!("${n}")), "${n} is bound and not used in {text}");
    }
    assert!(!text.contains(&format!("${}", count + 1)));
}

#[test]
fn one_key_is_walked_and_the_others_are_probed() {
    check(
        "Patient?identifier=urn:mrn|7",
        expect![[r#"
            select r.no, r.type, r.id, r.version, r.updated, r.content, r.about
            from (
              select d.no
              from term d
              where d.key = $2
              order by d.no limit $1
            ) m
            cross join lateral (select * from resource r where r.no = m.no offset 0) r
            order by m.no"#]],
    );
    check(
        "Observation?status=final&encounter=1&value-quantity=gt5",
        expect![[r#"
            select r.no, r.type, r.id, r.version, r.updated, r.content, r.about
            from (
              select d.no
              from term d
              where d.key = $2
                and exists (select from term p where p.key = $3 and p.no = d.no offset 0)
                and exists (select from quantity_value p where p.no = d.no and p.key = $4 and p.hi > $5::text::numeric offset 0)
              order by d.no limit $1
            ) m
            cross join lateral (select * from resource r where r.no = m.no offset 0) r
            order by m.no"#]],
    );
    check(
        "Observation?code=a,b",
        expect![[r#"
            select r.no, r.type, r.id, r.version, r.updated, r.content, r.about
            from (
              select distinct d.no
              from unnest($2::bigint[]) k (key)
              cross join lateral (select t.no from term t
                where t.key = k.key
                order by t.no limit $1) d
              order by d.no limit $1
            ) m
            cross join lateral (select * from resource r where r.no = m.no offset 0) r
            order by m.no"#]],
    );
    check(
        "Observation?subject=1&status:not=final",
        expect![[r#"
            select r.no, r.type, r.id, r.version, r.updated, r.content, r.about
            from (
              select d.no
              from unnest($2::bigint[]) k (key)
              cross join lateral (select t.no from term t
                where t.key = k.key
                  and not exists (select from term p where p.key = $3 and p.no = t.no offset 0)
                order by t.no limit $1) d
              order by d.no limit $1
            ) m
            cross join lateral (select * from resource r where r.no = m.no offset 0) r
            order by m.no"#]],
    );
    check(
        "Patient?name=smi&gender=male",
        expect![[r#"
            select r.no, r.type, r.id, r.version, r.updated, r.content, r.about
            from (
              with begun as materialized (
                select d.no from (select v.no from term v where v.key = $5
                  order by v.no limit 128) d
                where exists (select from string_value p where p.no = d.no and p.key = $6 and p.value >= $7 and p.value < $8 offset 0)
                order by d.no limit $1),
              few as materialized (select v.no from (select v.no from string_value v where v.key = $2 and v.value >= $3 and v.value < $4 offset 0) v
                where (select count(*) from begun) < $1 limit 5000 + 1),
              walked as materialized (
                select d.no from (select v.no from term v where v.key = $5
                  and (select count(*) from few) > 5000 order by v.no) d
                where exists (select from string_value p where p.no = d.no and p.key = $6 and p.value >= $7 and p.value < $8 offset 0)
                order by d.no limit $1)
              select u.no from (
                select b.no from begun b
                union
                (select d.no from (select distinct v.no from few v
                  where (select count(*) from few) <= 5000 order by v.no) d
                where exists (select from term p where p.key = $9 and p.no = d.no offset 0)
                order by d.no limit $1)
                union
                select w.no from walked w
              ) u
              order by u.no limit $1
            ) m
            cross join lateral (select * from resource r where r.no = m.no offset 0) r
            order by m.no"#]],
    );
    check(
        "Patient?_id=a,b",
        expect![[r#"
            select r.no, r.type, r.id, r.version, r.updated, r.content, r.about
            from (
              select d.no
              from (select v.no from resource v where v.type = any ($3) and v.id = any ($2) and not v.deleted offset 0) d
              order by d.no limit $1
            ) m
            cross join lateral (select * from resource r where r.no = m.no offset 0) r
            order by m.no"#]],
    );
    check(
        "Patient?",
        expect![[r#"
            select r.no, r.type, r.id, r.version, r.updated, r.content, r.about
            from (
              select d.no
              from unnest($2::smallint[]) k (key)
              cross join lateral (select t.no from resource t
                where t.type = k.key
                  and not t.deleted
                order by t.no limit $1) d
              order by d.no limit $1
            ) m
            cross join lateral (select * from resource r where r.no = m.no offset 0) r
            order by m.no"#]],
    );
    check(
        "?_tag=x&_type=Patient,Group",
        expect![[r#"
            select r.no, r.type, r.id, r.version, r.updated, r.content, r.about
            from (
              select distinct d.no
              from unnest($2::bigint[]) k (key)
              cross join lateral (select t.no from term t
                where t.key = k.key
                order by t.no limit $1) d
              order by d.no limit $1
            ) m
            cross join lateral (select * from resource r where r.no = m.no offset 0) r
            order by m.no"#]],
    );
    check(
        "Observation?encounter:missing=true",
        expect![[r#"
            select r.no, r.type, r.id, r.version, r.updated, r.content, r.about
            from (
              select d.no
              from unnest(array(select s.key from shape s where s.type = any ($2) and not s.columns && $3)) k (key)
              cross join lateral (select t.no from term t
                where t.key = k.key
                order by t.no limit $1) d
              order by d.no limit $1
            ) m
            cross join lateral (select * from resource r where r.no = m.no offset 0) r
            order by m.no"#]],
    );
    check(
        "Observation?encounter=http://elsewhere.example/Encounter/1,x&encounter:missing=false",
        expect![[r#"
            select r.no, r.type, r.id, r.version, r.updated, r.content, r.about
            from (
              select distinct d.no
              from unnest($2::bigint[]) k (key)
              cross join lateral (select t.no from term t
                where t.key = k.key
                  and not exists (select from term p where p.key = any (array(select s.key from shape s where s.type = any ($3) and not s.columns && $4)) and p.no = t.no offset 0)
                order by t.no limit $1) d
              order by d.no limit $1
            ) m
            cross join lateral (select * from resource r where r.no = m.no offset 0) r
            order by m.no"#]],
    );
}

#[test]
fn of_two_keys_either_is_walked() {
    check(
        "Observation?category=s|a&code=s|b",
        expect![[r#"
            select r.no, r.type, r.id, r.version, r.updated, r.content, r.about
            from (
              with walked as materialized (
                select d.no from (select v.no from term v where v.key = $2 order by v.no limit 2000) d
                where exists (select from term p where p.key = $3 and p.no = d.no offset 0)
                order by d.no limit $1),
              few as materialized (select v.no from term v where v.key = $5 limit 5000 + 1)
              select u.no from (
                select w.no from walked w
                union
                (select d.no from (select v.no from few v
                  where (select count(*) from walked) < $1 and exists (select v.no from term v where v.key = $2 offset 2000 limit 1)
                  and (select count(*) from few) <= 5000 order by v.no) d
                where exists (select from term p where p.key = $4 and p.no = d.no offset 0)
                order by d.no limit $1)
                union
                (select d.no from (select v.no from term v where v.key = $2
                  and (select count(*) from walked) < $1 and exists (select v.no from term v where v.key = $2 offset 2000 limit 1)
                  and (select count(*) from few) > 5000 order by v.no) d
                where exists (select from term p where p.key = $3 and p.no = d.no offset 0)
                order by d.no limit $1)
              ) u
              order by u.no limit $1
            ) m
            cross join lateral (select * from resource r where r.no = m.no offset 0) r
            order by m.no"#]],
    );
    let counted = |query: &str| count(&search(query).unwrap(), &Expr::All).text;
    expect![[r#"
        with few as materialized (select v.no from term v where v.key = $2 limit 5000 + 1)
        select case when (select count(*) from few) <= 5000
          then (select count(*) from few d
          where exists (select from term p where p.key = $4 and p.no = d.no offset 0))
          else (select count(*) from term d where d.key = $1
          and exists (select from term p where p.key = $3 and p.no = d.no offset 0))
        end"#]]
    .assert_eq(&counted("Observation?category=s|a&code=s|b"));
}

#[test]
fn a_point_is_looked_for_along_the_latitude() {
    check(
        "Location?near=10|20|5",
        expect![[r#"
            select r.no, r.type, r.id, r.version, r.updated, r.content, r.about
            from (
              select d.no
              from (select p.no from quantity_value p
                  cross join lateral (select v.lo from quantity_value v where v.no = p.no and v.key = $3 offset 0) q
                  where p.key = $2 and p.lo between $4::text::numeric and $5::text::numeric
                  and power(sind((p.lo::float8 - $6::text::float8) / 2), 2) + cosd($6::text::float8) * cosd(p.lo::float8) * power(sind((q.lo::float8 - $7::text::float8) / 2), 2) <= $8::text::float8 offset 0) d
              order by d.no limit $1
            ) m
            cross join lateral (select * from resource r where r.no = m.no offset 0) r
            order by m.no"#]],
    );
    check(
        "Location?identifier=x&near:missing=false&near=10|20|5,30|40",
        expect![[r#"
            select r.no, r.type, r.id, r.version, r.updated, r.content, r.about
            from (
              select d.no
              from term d
              where d.key = $2
                and not exists (select from term p where p.key = any (array(select s.key from shape s where s.type = any ($3) and not s.columns && $4)) and p.no = d.no offset 0)
                and (exists (select from quantity_value p
                  cross join lateral (select v.lo from quantity_value v where v.no = p.no and v.key = $6 offset 0) q
                  where p.no = d.no and p.key = $5 and p.lo between $7::text::numeric and $8::text::numeric
                  and power(sind((p.lo::float8 - $9::text::float8) / 2), 2) + cosd($9::text::float8) * cosd(p.lo::float8) * power(sind((q.lo::float8 - $10::text::float8) / 2), 2) <= $11::text::float8 offset 0) or exists (select from quantity_value p
                  cross join lateral (select v.lo from quantity_value v where v.no = p.no and v.key = $13 offset 0) q
                  where p.no = d.no and p.key = $12 and p.lo between $14::text::numeric and $15::text::numeric
                  and power(sind((p.lo::float8 - $16::text::float8) / 2), 2) + cosd($16::text::float8) * cosd(p.lo::float8) * power(sind((q.lo::float8 - $17::text::float8) / 2), 2) <= $18::text::float8 offset 0))
              order by d.no limit $1
            ) m
            cross join lateral (select * from resource r where r.no = m.no offset 0) r
            order by m.no"#]],
    );
}

#[test]
fn a_count_takes_the_same_way_without_an_end() {
    let counted = |query: &str| count(&search(query).unwrap(), &Expr::All).text;
    expect![[r#"
        select count(*)
        from unnest($1::bigint[], $2::bigint[], $3::bigint[]) w (key, lo, hi)
        cross join lateral (select t.no from timeline t
          where t.key = w.key
            and t.lo between w.lo and w.hi
            and (t.lo >= $4 or t.hi > $5) offset 0) d"#]]
    .assert_eq(&counted("Observation?code=s|a&date=ge2018"));
    expect![[r#"
        select count(distinct d.no)
        from term d
        where d.key = any ($1::bigint[])
          and exists (select from term p where p.key = $2 and p.no = d.no offset 0)"#]]
    .assert_eq(&counted("Observation?code=a,b&status=final"));
    expect![[r#"
        select count(*)
        from resource d
        where d.type = any ($1::smallint[])
          and not d.deleted"#]]
    .assert_eq(&counted("Observation?"));
}

#[test]
fn of_many_keys_those_in_use_are_asked_for_alone() {
    let keys = (0..70).map(|i| format!("s|{i}")).collect::<Vec<_>>().join(",");
    check(
        &format!("Observation?identifier=7&combo-code={keys}"),
        expect![[r#"
            select r.no, r.type, r.id, r.version, r.updated, r.content, r.about
            from (
              select d.no
              from term d
              where d.key = $2
                and exists (select from term p where p.key = any (array(select k.key from unnest($3::bigint[]) k (key) where exists (select from term u where u.key = k.key offset 0))) and p.no = d.no offset 0)
              order by d.no limit $1
            ) m
            cross join lateral (select * from resource r where r.no = m.no offset 0) r
            order by m.no"#]],
    );
}
