-- The glass that is broken at the moment $1.
select id, practitioner, patient, expires from break_glass where ended is null and expires > $1
