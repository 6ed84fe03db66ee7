create table notes (
    id {id} primary key,
    number integer not null
) {clustered};
