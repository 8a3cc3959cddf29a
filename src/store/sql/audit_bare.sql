-- Rows of before there were macs.
select a.no, a.at, a.request, a.principal, a.action, a.type, a.id, a.version, a.status, a.client, a.detail, a.agent,
       a.purpose, a.token, a.address, a.query, a.patients, a.consent, a.content::text, a.mac
from audit a
where a.mac = ''
order by a.no
limit $1
