-- The newest messages of all rooms, a row for each append, until migration 5 moves them into room_log. See docs/adr/0013.

create table log_tail (
    id integer primary key,
    entries blob not null
);
