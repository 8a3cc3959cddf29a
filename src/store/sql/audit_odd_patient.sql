-- A row that the log of one of its patients leaves out, or one that stands in the log of a patient whom it is not about.
(select a.no
 from audit a, unnest(a.patients) p
 where not exists (select from audit_patient ap where ap.patient = p and ap.no = a.no)
 limit 1)
union all
(select ap.no
 from audit_patient ap left join audit a on a.no = ap.no
 where a.no is null or not ap.patient = any (coalesce(a.patients, '{}'))
 limit 1)
limit 1
