-- What searches of the audit walk along: its order in time, and what one person did.
create index audit_at on audit (at, no);
create index audit_agent on audit (agent, at, no) where agent is not null;

-- An AuditEvent that a client sent has an id of its own, once and for ever.
create unique index audit_submitted on audit (id) where content is not null;
