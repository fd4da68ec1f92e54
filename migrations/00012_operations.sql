-- Operations: what the server does by itself, and what it throws away because no rule needs it any more.
--
-- SQLSTATEs raised here:
--   VB060 a row written under another act, or in another name or at another time than its entry's
--   VB061 a session that ended would live again, or a locked one open without session.unlock

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
create index sessions_of_whom on ebr.sessions (person, opened_at);
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

-- Guards of act, person and time (VB060): a row is written under the act that stands for it, by the person and at the time of its entry, so that
-- nobody who reaches the database as the server dates a right back or puts it in another's name. Arguments: acts of an insert, columns of its
-- person and its time, then the same of an update, whose columns count when they change. It runs after the capture, whose words about a missing
-- entry come first.
-- +goose StatementBegin
create function ebr.entry_guard() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    first  int := case tg_op when 'INSERT' then 0 else 3 end;
    acts   text[] := string_to_array(tg_argv[first], ' ');
    who    text := tg_argv[first + 1];
    moment text := tg_argv[first + 2];
    entry  record;
    row_   jsonb := to_jsonb(new);
    before jsonb := case tg_op when 'UPDATE' then to_jsonb(old) else '{}' end;
begin
    select e.person, e.act, e.at into entry from ebr.entry_at_work() e;
    if entry.act <> all (acts)
       or who <> '' and row_ ->> who is distinct from before ->> who and (row_ ->> who)::uuid is distinct from entry.person
       or moment <> '' and row_ ->> moment is distinct from before ->> moment and (row_ ->> moment)::timestamptz is distinct from entry.at then
        raise exception using errcode = 'VB060', constraint = tg_table_name || '_by_entry',
            message = format('%I.%I is written under its own act, in the name of the person and at the time of the entry', tg_table_schema, tg_table_name);
    end if;
    return null;
end $$;
-- +goose StatementEnd
revoke execute on function ebr.entry_guard from public;
create trigger entry_guard after insert or update on ebr.people for each row execute function
    ebr.entry_guard('person.create token.create', 'created_by', 'created_at', 'person.deactivate', '', 'deactivated_at');
create trigger entry_guard after insert or update on ebr.person_roles for each row execute function
    ebr.entry_guard('person.create person.roles', '', 'granted_at', 'person.roles person.deactivate', '', 'revoked_at');
create trigger entry_guard after insert or update on ebr.stations for each row execute function
    ebr.entry_guard('station.register token.create', '', '', 'station.register', '', '');
create trigger entry_guard after insert or update on ebr.areas for each row execute function ebr.entry_guard('area.create', '', '', 'area.rename', '', '');
create trigger entry_guard after insert on ebr.tokens for each row execute function ebr.entry_guard('token.create', 'issued_by', 'issued_at');
create trigger entry_guard_revoked after update of revoked_at, revoked_by on ebr.tokens for each row execute function
    ebr.entry_guard('', '', '', 'token.revoke person.deactivate', 'revoked_by', 'revoked_at');
create trigger entry_guard after insert on ebr.policies for each row execute function ebr.entry_guard('policy.register', '', 'recorded_at');
create trigger entry_guard after insert on ebr.signing_keys for each row execute function ebr.entry_guard('key.register', '', 'recorded_at');
create trigger entry_guard after insert on ebr.accountability_versions for each row execute function ebr.entry_guard('accountability.publish', 'published_by', 'published_at');
create trigger entry_guard after insert on ebr.accountability_signatures for each row execute function ebr.entry_guard('accountability.sign', 'person', 'signed_at');
create trigger entry_guard after insert on ebr.access_reviews for each row execute function ebr.entry_guard('access.review', 'reviewed_by', 'reviewed_at');
alter table ebr.people enable always trigger entry_guard;
alter table ebr.person_roles enable always trigger entry_guard;
alter table ebr.stations enable always trigger entry_guard;
alter table ebr.areas enable always trigger entry_guard;
alter table ebr.tokens enable always trigger entry_guard, enable always trigger entry_guard_revoked;
alter table ebr.policies enable always trigger entry_guard;
alter table ebr.signing_keys enable always trigger entry_guard;
alter table ebr.accountability_versions enable always trigger entry_guard;
alter table ebr.accountability_signatures enable always trigger entry_guard;
alter table ebr.access_reviews enable always trigger entry_guard;

