-- API tokens: machines act as people of kind service, in a session that never locks but expires (issue 3).
--
-- SQLSTATEs raised here, beside the constraint names:
--   VB030 a token is made for a service account and is only ever revoked
--   VB031 a token whose acts write opens nothing before QA has approved it

-- +goose Up

-- id is also the id of the token's session, which keeps the SHA-256 of the secret. acts is the scope: what policy.csv gives to the role machine
-- and does not stand here, the token may not do.
create table ebr.tokens (
    id         uuid primary key,
    account    uuid not null references ebr.people,
    station    uuid not null references ebr.stations,
    purpose    text not null check (char_length(purpose) between 3 and 200),
    acts       text[] not null check (cardinality(acts) between 1 and 100),
    area       text not null default '*' check (area ~ '^(\*|[a-z0-9_-]{1,40})$'),
    issued_by  uuid not null references ebr.people,
    issued_at  timestamptz not null,
    expires_at timestamptz not null,
    revoked_by uuid references ebr.people,
    revoked_at timestamptz check (revoked_at >= issued_at),
    version    int not null default 1,
    constraint tokens_end check (expires_at > issued_at and expires_at <= issued_at + interval '732 days'),
    constraint tokens_revoked_by check ((revoked_by is null) = (revoked_at is null))
);
create index tokens_of_account on ebr.tokens (account, issued_at);

-- +goose StatementBegin
create function ebr.tokens_guard() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'UPDATE' then
        if old.revoked_at is not null or new.revoked_at is null
           or (new.account, new.station, new.purpose, new.acts, new.area, new.issued_by, new.issued_at, new.expires_at)
              is distinct from (old.account, old.station, old.purpose, old.acts, old.area, old.issued_by, old.issued_at, old.expires_at) then
            raise exception using errcode = 'VB030', constraint = 'tokens_fixed', message = 'a token is only ever revoked, once';
        end if;
        return new;
    end if;
    perform from ebr.people p where p.id = new.account and p.kind = 'service' and p.active and p.id <> '00000000-0000-7000-8000-000000000001';
    if not found then
        raise exception using errcode = 'VB030', constraint = 'tokens_service_only', message = 'a token is made for an active service account';
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger tokens_guard before insert or update on ebr.tokens for each row execute function ebr.tokens_guard();
alter table ebr.tokens enable always trigger tokens_guard;
revoke execute on function ebr.tokens_guard from public;
select audit.attach('ebr.tokens');
grant select, insert, update on ebr.tokens to app;

-- A machine that writes makes records of the process, so an administrator alone does not let one in: QA signs for the token (issue 3).
create table ebr.token_approvals (
    id          uuid primary key,
    token       uuid not null references ebr.tokens,
    approved_by uuid not null references ebr.people,
    approved_at timestamptz not null,
    signature   uuid not null references ebr.signatures,
    constraint token_approvals_once unique (token)
);

-- +goose StatementBegin
create function ebr.token_approvals_guard() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    entry record;
begin
    select e.person, e.act, e.at into entry from ebr.entry_at_work() e;
    if entry.act is distinct from 'token.approve' or (new.approved_by, new.approved_at) is distinct from (entry.person, entry.at) or not ebr.signed_in_entry(new.signature) then
        raise exception using errcode = 'VB031', constraint = 'token_approvals_signed', message = 'a token is approved by the signature of its entry';
    end if;
    perform from ebr.tokens t where t.id = new.token and t.issued_by = new.approved_by;
    if found then
        raise exception using errcode = 'VB031', constraint = 'token_approvals_by_another', message = 'who made a token does not approve it';
    end if;
    perform from ebr.person_roles r where r.person = new.approved_by and r.role = 'qa' and r.area = '*' and r.revoked_at is null;
    if not found then
        raise exception using errcode = 'VB031', constraint = 'token_approvals_by_qa', message = 'QA of the whole site approves tokens';
    end if;
    perform from ebr.tokens t where t.id = new.token and t.revoked_at is null and t.expires_at > new.approved_at for share;
    if not found then
        raise exception using errcode = 'VB031', constraint = 'token_approvals_live', message = 'the token was revoked or has expired';
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger token_approvals_guard before insert on ebr.token_approvals for each row execute function ebr.token_approvals_guard();
alter table ebr.token_approvals enable always trigger token_approvals_guard;
revoke execute on function ebr.token_approvals_guard from public;
select audit.attach('ebr.token_approvals');
grant select, insert on ebr.token_approvals to app;

-- Whether a token waits for QA: it names an act that does more than read.
-- +goose StatementBegin
create function ebr.token_waits(token uuid) returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
return exists (select from ebr.tokens t where t.id = token and exists (select from unnest(t.acts) a where a not like '%.read')
    and not exists (select from ebr.token_approvals p where p.token = t.id));
-- +goose StatementEnd
revoke execute on function ebr.token_waits from public;
grant execute on function ebr.token_waits to app;

alter table ebr.sessions add column expires_at timestamptz;
comment on column ebr.sessions.expires_at is 'End of a machine''s session, from its token; null for people, whose sessions lock instead.';

-- A session exists only together with the entry that opened it. That of a machine is opened by the token that stands in the same entry, and no
-- service account but the server's own has another.
-- +goose StatementBegin
create or replace function audit.session_has_entry() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from audit.desk d join ebr.people p on p.id = new.person
    where d.backend = pg_backend_pid() and d.xid = pg_current_xact_id() and case
        when p.kind = 'person' or p.id = '00000000-0000-7000-8000-000000000001' then d.session = new.id and d.act in ('session.open', 'server.start')
        else d.act = 'token.create' and exists (
            select from ebr.tokens t where t.id = new.id and t.account = new.person and t.station = new.station and t.expires_at = new.expires_at)
        end;
    if not found then
        raise exception using errcode = 'VB008', message = 'a session is opened only under an entry of its own';
    end if;
    return null;
end $$;
-- +goose StatementEnd

-- As in 00001, and: a session that has expired opens nothing, a locked one only what unlocks, locks or closes it, and no signature is given in the
-- session of a machine.
-- +goose StatementBegin
create or replace function audit.enter(token bytea, ticket uuid, act text, home text, subjects text[], reason text, key uuid, command_digest bytea, refused boolean,
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
    select s1.id, s1.person, s1.station, s1.locked_at, s1.expires_at, p1.user_name, p1.full_name, p1.kind, p1.active into s
    from ebr.sessions s1, lateral (select p.user_name, p.full_name, p.kind, p.active from ebr.people p where p.id = s1.person offset 0) p1
    where s1.token_digest = sha256(token) and s1.ended_at is null;
    if not found or s.expires_at <= clock_timestamp()
       or (s.locked_at is not null and not refused and enter.act not in ('session.unlock', 'session.lock', 'session.close')) then
        raise exception using errcode = 'VB003', message = 'the session is unknown, ended, expired or locked';
    end if;
    if not s.active and not refused then
        raise exception using errcode = 'VB004', message = 'the person is not active';
    end if;
    if s.expires_at is not null and not refused and ebr.token_waits(s.id) then
        raise exception using errcode = 'VB031', constraint = 'tokens_wait', message = 'the token waits for the approval of QA';
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
        where tk.id = enter.ticket and tk.session = s.id and s.kind = 'person' and tk.used_at is null and tk.expires_at > clock_timestamp() and tk.act = enter.act
              and p1.id = tk.person and p1.active and p1.kind = 'person'
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
