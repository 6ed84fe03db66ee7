-- The newest messages of all rooms, which room_log does not hold yet: a row for each append, in their order. See LogTail and docs/adr/0013.

create table log_tail (
    id integer primary key,
    entries blob not null
);
