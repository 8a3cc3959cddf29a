-- Rows without a link. Those before the end of the chain will never get one.
select coalesce((a.xid, a.no) <= (e.xid, e.no), false),
       a.no, a.at, a.request, a.principal, a.action, a.type, a.id, a.version, a.status, a.client, a.detail, a.agent,
       a.purpose, a.token, a.address, a.query, a.patients, a.consent, a.content::text, a.mac
from audit a left join (select xid, no from audit_link order by seq desc limit 1) e on true
where a.no > $1 and not exists (select from audit_link l where l.no = a.no)
order by a.no
limit $2