-- The printed name stands in signatures and never changes, and a machine is made beside its first token only.
-- +goose StatementBegin
create function ebr.people_names() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'UPDATE' and new.full_name <> old.full_name
       or tg_op = 'INSERT' and (new.kind = 'service') <> ((select e.act from ebr.entry_at_work() e) = 'token.create') then
        raise exception using errcode = 'VB060', constraint = 'people_by_entry', message = 'a printed name never changes, and a service account comes with its token';
    end if;
    return null;
end $$;
-- +goose StatementEnd
revoke execute on function ebr.people_names from public;
create trigger entry_guard_names after insert or update on ebr.people for each row execute function ebr.people_names();
alter table ebr.people enable always trigger entry_guard_names;

-- A password changes in the stream of its owner only: under password.change by the owner, or by the server for who came with link and code;
-- the first administrator's comes with the account. Everything else as in 00002.
-- +goose StatementBegin
create or replace function ebr.credentials_guard() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    entry record;
    fresh boolean := tg_op = 'INSERT' or new.password_hash <> old.password_hash;
begin
    select d.person, d.act, d.at, d.stream into entry from audit.desk d where d.backend = pg_backend_pid() and d.xid = pg_current_xact_id();
    if not found then
        return new; -- the trail refuses the row with its own words
    elsif tg_op = 'INSERT' and new.credential_version <> 1 then
        raise exception using errcode = 'VB024', constraint = 'credentials_version', message = 'the first password of a person has the version 1';
    elsif tg_op = 'UPDATE' and audit.newest_image('person/' || old.id, 'ebr.credentials', old.id::text) ->> 'password_hash'
            is distinct from 'sha256:' || encode(sha256(convert_to(old.password_hash, 'UTF8')), 'hex') then
        raise exception using errcode = 'VB024', constraint = 'credentials_swapped', message = 'the stored password was not set through the system';
    elsif tg_op = 'UPDATE' and new.credential_version <> old.credential_version + (new.password_hash <> old.password_hash)::int then
        raise exception using errcode = 'VB024', constraint = 'credentials_version', message = 'a password changes if and only if its version advances by one';
    elsif entry.stream <> 'person/' || new.id
       or fresh and (new.changed_at <> entry.at or entry.person not in (new.id, '00000000-0000-7000-8000-000000000001')
                     or entry.act <> 'password.change' and not (tg_op = 'INSERT' and entry.act = 'person.create'))
       or tg_op = 'UPDATE' and not fresh and new.changed_at <> old.changed_at
       or tg_op = 'UPDATE' and (new.reset_at, new.reset_by) is distinct from (old.reset_at, old.reset_by)
          and (entry.act, entry.at, entry.person) is distinct from ('person.reset', new.reset_at, new.reset_by) then
        raise exception using errcode = 'VB024', constraint = 'credentials_owner', message = 'a password is set in the stream of its owner, by the owner and under password.change';
    end if;
    return new;
end $$;
-- +goose StatementEnd

-- A session that ended stays ended, a locked one opens under session.unlock alone, and a series of signatures begins under a signature given in it.
-- +goose StatementBegin
create function ebr.sessions_guard() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    entry record;
begin
    select d.session, d.act, d.ticket into entry from audit.desk d where d.backend = pg_backend_pid() and d.xid = pg_current_xact_id() and not d.refused;
    if old.ended_at is not null and new.ended_at is distinct from old.ended_at
       or old.locked_at is not null and new.locked_at is null and new.ended_at is null and (entry.session, entry.act) is distinct from (new.id, 'session.unlock')
       or new.series_at is not null and new.series_at is distinct from old.series_at and (entry.session is distinct from new.id or entry.ticket is null) then
        raise exception using errcode = 'VB061', message = 'a session that ended stays ended, and opens again only under its own entry';
    end if;
    return new;
end $$;
-- +goose StatementEnd
revoke execute on function ebr.sessions_guard from public;
create trigger sessions_guard before update of ended_at, locked_at, series_at on ebr.sessions for each row execute function ebr.sessions_guard();
alter table ebr.sessions enable always trigger sessions_guard;
