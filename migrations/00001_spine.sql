-- The audit spine (ARCHITECTURE.md, "The spine"). Lock 2 of three: what PostgreSQL refuses, also to our own code.
-- Every table has one class: record (changes only under an open entry), evidence (the trail itself), operational (no GMP value).
--
-- SQLSTATEs raised here, so that Go and the table of attacks can tell them apart:
--   VB001 a record was written without an open entry        VB006 a record row was deleted or truncated
--   VB002 the entry of this transaction is already sealed   VB007 a transaction opens a second entry
--   VB003 the session is unknown, ended or locked           VB008 a session without its entry
--   VB004 the person is not active                          VB009 a refused act tried to change something
--   VB005 the signing ticket is unknown, used or expired    VB010 a record row did not advance its version by one
--   VB011 the stream, act or registration is not well formed
--   VB012 an act under a signing ticket without its signature

-- +goose Up
create schema if not exists audit;
create schema ebr;
grant usage on schema audit, ebr to app;

create table audit.tables (
    table_name text primary key,
    class      text not null check (class in ('record', 'evidence', 'operational')),
    reason     text not null,
    columns    text[] not null default '{}',
    digested   text[] not null default '{}'
);
comment on table audit.tables is 'Every table and its class. A table that is not here fails the house test and ebr verify.';

-- A record column added after rows exist: images written before it lack it, and the row must then hold this declared value.
create table audit.late_columns (
    table_name  text not null,
    column_name text not null,
    value       text,
    primary key (table_name, column_name)
);

create table audit.heads (
    stream text primary key,
    seq    bigint not null,
    hash   bytea not null,
    at     timestamptz not null
) with (fillfactor = 50);
comment on table audit.heads is 'The last entry of each stream; its row is the one lock that a transaction takes on the trail.';

create table audit.entries (
    stream  text not null,
    seq     bigint not null check (seq > 0),
    at      timestamptz not null,
    person  uuid not null,
    act     text not null,
    refused boolean not null,
    body    bytea not null,
    hash    bytea not null,
    primary key (stream, seq)
);
comment on table audit.entries is 'body holds the exact bytes whose SHA-256 is hash; the other columns repeat it for searching and are checked by ebr verify.';
create index entries_of_stream on audit.entries (stream, at, seq);
create index entries_by_time on audit.entries (at, stream, seq);
create index entries_by_person on audit.entries (person, at);
create index entries_by_act on audit.entries (act, at);

-- Subjects of an entry besides its home stream.
create table audit.subjects (
    subject text not null,
    at      timestamptz not null,
    stream  text not null,
    seq     bigint not null,
    primary key (subject, at, stream, seq)
);

create table audit.contents (
    digest bytea primary key,
    bytes  bytea not null
);
comment on table audit.contents is 'Big values (recipe texts, statements, manifests) by SHA-256; record rows carry the digest.';

-- The desk: one row per database backend, holding the open entry of its running transaction. Unlogged: after a crash no transaction is open.
create unlogged table audit.desk (
    backend int primary key,
    xid     xid8 not null,
    sealed  boolean not null,
    refused boolean not null,
    stream  text not null,
    seq     bigint not null,
    at      timestamptz not null,
    session uuid,
    person  uuid not null,
    act     text not null,
    key     uuid,
    key_of  uuid,
    ticket  uuid,
    also    text[] not null,
    opening text not null,
    changes text not null,
    details text not null
) with (fillfactor = 10, toast_tuple_target = 8160);

create table ebr.people (
    id                 uuid primary key,
    user_name          text not null unique check (char_length(user_name) between 2 and 64),
    user_name_skeleton text not null unique,
    full_name          text not null check (char_length(full_name) between 2 and 120),
    kind               text not null check (kind in ('person', 'service')),
    active             boolean not null default true,
    created_at         timestamptz not null,
    version            int not null default 1
);

create table ebr.stations (
    id      uuid primary key,
    name    text not null unique check (char_length(name) between 2 and 60),
    version int not null default 1
);

create table ebr.sessions (
    id           uuid primary key,
    token_digest bytea not null unique,
    person       uuid not null references ebr.people,
    station      uuid not null references ebr.stations,
    opened_at    timestamptz not null,
    seen_at      timestamptz not null,
    locked_at    timestamptz,
    ended_at     timestamptz
);
create index sessions_of_person on ebr.sessions (person) where ended_at is null;

