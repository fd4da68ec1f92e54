-- Backups, drills of the restore, and restores (EU GMP Annex 11 clause 7.2): what was made, what a restored copy was found to be, and from
-- what a plant came back. The server files the results; a person may ask for a backup.
--
-- SQLSTATE raised here:
--   VB045 a result would be filed by somebody else, in another act, or rewritten

-- +goose Up

create table ebr.backups (
    id       uuid primary key,
    kind     text not null check (kind in ('backup', 'drill', 'restore')),
    state    text not null check (state in ('asked', 'good', 'failed')),
    asked_by uuid references ebr.people,
    asked_at timestamptz,
    name     text not null default '' check (char_length(name) <= 60),
    place    text not null default '' check (char_length(place) <= 1000),
    digest   text not null default '' check (digest ~ '^([0-9a-f]{64})?$'),
    bytes    bigint not null default 0 check (bytes >= 0),
    files    int not null default 0 check (files >= 0),
    entries  bigint not null default 0 check (entries >= 0),
    began_at timestamptz,
    ended_at timestamptz,
    until    timestamptz,
    result   text not null default '' check (char_length(result) <= 4000),
    report   uuid constraint backups_report_once unique,
    version  int not null default 1,
    constraint backups_asked check ((asked_by is null) = (asked_at is null) and (state <> 'asked' or asked_by is not null and kind = 'backup')),
    constraint backups_filed check ((state = 'asked') = (report is null) and (state = 'asked') = (ended_at is null) and (state = 'asked') = (began_at is null)
        and (began_at is null or began_at <= ended_at))
);
comment on column ebr.backups.digest is 'SHA-256 of the manifest of the backup, which has the SHA-256 of every file.';
comment on column ebr.backups.until is 'Of a drill and a restore: acts until this time were wanted; null: all.';
create unique index backups_asked_once on ebr.backups ((true)) where state = 'asked';
create index backups_by_end on ebr.backups (kind, state, ended_at desc);

-- Only the server says how a backup, a drill or a restore ended. What is filed stays as it is.
-- +goose StatementBegin
create function ebr.backups_guard() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    entry record;
begin
    select d.person, d.at, d.act into entry from audit.desk d where d.backend = pg_backend_pid() and d.xid = pg_current_xact_id();
    if not found then
        return new; -- no open entry: the trail refuses the row with its own words
    end if;
    if entry.act <> (case new.kind when 'backup' then 'backup.make' when 'drill' then 'backup.drill' else 'backup.restore' end) then
        raise exception using errcode = 'VB045', message = format('a %s is not filed by the act %s', new.kind, entry.act);
    end if;
    if tg_op = 'UPDATE' and (old.state <> 'asked' or new.state = 'asked' or (new.id, new.kind, new.asked_by, new.asked_at) is distinct from (old.id, old.kind, old.asked_by, old.asked_at)) then
        raise exception using errcode = 'VB045', message = 'what is filed about a backup is never rewritten';
    end if;
    if new.state = 'asked' and (new.asked_by, new.asked_at) is distinct from (entry.person, entry.at) then
        raise exception using errcode = 'VB045', message = 'a backup is asked for by the person and at the time of its entry';
    end if;
    if new.state <> 'asked' and (entry.person <> '00000000-0000-7000-8000-000000000001' or tg_op = 'INSERT' and new.asked_by is not null) then
        raise exception using errcode = 'VB045', message = 'the server files how a backup ended, and nobody else';
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger backups_guard before insert or update on ebr.backups for each row execute function ebr.backups_guard();
alter table ebr.backups enable always trigger backups_guard;
revoke execute on function ebr.backups_guard from public;
select audit.attach('ebr.backups');
grant select, insert, update on ebr.backups to app;

-- How far the archive of PostgreSQL's log in the second place has come; one row, kept by the server that archives.
create table ebr.archive (
    id          boolean primary key default true check (id),
    place       text not null default '',
    line        text not null default '',
    complete_at timestamptz,
    behind      bigint not null default 0,
    problem     text not null default '',
    since       timestamptz not null,
    looked_at   timestamptz not null
);
select audit.operational('ebr.archive', 'how far the archive of the database''s log has come; it is looked at every few seconds, backups are records');
grant select, insert, update on ebr.archive to app;
