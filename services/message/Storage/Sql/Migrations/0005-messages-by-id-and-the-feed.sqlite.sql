-- Ids are made in the order of time, so that new ones are written beside each other, whatever their rooms.
create table message_ids (
    message_id text not null,
    room_id text not null,
    seq integer not null,
    primary key (message_id, room_id, seq)
) without rowid;

-- Which entries each flush appended; rooms is a list of (room id, first seq, number of entries). flush grows over all partitions, so that the rows of one
-- flush are written beside each other.
create table feed (
    flush integer not null,
    partition integer not null,
    owner_epoch integer not null,
    rooms blob not null,
    primary key (flush, partition)
) without rowid;
