-- Layout N: a narrow table per kind of parameter. The facts are those of `term`, each with its type and parameter.
-- Keys do not tell which token parameter they came from: a part of the key stands in for its number.
set work_mem = '256MB';
create table token_n (type smallint not null, param smallint not null, hash bigint not null, no bigint not null);
create table reference_n (like token_n);
insert into reference_n
    select r.type, k.param, t.key, t.no from term t join ref_key k using (key) join resource r using (no);
insert into token_n
    select r.type, hashint8(t.key) & 15, t.key, t.no
    from term t join resource r using (no)
    where not exists (select from ref_key k where k.key = t.key);
alter table reference_n add primary key (type, param, hash, no);
alter table token_n add primary key (type, param, hash, no);
