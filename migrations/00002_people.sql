-- People: passwords, roles, signing keys and signatures (design: people, rights, signatures; 21 CFR Part 11 subparts B and C).
--
-- SQLSTATE raised here, beside the constraint names:
--   VB024 a password was changed without its version, or beside a hash that did not come through the system

-- +goose Up

-- The password of a person. id is the person. The image in the trail holds the SHA-256 of password_hash, and every log-in and signature
-- compares the two: a hash that was swapped behind the server's back is refused.
create table ebr.credentials (
    id                 uuid primary key references ebr.people,
    password_hash      text not null check (password_hash like '$argon2id$%'),
    credential_version int not null default 1 check (credential_version > 0),
    changed_at         timestamptz not null,
    must_change        boolean not null default false,
    locked_until       timestamptz,
    version            int not null default 1
);
comment on column ebr.credentials.credential_version is 'Advances with each new password; signatures name it.';
comment on column ebr.credentials.locked_until is 'Set by person.lock after too many wrong passwords; in the past = not locked.';

-- The hash changes if and only if its version advances by one, and only in a row whose hash is the one that the trail shows: otherwise any
-- harmless change of the row would take a hash that was swapped behind the server's back into the trail, and make it good.
-- +goose StatementBegin
create function ebr.credentials_guard() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'INSERT' then
        if new.credential_version <> 1 then
            raise exception using errcode = 'VB024', constraint = 'credentials_version', message = 'the first password of a person has the version 1';
        end if;
        return new;
    end if;
    if audit.newest_image('person/' || old.id, 'ebr.credentials', old.id::text) ->> 'password_hash'
            is distinct from 'sha256:' || encode(sha256(convert_to(old.password_hash, 'UTF8')), 'hex') then
        raise exception using errcode = 'VB024', constraint = 'credentials_swapped', message = 'the stored password was not set through the system';
    end if;
    if new.credential_version <> old.credential_version + (new.password_hash <> old.password_hash)::int then
        raise exception using errcode = 'VB024', constraint = 'credentials_version', message = 'a password changes if and only if its version advances by one';
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger credentials_guard before insert or update on ebr.credentials for each row execute function ebr.credentials_guard();
alter table ebr.credentials enable always trigger credentials_guard;
revoke execute on function ebr.credentials_guard from public;
select audit.attach('ebr.credentials', digested => array['password_hash']);
grant select, insert, update on ebr.credentials to app;

create table ebr.person_roles (
    id         uuid primary key,
    person     uuid not null references ebr.people,
    role       text not null check (role in ('operator', 'supervisor', 'process_engineer', 'qa', 'qualified_person', 'administrator', 'auditor')),
    area       text not null default '*' check (area ~ '^(\*|[a-z0-9_-]{1,40})$'),
    granted_at timestamptz not null,
    revoked_at timestamptz check (revoked_at >= granted_at),
    version    int not null default 1
);
create unique index person_roles_once on ebr.person_roles (person, role, area) where revoked_at is null;

-- Separation of duties, the same pairs as the x lines of signatures/access/policy.csv: a test compares the two. The row of the person is
-- locked first, so that two grants at once see each other. A role that was revoked stays revoked, and a row keeps its person and role.
-- +goose StatementBegin
create function ebr.person_roles_guard() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    holder record;
begin
    if tg_op = 'UPDATE' and (new.person, new.role, new.area, new.granted_at) is distinct from (old.person, old.role, old.area, old.granted_at)
       or tg_op = 'UPDATE' and old.revoked_at is not null then
        raise exception using errcode = 'check_violation', constraint = 'person_roles_fixed', message = 'a role that was granted is only ever revoked, once';
    end if;
    select p.kind, p.active into holder from ebr.people p where p.id = new.person for update;
    if holder.kind is distinct from 'person' then
        raise exception using errcode = 'check_violation', constraint = 'person_roles_people_only', message = 'a service account holds no role';
    end if;
    if new.revoked_at is null and exists (
        select from ebr.person_roles r
        join (values ('administrator', 'operator'), ('administrator', 'supervisor'), ('administrator', 'process_engineer'), ('administrator', 'qa'),
                     ('administrator', 'qualified_person'), ('qa', 'operator'), ('qa', 'supervisor')) as x (a, b)
          on (x.a = new.role and x.b = r.role) or (x.b = new.role and x.a = r.role)
        where r.person = new.person and r.id <> new.id and r.revoked_at is null
    ) then
        raise exception using errcode = 'check_violation', constraint = 'person_roles_compatible', message = 'these roles are never held by one person';
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger person_roles_guard before insert or update on ebr.person_roles for each row execute function ebr.person_roles_guard();
alter table ebr.person_roles enable always trigger person_roles_guard;
revoke execute on function ebr.person_roles_guard from public;
select audit.attach('ebr.person_roles');
grant select, insert, update on ebr.person_roles to app;

