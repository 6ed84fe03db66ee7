-- Rooms and users of which a webhook was last told that they are occupied or online: of all others it was told the opposite, or nothing. subject is r:ROOM or u:USER.
create table notification_webhook_presence (
    webhook_id {id} not null,
    subject {id} not null,
    primary key (webhook_id, subject)
) {clustered};
create index notification_webhook_presence_by_subject on notification_webhook_presence (subject);

-- The replica that decides about them.
create table notification_webhook_presence_owner (
    id integer primary key,
    owner text not null
);
