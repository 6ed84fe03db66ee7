create table followed_rows (
    room_id {id} not null,
    seq bigint not null,
    times integer not null,
    primary key (room_id, seq)
);

create table followed_marks (
    follower {id} not null,
    partition integer not null,
    epoch text not null,
    owner_epoch bigint not null,
    flush bigint not null,
    entry integer not null,
    primary key (follower, partition)
) {clustered};