create table ebr.tickets (
    id                 uuid primary key,
    session            uuid not null references ebr.sessions,
    person             uuid not null references ebr.people,
    credential_version int not null,
    act                text not null,
    meaning            text not null,
    statement_digest   bytea not null,
    statement          bytea not null,
    manifest           bytea not null,
    manifest_signature bytea not null,
    key_id             text not null,
    issued_at          timestamptz not null,
    expires_at         timestamptz not null,
    used_at            timestamptz
);

create table ebr.request_keys (
    person uuid not null,
    key    uuid not null,
    act    text not null,
    digest bytea not null,
    result jsonb,
    stream text not null,
    at     timestamptz not null,
    constraint request_keys_once primary key (person, key)
);
create index request_keys_by_age on ebr.request_keys (at);

create table ebr.refusals (
    session uuid not null references ebr.sessions,
    act     text not null,
    station uuid not null,
    count   bigint not null,
    last_at timestamptz not null,
    primary key (session, act)
);

-- +goose StatementBegin
create function audit.frozen() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception using errcode = 'VB006', message = format('%I.%I: %s is never allowed', tg_table_schema, tg_table_name, lower(tg_op));
end $$;
-- +goose StatementEnd

-- SQL text that gives one column of the row variable as a JSON value: the same for the same value whatever the session's settings
-- are. Exact decimals are strings; times are UTC. Types whose text depends on settings or rounding (float, interval ...) are refused.
-- +goose StatementBegin
create function audit.column_value(var text, col text, kind text, digested boolean) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v text := format('%s.%I', var, col);
begin
    v := case
        when kind in ('uuid', 'boolean', 'smallint', 'integer', 'bigint', 'text', 'date', 'text[]') then v
        when kind = 'numeric' then v || '::text'
        when kind = 'jsonb' then v || '::text'
        when kind = 'timestamp with time zone' then format($f$%s at time zone 'UTC'$f$, v)
        when kind = 'bytea' then format($f$encode(%s, 'hex')$f$, v)
    end;
    if v is null then
        raise exception using errcode = 'VB011', message = format('column %s: a record keeps no %s; use text, numeric, timestamptz, uuid, integer, boolean, date, bytea, text[] or jsonb', col, kind);
    end if;
    return case when digested then format($f$'sha256:' || encode(sha256(convert_to(%s::text, 'UTF8')), 'hex')$f$, v) else v end;
end $$;
-- +goose StatementEnd

-- Says why a record row may not change now.
-- +goose StatementBegin
create function audit.refuse_change(tbl text) returns void
language plpgsql
as $$
declare
    d record;
begin
    select k.sealed, k.refused into d from audit.desk k where k.backend = pg_backend_pid() and k.xid = pg_current_xact_id();
    if not found then
        raise exception using errcode = 'VB001', message = format('%s is a record: it changes only under an open entry of the audit trail', tbl);
    elsif d.sealed then
        raise exception using errcode = 'VB002', message = 'the audit entry of this transaction is already sealed';
    end if;
    raise exception using errcode = 'VB009', message = 'the entry of a refused act carries no changes';
end $$;
-- +goose StatementEnd

