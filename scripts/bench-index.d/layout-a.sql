-- Layout A: the keys of `term` as one array a resource, and its principal date beside them; other dates stay apart.
set work_mem = '256MB';
create table array_a (
    no      bigint   not null,
    type    smallint not null,
    keys    bigint[] not null,
    date_lo bigint,
    date_hi bigint
);
insert into array_a
    select no, r.type, t.keys, d.lo, d.hi
    from resource r
    join (select no, array_agg(key) as keys from term group by no) t using (no)
    left join (select no, min(lo) as lo, min(hi) as hi from timeline where lo > -1152921504606846977 group by no) d
        using (no)
    order by no;
alter table array_a add primary key (no);
create index array_a_keys on array_a using gin (keys) with (fastupdate = off);
create index array_a_date on array_a (type, date_lo, no);

create table date_a (like date_value);
insert into date_a
    select d.key, d.lo, d.hi, d.no
    from (select v.*, row_number() over (partition by no, lo, hi) as nth from date_value v) d join array_a a using (no)
    where d.nth > 1 or d.lo is distinct from a.date_lo or d.hi is distinct from a.date_hi;
alter table date_a add primary key (key, lo, no, hi);
create index date_a_of on date_a (no, key) include (lo, hi);
