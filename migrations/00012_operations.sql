-- Operations: what the server does by itself, and what it throws away because no rule needs it any more.
--
-- SQLSTATEs of this file: VB060 to VB064 (none yet).

-- +goose Up

-- When each job ran last: so that a daily job is daily across restarts, and a stale one is seen.
create table ebr.jobs (
    name         text primary key check (name ~ '^[a-z]{1,20}(_[a-z]{1,20}){0,5}$'),
    started_at   timestamptz not null,
    succeeded_at timestamptz,
    failed_at    timestamptz
);
select audit.operational('ebr.jobs', 'when the server''s own jobs ran last; what they did are entries, and a failed one opens an incident');
grant select, insert, update on ebr.jobs to app;
