create table notification_webhooks (
    webhook_id {id} primary key,
    url text not null,
    secret text not null,
    events text not null,
    rooms text not null,
    is_configured boolean not null,
    created_at_ms bigint not null,
    succeeded_at_ms bigint,
    failing_since_ms bigint,
    disabled_at_ms bigint,
    error text
);

-- What waits to be told, in order within a lane: a room.
create table notification_webhook_events (
    webhook_id {id} not null,
    lane {id} not null,
    position bigint not null,
    event_id {id} not null,
    body text not null,
    created_at_ms bigint not null,
    attempts integer not null,
    not_before_ms bigint not null,
    primary key (webhook_id, lane, position)
) {clustered};

create table notification_webhook_marks (
    follower {id} not null,
    partition integer not null,
    epoch text not null,
    owner_epoch bigint not null,
    flush bigint not null,
    entry integer not null,
    primary key (follower, partition)
) {clustered};

-- A store that went back is followed from its beginning: what is older than this was told under the epoch before.
create table notification_webhook_epochs (
    partition integer not null,
    epoch {id} not null,
    since_ms bigint not null,
    primary key (partition, epoch)
) {clustered};