-- Writes the two functions of a record table from its columns: audit.image_<table>(row), the row as JSON, and
-- audit.capture_<table>(), its trigger, which appends the change to the open entry of this transaction. Generated, because a
-- generic one that asks the catalogue for each row costs several times as much.
-- +goose StatementBegin
create function audit.generate(tbl text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    name  text := split_part(tbl, '.', 2);
    known record;
    rules text;
    image text;
begin
    select array_agg(a.attname::text order by a.attnum) as columns, bool_or(a.attname = 'version') as versioned,
        string_agg(format('%L, %s', a.attname, audit.column_value('{row}', a.attname, format_type(a.atttypid, null), a.attname = any (t.digested))), ', ' order by a.attnum) as pairs
    into known
    from audit.tables t join pg_attribute a on a.attrelid = tbl::regclass and a.attnum > 0 and not a.attisdropped
    where t.table_name = tbl;
    update audit.tables t set columns = known.columns where t.table_name = tbl;
    image := 'json_build_object(' || known.pairs || ')';
    rules := case when known.versioned then $f$tg_op = 'INSERT' and new.version <> 1 or tg_op = 'UPDATE' and (new.version <> old.version + 1 or new.id <> old.id)$f$ else $f$tg_op = 'UPDATE'$f$ end;
    execute format($f$create or replace function audit.image_%s(r %s) returns json language sql stable as $sql$ select %s $sql$ $f$, name, tbl, replace(image, '{row}', 'r'));
    execute format($f$create or replace function audit.capture_%1$s() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $plpgsql$
declare
    change json;
begin
    if tg_op = 'DELETE' then
        raise exception using errcode = 'VB006', message = '%2$s is a record: rows are never deleted';
    elsif %3$s then
        raise exception using errcode = 'VB010', message = '%2$s: the first version of a row is 1, an update keeps the id and advances version by one; without a column version rows are written once';
    elsif tg_op = 'INSERT' then
        change := json_build_object('table', '%2$s', 'id', new.id, 'version', %4$s, 'op', 'insert', 'after', %5$s);
    else
        change := json_build_object('table', '%2$s', 'id', new.id, 'version', %4$s, 'op', 'update', 'before', %6$s, 'after', %5$s);
    end if;
    update audit.desk d set changes = concat(d.changes, ',', change)
    where d.backend = pg_backend_pid() and d.xid = pg_current_xact_id() and not d.sealed and not d.refused;
    if not found then
        perform audit.refuse_change('%2$s');
    end if;
    return null;
end $plpgsql$ $f$, name, tbl, rules, case when known.versioned then 'new.version' else '1' end, replace(image, '{row}', 'new'), replace(image, '{row}', 'old'));
    execute format('revoke execute on function audit.image_%1$s, audit.capture_%1$s from public', name);
    execute format('grant execute on function audit.image_%1$s to app', name);
end $$;
-- +goose StatementEnd

-- Puts a table of schema ebr under the trail. digested names the secret or large columns whose image is a SHA-256.
-- +goose StatementBegin
create function audit.attach(tbl regclass, digested text[] default '{}') returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    full_name text := (select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = tbl and n.nspname = 'ebr');
    name      text := split_part(full_name, '.', 2);
begin
    if full_name is null or not exists (select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
                   where i.indrelid = tbl and i.indisprimary and i.indnkeyatts = 1 and a.attname = 'id' and a.atttypid in ('uuid'::regtype, 'text'::regtype)) then
        raise exception using errcode = 'VB011', message = format('%s: a record table stands in schema ebr and has the single primary key id, a uuid or text', tbl);
    end if;
    insert into audit.tables (table_name, class, reason, digested) values (full_name, 'record', 'GMP record', attach.digested);
    perform audit.generate(full_name);
    execute format('create trigger audit_capture after insert or update or delete on %s for each row execute function audit.capture_%s()', tbl, name);
    execute format('create trigger audit_no_truncate before truncate on %s for each statement execute function audit.frozen()', tbl);
    execute format('alter table %s enable always trigger audit_capture, enable always trigger audit_no_truncate', tbl);
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
create function audit.operational(tbl regclass, reason text) returns void
language sql
set search_path = pg_catalog, pg_temp
begin atomic
    insert into audit.tables (table_name, class, reason)
    select n.nspname || '.' || c.relname, 'operational', reason from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = tbl;
end;
-- +goose StatementEnd

-- Tells the trail of a column added to a record table that already has images: rows written before hold this value (as image text).
-- +goose StatementBegin
create function audit.late_column(tbl regclass, col text, value text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    full_name text := (select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = tbl);
begin
    insert into audit.late_columns (table_name, column_name, value) values (full_name, col, late_column.value);
    perform audit.generate(full_name);
end $$;
-- +goose StatementEnd

-- Opens the entry: locks the head of its home stream, takes the time after the lock, writes the opening of the body to this
-- backend's desk. Internal: it runs under the search_path that its two callers pin. One statement in the usual case, in which the
-- stream and the backend's desk row exist; concat instead of ||, because each operator is set up again in every transaction.
-- +goose StatementBegin
create function audit.open_entry(home text, subjects text[], session uuid, actor jsonb, station text, act text, reason text, key uuid, key_of uuid, ticket uuid, refused boolean,
                                 out seq bigint, out at timestamptz)
language plpgsql
as $$
declare
    own xid8 := pg_current_xact_id();
begin
    for attempt in 1 .. 2 loop
        update audit.desk d set xid = own, sealed = false, refused = open_entry.refused, stream = home, seq = h.seq + 1, at = greatest(h.now, h.at), session = open_entry.session,
            person = (actor ->> 'person')::uuid, act = open_entry.act, key = open_entry.key, key_of = open_entry.key_of, ticket = open_entry.ticket, also = subjects, changes = '', details = '',
            opening = concat('{"v":1,"stream":', to_json(home), ',"seq":', h.seq + 1, ',"prev":"', encode(h.hash, 'hex'),
                '","time":"', to_char(greatest(h.now, h.at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                case when h.now < h.at then concat('","clock":"', to_char(h.now at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) end,
                '","by":', actor, ',"station":', to_json(station), ',"act":', to_json(open_entry.act), ',"reason":', to_json(coalesce(reason, '')),
                ',"key":"' || open_entry.key || '"', ',"also":', to_json(subjects))
        from (select l.seq, l.hash, l.at, clock_timestamp() as now from (select k.seq, k.hash, k.at from audit.heads k where k.stream = home for update) l offset 0) h
        where d.backend = pg_backend_pid() and d.xid <> own
        returning d.seq, d.at into seq, at;
        if found then
            return;
        end if;
        perform audit.prepare_entry(home, act, own);
    end loop;
    raise exception using errcode = 'VB007', message = 'a transaction has exactly one entry';
end $$;
-- +goose StatementEnd

-- The unusual case of open_entry: a first entry of a stream, or of this backend, or a second one in its transaction.
-- +goose StatementBegin
create function audit.prepare_entry(home text, act text, own xid8) returns void
language plpgsql
as $$
begin
    if home !~ '^(batch|recipe|lot|equipment|person|station|capture|site)/[A-Za-z0-9_-]{1,64}$' or act !~ '^[a-z][a-z_]{1,30}(\.[a-z_]{1,30})?$' then
        raise exception using errcode = 'VB011', message = format('not a stream or an act: %s, %s', home, act);
    end if;
    perform from audit.desk d where d.backend = pg_backend_pid() and d.xid = own;
    if found then
        raise exception using errcode = 'VB007', message = 'a transaction has exactly one entry';
    end if;
    insert into audit.heads (stream, seq, hash, at) values (home, 0, '', '-infinity') on conflict do nothing;
    insert into audit.desk (backend, xid, sealed, refused, stream, seq, at, person, act, also, opening, changes, details)
    values (pg_backend_pid(), '0', true, false, '', 0, '-infinity', '00000000-0000-0000-0000-000000000000', '', '{}', '', '', '') on conflict do nothing;
end $$;
-- +goose StatementEnd

-- The server's door. The session is found by the secret token that only the browser (or the running server) holds, the signer by the ticket:
-- the caller cannot name a person. With a request key that was used before, nothing is opened and the stored act, digest and result come back.
-- +goose StatementBegin
create function audit.enter(token bytea, ticket uuid, act text, home text, subjects text[], reason text, key uuid, command_digest bytea, refused boolean,
                            out seq bigint, out at timestamptz, out session uuid, out person uuid, out user_name text, out full_name text, out kind text,
                            out station text, out session_person uuid, out used_act text, out used_digest bytea, out used_result jsonb, out used_stream text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    s     record;
    t     record;
    o     record;
    actor jsonb;
begin
    select s1.id, s1.person, s1.station, s1.locked_at, p1.user_name, p1.full_name, p1.kind, p1.active into s
    from ebr.sessions s1, lateral (select p.user_name, p.full_name, p.kind, p.active from ebr.people p where p.id = s1.person offset 0) p1
    where s1.token_digest = sha256(token) and s1.ended_at is null;
    if not found or (s.locked_at is not null and not refused and enter.act not like 'session.%') then
        raise exception using errcode = 'VB003', message = 'the session is unknown, ended or locked';
    end if;
    if not s.active and not refused then
        raise exception using errcode = 'VB004', message = 'the person is not active';
    end if;
    if key is not null then
        insert into ebr.request_keys (person, key, act, digest, stream, at) values (s.person, enter.key, enter.act, command_digest, home, clock_timestamp()) on conflict do nothing;
        if not found then
            select k.act, k.digest, k.result, k.stream, k.at into used_act, used_digest, used_result, used_stream, at
            from ebr.request_keys k where k.person = s.person and k.key = enter.key;
            return;
        end if;
    end if;
    session := s.id; session_person := s.person; station := s.station;
    person := s.person; user_name := s.user_name; full_name := s.full_name; kind := s.kind;
    actor := jsonb_build_object('person', person, 'user', user_name, 'name', full_name, 'session', session);
    if ticket is not null then
        update ebr.tickets tk set used_at = clock_timestamp() from ebr.people p1
        where tk.id = enter.ticket and tk.session = s.id and tk.used_at is null and tk.expires_at > clock_timestamp() and tk.act = enter.act and p1.id = tk.person and p1.active
        returning p1.id, p1.user_name, p1.full_name, p1.kind into t;
        if not found then
            raise exception using errcode = 'VB005', message = 'the signing ticket is unknown, used, expired or made for something else';
        end if;
        person := t.id; user_name := t.user_name; full_name := t.full_name; kind := t.kind;
        actor := jsonb_build_object('person', person, 'user', user_name, 'name', full_name, 'session', session, 'ticket', ticket);
        if person <> session_person then
            actor := actor || jsonb_build_object('session_person', session_person);
        end if;
    end if;
    o := audit.open_entry(home, subjects, session, actor, station, enter.act, reason, enter.key, case when enter.key is null then null else session_person end, enter.ticket, refused);
    seq := o.seq; at := o.at;
end $$;
-- +goose StatementEnd

-- A migration that changes record values does so under an entry of its own; callable by the owner alone.
-- +goose StatementBegin
create function audit.begin_migration(name text, why text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform audit.open_entry('site/main', '{}', null, jsonb_build_object('person', '00000000-0000-7000-8000-000000000001', 'user', 'migration/' || name, 'name', 'Migration ' || name),
        'server', 'migration', why, null, null, null, false);
end $$;
-- +goose StatementEnd

-- Last act before COMMIT: details for the entry and the result kept for the request key.
-- +goose StatementBegin
create function audit.finish(details jsonb, result jsonb) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    d record;
begin
    update audit.desk d1 set details = coalesce(',"details":' || finish.details::text, '')
    where d1.backend = pg_backend_pid() and d1.xid = pg_current_xact_id() and not d1.sealed returning d1.key, d1.key_of into d;
    if not found then
        raise exception using errcode = 'VB002', message = 'there is no open entry to finish';
    end if;
    if d.key is not null then
        update ebr.request_keys k set result = finish.result where k.person = d.key_of and k.key = d.key;
    end if;
end $$;
-- +goose StatementEnd

-- Composes the body once and appends it to its stream. Runs at COMMIT, as a deferred constraint trigger of the desk; nobody can call it.
-- +goose StatementBegin
create function audit.seal() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    d      audit.desk;
    bytes  bytea;
    digest bytea;
begin
    update audit.desk k set sealed = true
    where k.backend = pg_backend_pid() and k.xid = pg_current_xact_id() and not k.sealed returning k.* into d;
    if not found then
        return null;
    end if;
    if d.ticket is not null and not d.refused then
        perform from ebr.signatures g where g.ticket = d.ticket and g.person = d.person;
        if not found then
            raise exception using errcode = 'VB012', message = 'an act under a signing ticket carries its signature';
        end if;
    end if;
    bytes := convert_to(concat(d.opening, case when d.refused then ',"refused":true' end, d.details, ',"changes":[', substr(d.changes, 2), ']}'), 'UTF8');
    digest := sha256(bytes);
    insert into audit.entries (stream, seq, at, person, act, refused, body, hash) values (d.stream, d.seq, d.at, d.person, d.act, d.refused, bytes, digest);
    update audit.heads h set seq = d.seq, hash = digest, at = d.at where h.stream = d.stream;
    if d.also <> '{}' then
        insert into audit.subjects (subject, at, stream, seq) select distinct s, d.at, d.stream, d.seq from unnest(d.also) s;
    end if;
    return null;
end $$;
-- +goose StatementEnd

create constraint trigger audit_seal after insert or update of xid on audit.desk deferrable initially deferred for each row execute function audit.seal();
alter table audit.desk enable always trigger audit_seal;

-- Keeps big content under its digest; needs an open entry, so that content has an accountable origin.
-- +goose StatementBegin
create function audit.keep(content bytea) returns bytea
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    d bytea := sha256(content);
begin
    perform from audit.desk k where k.backend = pg_backend_pid() and k.xid = pg_current_xact_id() and not k.sealed;
    if not found then
        raise exception using errcode = 'VB001', message = 'content is kept only under an open entry of the audit trail';
    end if;
    insert into audit.contents (digest, bytes) values (d, content) on conflict do nothing;
    return d;
end $$;
-- +goose StatementEnd

-- A session exists only together with the entry that opened it: nobody slips into another person's name without a trace.
-- +goose StatementBegin
create function audit.session_has_entry() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from audit.desk d where d.backend = pg_backend_pid() and d.xid = pg_current_xact_id() and d.session = new.id and d.act in ('session.open', 'server.start');
    if not found then
        raise exception using errcode = 'VB008', message = 'a session is opened only under an entry of its own';
    end if;
    return null;
end $$;
-- +goose StatementEnd
create constraint trigger session_has_entry after insert on ebr.sessions deferrable initially deferred for each row execute function audit.session_has_entry();
alter table ebr.sessions enable always trigger session_has_entry;

-- Request keys older than 30 days are refused by the server and pruned here.
-- +goose StatementBegin
create function audit.prune_keys() returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    n bigint;
begin
    delete from ebr.request_keys where at < clock_timestamp() - interval '31 days';
    get diagnostics n = row_count;
    return n;
end $$;
-- +goose StatementEnd

-- The newest image of one record row, out of one stream. Source of the check that a stored password hash is the one that was set.
-- +goose StatementBegin
create function audit.newest_image(home text, tbl text, row_id text) returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
return (
    select c -> 'after' from audit.entries e, jsonb_array_elements(convert_from(e.body, 'UTF8')::jsonb -> 'changes') c
    where e.stream = home and c ->> 'table' = tbl and c ->> 'id' = row_id
    order by e.seq desc limit 1
);
-- +goose StatementEnd

-- +goose StatementBegin
do $$
declare
    t text;
begin
    foreach t in array array['audit.entries', 'audit.subjects', 'audit.contents'] loop
        execute format('create trigger frozen_rows before update or delete on %s for each row execute function audit.frozen()', t);
        execute format('create trigger frozen_table before truncate on %s for each statement execute function audit.frozen()', t);
        execute format('alter table %s enable always trigger frozen_rows, enable always trigger frozen_table', t);
    end loop;
end $$;
-- +goose StatementEnd

insert into audit.tables (table_name, class, reason) values
    ('audit.tables', 'evidence', 'the class of every table'),
    ('audit.late_columns', 'evidence', 'declared values of columns added later'),
    ('audit.heads', 'evidence', 'the last entry of each stream'),
    ('audit.entries', 'evidence', 'the audit trail'),
    ('audit.subjects', 'evidence', 'other subjects of an entry'),
    ('audit.contents', 'evidence', 'big values by digest'),
    ('audit.migrations', 'evidence', 'SHA-256 of every applied migration'),
    ('audit.goose_versions', 'operational', 'the migration tool''s own list of applied versions'),
    ('audit.desk', 'operational', 'the open entry of each running transaction; empty of meaning after commit');
select audit.operational('ebr.sessions', 'who is logged in where; opening and closing are entries');
select audit.operational('ebr.tickets', 'single-use proof of a password for one statement, 60 s');
select audit.operational('ebr.refusals', 'counts bursts of refused acts; the entries stand in the trail');
select audit.operational('ebr.request_keys', 'which request was answered how; the act itself is an entry');
revoke execute on all functions in schema audit from public;
select audit.attach('ebr.people');
select audit.attach('ebr.stations');

-- The machine itself, as a person of kind service, and its own station.
select audit.begin_migration('00001_spine', 'the server''s own account and station');
insert into ebr.people (id, user_name, user_name_skeleton, full_name, kind, created_at)
    values ('00000000-0000-7000-8000-000000000001', 'system', 'system', 'Veribatch server', 'service', clock_timestamp());
insert into ebr.stations (id, name) values ('00000000-0000-7000-8000-000000000002', 'server');

grant execute on function audit.enter, audit.finish, audit.keep, audit.newest_image, audit.prune_keys to app;
grant select on audit.tables, audit.late_columns, audit.heads, audit.entries, audit.subjects, audit.contents to app;
grant select, insert, update on ebr.people, ebr.stations to app;
grant select, insert, update (seen_at, locked_at, ended_at) on ebr.sessions to app;
grant select, insert on ebr.tickets to app;
grant select on ebr.request_keys to app;
grant select, insert, update (count, last_at) on ebr.refusals to app;
