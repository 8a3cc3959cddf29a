-- Links after $1, rising, beside their rows.
select l.seq, l.no, l.sound, l.hash, l.mac,
       a.no, a.at, a.request, a.principal, a.action, a.type, a.id, a.version, a.status, a.client, a.detail, a.agent,
       a.purpose, a.token, a.address, a.query, a.patients, a.consent, a.content::text, a.mac
from (select * from audit_link where seq > $1 order by seq limit $2) l left join audit a on a.no = l.no
order by l.seq
