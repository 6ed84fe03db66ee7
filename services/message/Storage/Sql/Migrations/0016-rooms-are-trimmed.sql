-- Messages from before first_seq are kept no longer and not shown; what they said is gone from the entries before erased_seq.
alter table rooms add column retention_days integer not null default 0;
alter table rooms add column first_seq bigint not null default 1;
alter table rooms add column erased_seq bigint not null default 1;
create index rooms_to_trim on rooms (room_id) where retention_days > 0 or deleted or erased_seq < first_seq;
