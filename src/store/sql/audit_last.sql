-- The last link of the chain.
select seq, hash, xid::text, no from audit_link order by seq desc limit 1
