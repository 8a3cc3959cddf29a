-- Real rows to write once more under fresh numbers: :n resources of all patients, then :n of whole patients in a row.
set work_mem = '256MB';
create sequence fresh;
select setval('fresh', (select max(no) >> 10 from resource) + 1024);

create table sample as
with picked as (
    (select row_number() over (order by hashint8extended(no, 1)) as i, no
     from resource order by hashint8extended(no, 1) limit :n)
    union all
    (select :n + row_number() over (order by no), no
     from (select no from resource order by no offset (select count(*) / 3 from resource) limit :n) r)
)
select p.i, r.type, r.content::text as content, a.keys, n.*, d.*, t.*, a.date_lo, a.date_hi, o.*
from picked p
join resource r using (no)
join array_a a using (no)
cross join lateral (
    select coalesce(array_agg(key) filter (where k.param is null), '{}') as tokens,
           coalesce(array_agg((hashint8(key) & 15)::smallint) filter (where k.param is null), '{}') as token_params,
           coalesce(array_agg(key) filter (where k.param is not null), '{}') as refs,
           coalesce(array_agg(k.param) filter (where k.param is not null), '{}') as ref_params
    from unnest(a.keys) u (key) left join ref_key k using (key)) n
cross join lateral (
    select coalesce(array_agg(key), '{}') as date_keys, coalesce(array_agg(lo), '{}') as date_los,
           coalesce(array_agg(hi), '{}') as date_his
    from date_value where no = p.no) d
cross join lateral (
    select coalesce(array_agg(key), '{}') as other_keys, coalesce(array_agg(lo), '{}') as other_los,
           coalesce(array_agg(hi), '{}') as other_his
    from date_a where no = p.no) o
left join (
    select no, array_agg(key) as line_keys, array_agg(lo) as line_los, array_agg(hi) as line_his
    from timeline where no in (select no from picked) group by no) t using (no);
update sample set line_keys = '{}', line_los = '{}', line_his = '{}' where line_keys is null;
alter table sample add primary key (i);

-- Observations to change, :u for each layout, there and back again: another status and a day later.
create table change as
with chosen as (
    select row_number() over (order by hashint8extended(no, 2)) - 1 as i, no
    from term where key = :final order by hashint8extended(no, 2) limit 4 * :u
),
picked as (
    select c.i, no, r.content::text as content, a.keys, v.key as date_key, v.lo, v.hi
    from chosen c join resource r using (no) join array_a a using (no) join date_value v using (no)
    where v.lo = a.date_lo and v.hi = a.date_hi
),
lines as (select no, array_agg(key) as line_keys from timeline where no in (select no from picked) group by no),
there as (
    select i / :u as part, i % :u as i, no, content, date_key, line_keys,
           :final::bigint as old_key, :amended::bigint as new_key, lo, hi, lo + 86400000000 as new_lo, hi + 86400000000 as new_hi,
           array_append(array_remove(keys, :final), :amended) as keys
    from picked join lines using (no)
)
select part, i, no, content, date_key, line_keys, old_key, new_key, lo, hi, new_lo, new_hi, keys from there
union all
select part, i + :u, no, content, date_key, line_keys, new_key, old_key, new_lo, new_hi, lo, hi,
       array_append(array_remove(keys, :amended), :final)
from there;
alter table change add primary key (part, i);
create sequence change_n minvalue 0;
create sequence change_t minvalue 0;
create sequence change_tp minvalue 0;
create sequence change_a minvalue 0;
