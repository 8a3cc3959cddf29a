-- Writes a set of versions, their index rows, outbox rows and audit rows in one statement.
-- Every part sees the rows as they were before; so `kept` copies the versions that `changed` replaces.
-- A first version that another writer has made meanwhile ends the statement.
with incoming as (
    select *
    from unnest($1::bigint[], $2::smallint[], $3::text[], $4::integer[], $5::bigint[], $6::boolean[], $7::text[],
                $55::smallint[], $56::bigint[], $57::text[])
         as i (no, type, id, version, updated, deleted, content, deed, target, refs)
),
kept as (
    insert into resource_history (no, version, type, id, updated, deleted, deed, content)
    select no, version, type, id, updated, deleted, deed, content from resource where no = any ($8::bigint[])
),
changed as (
    update resource r
    set version = i.version, updated = i.updated, deleted = i.deleted, deed = i.deed, refs = i.refs::bigint[],
        content = i.content::json
    from incoming i
    where r.no = i.no and i.version > 1 and r.no = any ($8::bigint[])
),
made as (
    insert into resource (no, type, id, version, updated, deleted, deed, target, refs, content)
    select no, type, id, version, updated, deleted, deed, target, refs::bigint[], content::json from incoming where version = 1
),
noted as (
    insert into outbox (no, version, type, deleted)
    select no, version, type, deleted from incoming where index_epoch_is($58)
),
recorded as (
    select *
    from unnest($9::bigint[], $10::bigint[], $11::text[], $12::text[], $13::text[], $14::smallint[], $15::text[],
                $16::integer[], $17::smallint[], $62::text[], $63::text[], $64::text[], $65::text[], $66::text[],
                $67::text[], $68::text[], $69::text[], $70::text[], $71::text[], $72::bytea[])
         as a (no, at, request, principal, action, type, id, version, status, client, detail, agent, purpose, token,
               address, query, patients, consent, content, mac)
),
audited as (
    insert into audit (no, at, request, principal, action, type, id, version, status, client, detail, agent, purpose,
                       token, address, query, patients, consent, content, mac)
    select no, at, request, principal, action, type, id, version, status, client, detail, agent, purpose, token,
           address, query, patients::bigint[], consent, content::json, mac
    from recorded
),
audited_patient as (
    insert into audit_patient (patient, no)
    select unnest(patients::bigint[]), no from recorded where patients is not null
),
term_gone as (
    delete from term t using unnest($18::bigint[], $19::bigint[]) as d (key, no)
    where t.key = d.key and t.no = d.no
),
-- Of a type that is being indexed anew: the resource may still stand under a shape of before.
shape_gone as (
    delete from term t
    using unnest($59::smallint[], $60::bigint[], $61::bigint[]) as g (type, no, kept) join shape s on s.type = g.type
    where t.key = s.key and t.no = g.no and t.key <> g.kept
),
term_new as (
    insert into term (key, no) select * from unnest($20::bigint[], $21::bigint[]) on conflict do nothing
),
string_gone as (
    delete from string_value s using unnest($22::integer[], $23::text[], $24::bigint[]) as d (key, value, no)
    where s.key = d.key and s.value = d.value collate "C" and s.no = d.no
),
string_new as (
    insert into string_value (key, value, no) select * from unnest($25::integer[], $26::text[], $27::bigint[])
    on conflict do nothing
),
date_gone as (
    delete from date_value v using unnest($28::integer[], $29::bigint[], $30::bigint[], $31::bigint[]) as d (key, lo, hi, no)
    where v.key = d.key and v.lo = d.lo and v.hi = d.hi and v.no = d.no
),
date_new as (
    insert into date_value (key, lo, hi, no)
    select * from unnest($32::integer[], $33::bigint[], $34::bigint[], $35::bigint[]) on conflict do nothing
),
quantity_gone as (
    delete from quantity_value v using unnest($36::bigint[], $37::text[], $38::text[], $39::bigint[]) as d (key, lo, hi, no)
    where v.key = d.key and v.lo = d.lo::numeric and v.hi = d.hi::numeric and v.no = d.no
),
quantity_new as (
    insert into quantity_value (key, lo, hi, no)
    select key, lo::numeric, hi::numeric, no
    from unnest($40::bigint[], $41::text[], $42::text[], $43::bigint[]) as q (key, lo, hi, no) on conflict do nothing
),
timeline_gone as (
    delete from timeline v using unnest($44::bigint[], $45::bigint[], $46::bigint[], $47::bigint[]) as d (key, lo, hi, no)
    where v.key = d.key and v.lo = d.lo and v.hi = d.hi and v.no = d.no
),
timeline_new as (
    insert into timeline (key, lo, hi, no)
    select * from unnest($48::bigint[], $49::bigint[], $50::bigint[], $51::bigint[]) on conflict do nothing
)
insert into shape (key, type, columns)
select key, type, columns::bigint[] from unnest($52::bigint[], $53::smallint[], $54::text[]) as s (key, type, columns)
order by key
on conflict do nothing
