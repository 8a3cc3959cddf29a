-- The text of messages of which nothing is to become any more may be removed after a time (setting hl7_raw_days).
alter table hl7_message alter column raw drop not null;
comment on column hl7_message.raw is 'null: removed, since the message was worked off long ago';
create index hl7_message_old on hl7_message (done_at) where state in (2, 5, 6) and raw is not null;
