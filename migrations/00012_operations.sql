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

-- Tickets live for a minute and sessions for hours: what has ended is thrown away, so that neither table grows with the years. What they were
-- good for stands in entries and signatures. Bursts of refusals of a session go with it.
create index sessions_ended on ebr.sessions (ended_at) where ended_at is not null;
create index tickets_of_session on ebr.tickets (session);
create index tickets_expired on ebr.tickets (expires_at);
-- +goose StatementBegin
create function audit.prune_sessions() returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    n bigint;
begin
    delete from ebr.tickets where expires_at < clock_timestamp() - interval '1 day';
    with old as materialized (select o.id from ebr.sessions o where o.ended_at < clock_timestamp() - interval '31 days'
            and exists (select from ebr.sessions n where n.person = o.person and n.opened_at > o.opened_at) order by o.ended_at limit 10000),
        bursts as (delete from ebr.refusals r using old where r.session = old.id)
    delete from ebr.sessions s using old where s.id = old.id and not exists (select from ebr.tickets t where t.session = s.id);
    get diagnostics n = row_count;
    return n;
end $$;
-- +goose StatementEnd
revoke execute on function audit.prune_sessions from public;
grant execute on function audit.prune_sessions to app;
