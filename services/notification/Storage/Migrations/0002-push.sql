-- The server's identity towards push services, when the configuration names none: made once.
create table notification_vapid (
    id integer primary key,
    public_key text not null,
    private_key text not null
);

-- An endpoint is one browser: it belongs to who subscribed it last.
create table notification_subscriptions (
    user_id {id} not null,
    device_id {id} not null,
    endpoint text not null,
    endpoint_hash {id} not null,
    p256dh text not null,
    auth text not null,
    created_at_ms bigint not null,
    primary key (user_id, device_id)
);
create unique index notification_subscriptions_by_endpoint on notification_subscriptions (endpoint_hash);

-- What users are to be shown, one row for each tag: content is that of the newest, waiting counts those that were not pushed yet, shown_id is the newest one
-- that was.
create table notification_pushes (
    user_id {id} not null,
    tag {id} not null,
    notification_id {id} not null,
    useq bigint not null,
    content text not null,
    waiting integer not null,
    shown_id text,
    primary key (user_id, tag)
);

create table notification_push_users (
    user_id {id} primary key,
    pushed_at_ms bigint not null
);
