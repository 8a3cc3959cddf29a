-- Writes audit rows that belong to no other transaction.
insert into audit (no, at, request, principal, action, type, id, version, status, client, detail)
select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::smallint[], $7::text[], $8::integer[],
                     $9::smallint[], $10::text[], $11::text[])
