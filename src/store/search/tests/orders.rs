//! The statements of searches along dates and in wanted orders.

use super::statements::check;
use expect_test::expect;

#[test]
fn dates_are_walked_in_their_order() {
    check(
        "Observation?date=ge2018-03-01&date=lt2018-03-08",
        expect![[r#"
            select r.no, r.type, r.id, r.version, r.updated, r.content, r.about
            from (
              with few as materialized (select v.no from (select v.no from unnest($2::integer[], $3::bigint[], $4::bigint[]) w (key, lo, hi)
                  cross join lateral (select v.no from date_value v where v.key = w.key
                    and v.lo between w.lo and w.hi and (v.lo >= $5 or v.hi > $6) and v.lo < $7 offset 0) v) v limit 5000 + 1),
              walked as materialized (
                select d.no from (select v.no from resource v where v.type = $8 and not v.deleted
                  and (select count(*) from few) > 5000 order by v.no limit 2000) d
                where exists (select from date_value p where p.no = d.no and p.key = any ($9) and (p.lo >= $10 or p.hi > $11) and p.lo < $12 offset 0)
                order by d.no limit $1)
              select u.no from (
                (select d.no from (select v.no from few v
                  where (select count(*) from few) <= 5000 order by v.no) d
                order by d.no limit $1)
                union
                select w.no from walked w
                union
                (select d.no from (select v.no from (select v.no from unnest($2::integer[], $3::bigint[], $4::bigint[]) w (key, lo, hi)
                    cross join lateral (select v.no from date_value v where v.key = w.key
                      and v.lo between w.lo and w.hi and (v.lo >= $5 or v.hi > $6) and v.lo < $7 offset 0) v) v
                  where (select count(*) from few) > 5000 and (select count(*) from walked) < $1
                  and exists (select v.no from resource v where v.type = $8 and not v.deleted offset 2000 limit 1) order by v.no) d
                order by d.no limit $1)
              ) u
              order by u.no limit $1
            ) m
            cross join lateral (select * from resource r where r.no = m.no offset 0) r
            order by m.no"#]],
    );
    check(
        "Observation?patient=1&code=s|a&_sort=-date",
        expect![[r#"
            select r.no, r.type, r.id, r.version, r.updated, r.content, r.about, m.s1
            from (
              select u.no, u.s1
              from ((select d.no, d.lo as s1
              from unnest($2::bigint[], $3::bigint[], $4::bigint[]) w (key, lo, hi)
              cross join lateral (select t.no, t.lo from timeline t
                where t.key = w.key
                  and t.lo between w.lo and w.hi
                order by t.lo desc, t.no desc limit $1) d
              order by d.lo desc, d.no desc limit $1)
                union all
                (select t.no, null::bigint as s1 from timeline t
              where t.key = $5
                and t.lo = -1152921504606846977
              order by t.no limit $1)) u
              limit $1
            ) m
            cross join lateral (select * from resource r where r.no = m.no offset 0) r
            order by m.s1 desc nulls last, case when m.s1 is null then m.no else -m.no end"#]],
    );
    check(
        "Observation?patient=1&code=s|a",
        expect![[r#"
            select r.no, r.type, r.id, r.version, r.updated, r.content, r.about
            from (
              select d.no
              from (select t.no from unnest($2::bigint[], $3::bigint[], $4::bigint[]) w (key, lo, hi)
                cross join lateral (select t.no from timeline t
                  where t.key = w.key
                    and t.lo between w.lo and w.hi offset 0) t) d
              order by d.no limit $1
            ) m
            cross join lateral (select * from resource r where r.no = m.no offset 0) r
            order by m.no"#]],
    );
    check(
        "Observation?code=s|a&date=ge2018",
        expect![[r#"
            select r.no, r.type, r.id, r.version, r.updated, r.content, r.about
            from (
              with begun as materialized (
                select d.no from (select v.no from term v where v.key = $7
                  order by v.no limit 128) d
                where exists (select from date_value p where p.no = d.no and p.key = any ($8) and (p.lo >= $9 or p.hi > $10) offset 0)
                order by d.no limit $1),
              few as materialized (select v.no from (select t.no from unnest($2::bigint[], $3::bigint[], $4::bigint[]) w (key, lo, hi)
                  cross join lateral (select t.no from timeline t
                    where t.key = w.key
                      and t.lo between w.lo and w.hi
                      and (t.lo >= $5 or t.hi > $6) offset 0) t) v
                where (select count(*) from begun) < $1 limit 5000 + 1),
              walked as materialized (
                select d.no from (select v.no from term v where v.key = $7
                  and (select count(*) from few) > 5000 order by v.no limit 2000) d
                where exists (select from date_value p where p.no = d.no and p.key = any ($8) and (p.lo >= $9 or p.hi > $10) offset 0)
                order by d.no limit $1)
              select u.no from (
                select b.no from begun b
                union
                (select d.no from (select v.no from few v
                  where (select count(*) from few) <= 5000 order by v.no) d
                order by d.no limit $1)
                union
                select w.no from walked w
                union
                (select d.no from (select v.no from (select t.no from unnest($2::bigint[], $3::bigint[], $4::bigint[]) w (key, lo, hi)
                    cross join lateral (select t.no from timeline t
                      where t.key = w.key
                        and t.lo between w.lo and w.hi
                        and (t.lo >= $5 or t.hi > $6) offset 0) t) v
                  where (select count(*) from few) > 5000 and (select count(*) from walked) < $1
                  and exists (select v.no from term v where v.key = $7 offset 2000 limit 1) order by v.no) d
                order by d.no limit $1)
              ) u
              order by u.no limit $1
            ) m
            cross join lateral (select * from resource r where r.no = m.no offset 0) r
            order by m.no"#]],
    );
    check(
        "Observation?_sort=-date",
        expect![[r#"
            select r.no, r.type, r.id, r.version, r.updated, r.content, r.about, m.s1
            from (
              select u.no, u.s1
              from ((select d.no, d.lo as s1
              from unnest($2::integer[], $3::bigint[], $4::bigint[]) w (key, lo, hi)
              cross join lateral (select t.no, t.lo from date_value t
                where t.key = w.key
                  and t.lo between w.lo and w.hi
                  and not exists (select from date_value q where q.no = t.no and q.key = any ($5) and (q.lo, q.hi, q.key) > (t.lo, t.hi, t.key) offset 0)
                order by t.lo desc, t.no desc limit $1) d
              order by d.lo desc, d.no desc limit $1)
                union all
                (select n.no, null::bigint as s1 from (select d.no
                from unnest($6::smallint[]) k (key)
                cross join lateral (select t.no from resource t
                  where t.type = k.key
                    and not t.deleted
                    and not exists (select from date_value p where p.no = t.no and p.key = any ($7) offset 0)
                  order by t.no limit $1) d
                order by d.no limit $1) n)) u
              limit $1
            ) m
            cross join lateral (select * from resource r where r.no = m.no offset 0) r
            order by m.s1 desc nulls last, case when m.s1 is null then m.no else -m.no end"#]],
    );
}

#[test]
fn other_orders_sort_the_matches() {
    check(
        "Patient?_lastUpdated=gt2020",
        expect![[r#"
            select r.no, r.type, r.id, r.version, r.updated, r.content, r.about
            from (
              with begun as materialized (
                select d.no from (select v.no from resource v where v.type = $5 and not v.deleted
                  order by v.no limit 128) d
                where exists (select from resource p where p.no = d.no and p.type = any ($8) and p.updated between $6 and $7 offset 0)
                order by d.no limit $1),
              few as materialized (select v.no from (select v.no from resource v where v.type = any ($4) and v.updated between $2 and $3 and not v.deleted offset 0) v
                where (select count(*) from begun) < $1 limit 5000 + 1),
              walked as materialized (
                select d.no from (select v.no from resource v where v.type = $5 and not v.deleted
                  and (select count(*) from few) > 5000 order by v.no limit 2000) d
                where exists (select from resource p where p.no = d.no and p.type = any ($8) and p.updated between $6 and $7 offset 0)
                order by d.no limit $1)
              select u.no from (
                select b.no from begun b
                union
                (select d.no from (select v.no from few v
                  where (select count(*) from few) <= 5000 order by v.no) d
                order by d.no limit $1)
                union
                select w.no from walked w
                union
                (select d.no from (select v.no from (select v.no from resource v where v.type = any ($4) and v.updated between $2 and $3 and not v.deleted offset 0) v
                  where (select count(*) from few) > 5000 and (select count(*) from walked) < $1
                  and exists (select v.no from resource v where v.type = $5 and not v.deleted offset 2000 limit 1) order by v.no) d
                order by d.no limit $1)
              ) u
              order by u.no limit $1
            ) m
            cross join lateral (select * from resource r where r.no = m.no offset 0) r
            order by m.no"#]],
    );
    check(
        "?_id=a",
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
        "Patient?family=x&_sort=-birthdate,family",
        expect![[r#"
            select r.no, r.type, r.id, r.version, r.updated, r.content, r.about, m.s1, m.s2
            from (
              select o.no, o.s1, o.s2
              from (select a.no, (select max(v.lo) from date_value v where v.no = a.no and v.key = any ($5)) as s1, (select min(v.value) from string_value v where v.no = a.no and v.key = any ($6)) as s2
                from (select distinct d.no
                  from (select v.no from string_value v where v.key = $2 and v.value >= $3 and v.value < $4 offset 0) d) a) o
              order by o.s1 desc nulls last, o.s2 nulls last, o.no limit $1
            ) m
            cross join lateral (select * from resource r where r.no = m.no offset 0) r
            order by m.s1 desc nulls last, m.s2 nulls last, m.no"#]],
    );
    check(
        "Observation?patient=1&_sort=code,-value-quantity,status",
        expect![[r#"
            select r.no, r.type, r.id, r.version, r.updated, r.content, r.about, m.s1, m.s2::text, m.s3
            from (
              select o.no, o.s1, o.s2, o.s3
              from (select a.no, (select min((case jsonb_typeof(v.x) when 'object' then coalesce(v.x->>'code', v.x->>'value', v.x->>'reference', v.x#>>'{identifier,value}') || e'\x01' || coalesce(v.x->>'system', '') when 'null' then null else v.x#>>'{}' end) collate "C")
                  from (select r.type, replace(r.content::text, '\u0000', '\ufffd')::jsonb as content
                    from resource r where r.no = a.no offset 0) r
                  cross join unnest($3::smallint[], (select $4::text[]::jsonpath[])) p (type, path)
                  cross join jsonb_path_query(r.content, p.path, silent => true) v (x)
                  where p.type = r.type) as s1, (select max(case when v.lo = '-infinity' then v.hi else v.lo end) from quantity_value v where v.no = a.no and v.key = any ($5)) as s2, (select min(k.code collate "C") from unnest($6::bigint[], $7::text[]) k (key, code) where exists (select from term t where t.key = k.key and t.no = a.no offset 0)) as s3
                from (select d.no
                  from term d
                  where d.key = $2) a) o
              order by o.s1 nulls last, o.s2 desc nulls last, o.s3 nulls last, o.no limit $1
            ) m
            cross join lateral (select * from resource r where r.no = m.no offset 0) r
            order by m.s1 nulls last, m.s2 desc nulls last, m.s3 nulls last, m.no"#]],
    );
    check(
        "Patient?_sort=-_lastUpdated",
        expect![[r#"
            select r.no, r.type, r.id, r.version, r.updated, r.content, r.about, m.s1
            from (
              select t.no, t.updated as s1 from resource t
              where t.type = $2
                and not t.deleted
              order by t.updated desc, t.no desc limit $1
            ) m
            cross join lateral (select * from resource r where r.no = m.no offset 0) r
            order by m.s1 desc, m.no desc"#]],
    );
}
