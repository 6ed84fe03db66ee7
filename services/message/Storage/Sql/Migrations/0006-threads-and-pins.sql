-- The replies of each thread, by the seq of the message that it began with. Only replies have a row.
create table thread_replies (
    room_id {id} not null,
    root_seq bigint not null,
    seq bigint not null,
    primary key (room_id, root_seq, seq)
) {clustered};

-- seq of the entry that pinned the message; null when it is not pinned.
alter table message_changes add column pinned_seq bigint;
create index message_pins on message_changes (room_id, pinned_seq) where pinned_seq is not null;
