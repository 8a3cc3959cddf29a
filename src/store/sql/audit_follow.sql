-- Rows after the position ($1, $2) that no transaction still running could put another one before.
select a.xid,
       a.no, a.at, a.request, a.principal, a.action, a.type, a.id, a.version, a.status, a.client, a.detail, a.agent,
       a.purpose, a.token, a.address, a.query, a.patients, a.consent, a.content::text, a.mac
from audit a
where (a.xid, a.no) > ($1::text::xid8, $2) and a.xid < pg_snapshot_xmin(pg_current_snapshot())
order by a.xid, a.no
limit $3
