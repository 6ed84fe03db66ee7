-- Ids are made in the order of time, so that new ones are written beside each other, whatever their rooms.
alter table room_log add column message_id text collate "C";
create index room_log_by_message_id on room_log (message_id) where message_id is not null;
create view message_ids as select message_id, room_id, seq from room_log where message_id is not null;

-- A writer that omits the count is refused: the append counts on from the entry before, which must be there.
alter table room_log alter column messages drop default;

-- Which entries each flush appended; rooms is a list of (room id, first seq, number of entries). flush counts the flushes of the partition.
create table feed (
    partition integer not null,
    owner_epoch bigint not null,
    flush bigint not null,
    rooms bytea not null,
    primary key (partition, owner_epoch, flush)
);
