-- Real rows to write once more under fresh numbers: :n resources of all patients, then :n of whole patients in a row.
set work_mem = '256MB';
create sequence fresh;
select setval('fresh', (select max(no) >> 10 from resource) + 1024);

create temp table picked as
select row_number() over () as i, no
from (select no from resource order by hashint8extended(no, 1) limit :n) r
union all
select :n + row_number() over (order by no), no
from (select no from resource order by no offset (select count(*) / 3 from resource) limit :n) r;
analyze picked;

create table sample as
select p.i, r.type, r.content::text as content, a.keys, n.*, d.*,
       coalesce(t.line_keys, '{}') as line_keys, coalesce(t.line_los, '{}') as line_los,
       coalesce(t.line_his, '{}') as line_his, a.date_lo, a.date_hi, o.*
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
alter table sample add primary key (i);

-- Observations to change, :u for each layout, there and back again: another status and a day later.
create temp table chosen as
select row_number() over () - 1 as i, no
from (select no from term where key = :final order by hashint8extended(no, 2) limit 4 * :u) t;
analyze chosen;
create temp table line as
select no, array_agg(key) as line_keys from timeline where no in (select no from chosen) group by no;
analyze line;

create table change as
with there as (
    select c.i / :u as part, c.i % :u as i, no, r.content::text as content, v.key as date_key, l.line_keys,
           :final::bigint as old_key, :amended::bigint as new_key, v.lo, v.hi,
           v.lo + 86400000000 as new_lo, v.hi + 86400000000 as new_hi,
           array_append(array_remove(a.keys, :final), :amended) as keys
    from chosen c
    join resource r using (no)
    join array_a a using (no)
    join line l using (no)
    join date_value v using (no)
    where v.lo = a.date_lo and v.hi = a.date_hi
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
