-- Writes first versions, their index rows, outbox rows and audit rows in one statement.
-- Nothing can be there yet, so nothing is looked for: whatever is, is another writer's and ends the statement.
with incoming as (
    select *
    from unnest($1::bigint[], $2::smallint[], $3::text[], $4::integer[], $5::bigint[], $6::boolean[], $7::text[],
                $37::smallint[], $38::bigint[], $39::text[])
         as i (no, type, id, version, updated, deleted, content, deed, target, refs)
),
made as (
    insert into resource (no, type, id, version, updated, deleted, deed, target, refs, content)
    select no, type, id, version, updated, deleted, deed, target, refs::bigint[], content::json from incoming
),
noted as (
    insert into outbox (no, version, type, deleted)
    select no, version, type, deleted from incoming where index_epoch_is($40)
),
recorded as (
    select *
    from unnest($8::bigint[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::smallint[], $14::text[],
                $15::integer[], $16::smallint[], $41::text[], $42::text[], $43::text[], $44::text[], $45::text[],
                $46::text[], $47::text[], $48::text[], $49::text[], $50::text[], $51::bytea[])
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
term_new as (
    insert into term (key, no) select * from unnest($17::bigint[], $18::bigint[])
),
string_new as (
    insert into string_value (key, value, no) select * from unnest($19::integer[], $20::text[], $21::bigint[])
),
date_new as (
    insert into date_value (key, lo, hi, no)
    select * from unnest($22::integer[], $23::bigint[], $24::bigint[], $25::bigint[])
),
quantity_new as (
    insert into quantity_value (key, lo, hi, no)
    select key, lo::numeric, hi::numeric, no
    from unnest($26::bigint[], $27::text[], $28::text[], $29::bigint[]) as q (key, lo, hi, no)
),
timeline_new as (
    insert into timeline (key, lo, hi, no)
    select * from unnest($30::bigint[], $31::bigint[], $32::bigint[], $33::bigint[])
)
insert into shape (key, type, columns)
select key, type, columns::bigint[] from unnest($34::bigint[], $35::smallint[], $36::text[]) as s (key, type, columns)
order by key
on conflict do nothing
