-- How far the feed is followed.
create table notification_marks (
    follower {id} not null,
    partition integer not null,
    epoch text not null,
    owner_epoch bigint not null,
    flush bigint not null,
    entry integer not null,
    primary key (follower, partition)
) {clustered};

-- What is known of rooms from the feed, to decide whom an entry concerns. Of a store that went back it is forgotten, partition by partition.
create table notification_rooms (
    room_id {id} primary key,
    partition integer not null,
    kind text not null,
    name text not null
);
create index notification_rooms_by_partition on notification_rooms (partition);

-- folded is the username in lower case.
create table notification_members (
    room_id {id} not null,
    user_id {id} not null,
    partition integer not null,
    folded {id} not null,
    role text not null,
    primary key (room_id, user_id)
) {clustered};
create index notification_members_by_name on notification_members (room_id, folded);
create index notification_members_by_partition on notification_members (partition);

-- Who wrote in which thread.
create table notification_threads (
    root_id {id} not null,
    user_id {id} not null,
    room_id {id} not null,
    partition integer not null,
    primary key (root_id, user_id)
) {clustered};
create index notification_threads_by_partition on notification_threads (partition);

-- How far users have read rooms: what they have read before it was decided is not told.
create table notification_reads (
    user_id {id} not null,
    room_id {id} not null,
    partition integer not null,
    seq bigint not null,
    primary key (user_id, room_id)
) {clustered};
create index notification_reads_by_partition on notification_reads (partition);

-- preferences is the JSON of the message NotificationPreferences; null for those of everyone.
create table notification_users (
    user_id {id} primary key,
    last_useq bigint not null,
    unread integer not null,
    preferences text
);

-- Words in lower case.
create table notification_keywords (
    word {id} not null,
    user_id {id} not null,
    primary key (word, user_id)
) {clustered};
create index notification_keywords_by_user on notification_keywords (user_id);

-- event_id makes an event one notification of a user, however often it is decided.
create table notification_inbox (
    user_id {id} not null,
    useq bigint not null,
    notification_id {id} not null,
    event_id {id} not null,
    kind text not null,
    title text not null,
    body text not null,
    link text not null,
    sound text not null,
    created_at_ms bigint not null,
    room_id {id} not null,
    message_id {id} not null,
    seq bigint not null,
    actor_id text not null,
    actor_name text not null,
    is_read boolean not null,
    primary key (user_id, useq),
    unique (user_id, event_id)
) {clustered};
create index notification_inbox_by_message on notification_inbox (message_id) where message_id <> '';
create index notification_inbox_unread on notification_inbox (user_id, room_id, seq) where not is_read;
create index notification_inbox_by_time on notification_inbox (created_at_ms);
