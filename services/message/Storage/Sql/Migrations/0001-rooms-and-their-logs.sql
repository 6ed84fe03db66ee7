-- {id}: text compared byte by byte. {bytes}: binary. {clustered}: rows live in the primary key's tree, where the store can do that.

create table meta (
    key {id} primary key,
    value text not null
);

-- When each partition was last taken, so that every owner's epoch is larger than the one before, whatever the clocks say.
create table partition_owners (
    partition integer primary key,
    owner_epoch bigint not null
);

create table rooms (
    room_id {id} primary key,
    kind text not null,
    members integer not null,
    created_at_ms bigint not null
);

-- role is empty for who is no longer a member.
create table members (
    room_id {id} not null,
    user_id {id} not null,
    username text not null,
    role text not null,
    banned boolean not null default false,
    primary key (room_id, user_id)
) {clustered};

create index members_by_user on members (user_id, room_id);

-- One row per change of a room, never updated. The primary key is the fence between two writers, the unique key makes the append
-- idempotent. kind is the field number of the body in RoomEvent, body the RoomEvent itself.
create table room_log (
    room_id {id} not null,
    seq bigint not null,
    kind smallint not null,
    sender_id {id} not null,
    idempotency_key {id} not null,
    created_at_ms bigint not null,
    body {bytes} not null,
    primary key (room_id, seq),
    unique (room_id, sender_id, idempotency_key)
) {clustered};

-- The log's messages in their current state.
create table messages (
    room_id {id} not null,
    created_seq bigint not null,
    updated_seq bigint not null,
    message_id {id} not null,
    user_id {id} not null,
    username text not null,
    content text not null,
    created_at_ms bigint not null,
    client_msg_id text not null,
    reply_to text not null,
    metadata {bytes} not null,
    primary key (room_id, created_seq),
    unique (room_id, message_id)
) {clustered};

create index messages_by_update on messages (room_id, updated_seq);
