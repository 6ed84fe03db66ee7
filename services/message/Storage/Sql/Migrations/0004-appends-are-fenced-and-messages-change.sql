-- The last flush of the partition: with the owner epoch, its place in the feed.
alter table partition_owners add column flush bigint not null default 0;

-- Limits count the rooms that a user created.
alter table rooms add column created_by {id} not null default '';
update rooms set created_by = coalesce(
    (select l.sender_id from room_log l where l.room_id = rooms.room_id and l.kind = 22 order by l.seq limit 1), '');
create index rooms_by_creator on rooms (created_by, created_at_ms);

-- messages counts the room's messages up to this entry, so that what a user has not read is a subtraction.
alter table room_log add column messages bigint not null default 0;

-- The current state of messages that were changed after they were written; the others are in the log alone. state is a Message.
create table message_changes (
    room_id {id} not null,
    created_seq bigint not null,
    updated_seq bigint not null,
    state {bytes} not null,
    primary key (room_id, created_seq)
) {clustered};

create index message_changes_by_update on message_changes (room_id, updated_seq);