-- One-time tokens with which a person sets the first password; person is null for the token of the first administrator.
create table ebr.enrolments (
    id           uuid primary key,
    token_digest bytea not null unique check (octet_length(token_digest) = 32),
    person       uuid references ebr.people,
    issued_at    timestamptz not null,
    expires_at   timestamptz,
    used_at      timestamptz
);
select audit.operational('ebr.enrolments', 'one-time tokens for a first password; the account and its password are entries');
grant select, insert, update (used_at) on ebr.enrolments to app;

-- Wrong passwords, counted by the SHA-256 of the name that was typed: names that do not exist count and lock alike, so that nobody learns
-- which names exist, and a password typed into the wrong field is not kept.
create table ebr.login_failures (
    subject      bytea primary key check (octet_length(subject) = 32),
    person       uuid references ebr.people,
    failures     int not null,
    since        timestamptz not null,
    locked_until timestamptz
);
create index login_failures_by_age on ebr.login_failures (since);
select audit.operational('ebr.login_failures', 'counter of wrong passwords; each refusal and each lock of a person is an entry');
grant select, insert, update, delete on ebr.login_failures to app;

-- Public halves of the site keys. They stay for ever: old signatures are verified with the key of their time.
create table ebr.signing_keys (
    id          text primary key check (id ~ '^[0-9a-f]{32}$'),
    public_key  bytea not null check (octet_length(public_key) = 32),
    recorded_at timestamptz not null,
    constraint signing_keys_named check (id = left(encode(sha256(public_key), 'hex'), 32))
);
select audit.attach('ebr.signing_keys');
grant select, insert on ebr.signing_keys to app;

-- One row per signature, never changed. Statement and manifest lie in audit.contents under these digests.
create table ebr.signatures (
    id                 uuid primary key,
    ticket             uuid not null,
    person             uuid not null references ebr.people,
    full_name          text not null,
    meaning            text not null,
    act                text not null,
    statement_digest   bytea not null references audit.contents,
    manifest_digest    bytea not null references audit.contents,
    manifest_signature bytea not null check (octet_length(manifest_signature) = 64),
    key_id             text not null references ebr.signing_keys,
    signed_at          timestamptz not null,
    constraint signatures_ticket_once unique (ticket),
    constraint signatures_manifest_once unique (manifest_digest)
);
create index signatures_of_person on ebr.signatures (person, signed_at);
select audit.attach('ebr.signatures');
grant select, insert on ebr.signatures to app;

-- Whether a signature was made in the open entry: by its person, for its act and with its ticket. The guards of signed records ask this, so
-- that no signature stands beside a record other than that for which it was given (21 CFR 11.70).
-- +goose StatementBegin
create function ebr.signed_in_entry(signature uuid) returns boolean
language sql volatile security definer
set search_path = pg_catalog, pg_temp
return exists (
    select from ebr.signatures s join audit.desk d on d.backend = pg_backend_pid() and d.xid = pg_current_xact_id()
    where s.id = signature and s.person = d.person and s.act = d.act and s.ticket = d.ticket
);
-- +goose StatementEnd
revoke execute on function ebr.signed_in_entry from public;
