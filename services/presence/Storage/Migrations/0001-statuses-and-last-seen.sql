create table presence_statuses (
    user_id {id} primary key,
    status text not null,
    text text not null,
    emoji text not null,
    until_ms bigint not null,
    stamp bigint not null
) {clustered};

create index presence_statuses_by_stamp on presence_statuses (stamp);

create table presence_last_seen (
    user_id {id} primary key,
    seen_ms bigint not null
) {clustered};
