-- What is to be done, once: a row stays until it was done. next_at_ms is the later one of when it is due and when its lease ends.
create table notification_jobs (
    job_key {id} primary key,
    kind text not null,
    body text not null,
    version bigint not null,
    claim bigint not null,
    attempts integer not null,
    created_at_ms bigint not null,
    due_at_ms bigint not null,
    leased_until_ms bigint not null,
    next_at_ms bigint not null,
    failed_at_ms bigint,
    error text
);
create index notification_jobs_next on notification_jobs (next_at_ms) where failed_at_ms is null;
create index notification_jobs_failed on notification_jobs (failed_at_ms, job_key) where failed_at_ms is not null;
