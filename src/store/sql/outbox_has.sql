-- Whether the outbox has this very change.
select exists (select from outbox o where (o.xid, o.no, o.version) = ($1::text::xid8, $2, $3))
