-- Sessions begin now and open, and a locked account is opened by its own acts: what is left to whoever writes as the server by hand.
--
-- SQLSTATEs raised here:
--   VB090 a session that begins in the future, or that brings a lock, an end or a series with it
--   VB091 the lock of an account set or lifted by another act, or lifted by its owner without a new password

-- +goose Up

-- How long a session lasts, and how long it was idle, is counted from these columns: one that begins tomorrow lives a day longer. Ten seconds are for a
-- clock that is set back meanwhile. What a session becomes later, sessions_guard (00012) decides; opened_at and expires_at are granted to nobody.
-- +goose StatementBegin
create function ebr.sessions_begin() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if greatest(new.opened_at, new.seen_at) > clock_timestamp() + interval '10 seconds'
       or new.locked_at is not null or new.ended_at is not null or new.series_at is not null then
        raise exception using errcode = 'VB090', constraint = 'sessions_begin', message = 'a session begins now, open, and without a series of signatures';
    end if;
    return new;
end $$;
-- +goose StatementEnd
revoke execute on function ebr.sessions_begin from public;
create trigger sessions_begin before insert on ebr.sessions for each row execute function ebr.sessions_begin();
alter table ebr.sessions enable always trigger sessions_begin;

-- The server locks an account after wrong passwords; another person unlocks it, or its owner with a new password. A log-in changes nothing here.
-- +goose StatementBegin
create function ebr.credentials_locked() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    entry  record;
    before timestamptz := case tg_op when 'UPDATE' then old.locked_until end;
begin
    select e.person, e.act into entry from ebr.entry_at_work() e;
    if new.locked_until is distinct from before and (case
            when new.locked_until is not null then (entry.person, entry.act) is distinct from ('00000000-0000-7000-8000-000000000001', 'person.lock')
                or new.locked_until < before
            when entry.act = 'person.unlock' then entry.person = new.id
            else entry.act is distinct from 'password.change' or new.password_hash = old.password_hash
        end) then
        raise exception using errcode = 'VB091', constraint = 'credentials_locked', message = 'the server locks an account; another person or a new password opens it';
    end if;
    return null;
end $$;
-- +goose StatementEnd
revoke execute on function ebr.credentials_locked from public;
create trigger entry_guard_unlocked after insert or update on ebr.credentials for each row execute function ebr.credentials_locked();
alter table ebr.credentials enable always trigger entry_guard_unlocked;
