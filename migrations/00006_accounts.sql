-- Accounts: identity checks, accountability statement, leavers, resets, access reviews (21 CFR 11.10(j), 11.100(b), 11.300; EU GMP Annex 11 clause 12).
--
-- SQLSTATE raised here, beside the constraint names:
--   VB035 a signature of a person whose identity is not confirmed         VB037 the last administrator
--   VB036 a signature before the accountability statement in force        VB038 an account changes what stays for ever
--   VB039 an invitation outside of the act that makes, checks or uses it

-- +goose Up

-- The server's desk of the running transaction, for guards that write or compare who acts when.
-- +goose StatementBegin
create function ebr.entry_at_work(out person uuid, out act text, out at timestamptz) returns record
language sql volatile security definer
set search_path = pg_catalog, pg_temp
begin atomic
    select d.person, d.act, d.at from audit.desk d where d.backend = pg_backend_pid() and d.xid = pg_current_xact_id();
end;
-- +goose StatementEnd
revoke execute on function ebr.entry_at_work from public;

-- Who made an account, and when its person left. Both are written by the guard from the open entry. Who left stays away: somebody who
-- comes back gets a new account, so that no old right, link or password ever wakes up.
alter table ebr.people add column created_by uuid references ebr.people, add column deactivated_at timestamptz;
select audit.late_column('ebr.people', 'created_by', null);
select audit.late_column('ebr.people', 'deactivated_at', null);

-- +goose StatementBegin
create function ebr.people_guard() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    entry record;
begin
    select e.person, e.at into entry from ebr.entry_at_work() e;
    if tg_op = 'INSERT' then
        new.created_by := entry.person;
        new.deactivated_at := null;
        return new;
    end if;
    if (new.user_name, new.user_name_skeleton, new.kind, new.created_at, new.created_by) is distinct from (old.user_name, old.user_name_skeleton, old.kind, old.created_at, old.created_by) then
        raise exception using errcode = 'VB038', constraint = 'people_fixed', message = 'user name, kind and making of an account never change';
    elsif not old.active and new.active then
        raise exception using errcode = 'VB038', constraint = 'people_left', message = 'an account that was closed stays closed';
    end if;
    new.deactivated_at := case when old.active and not new.active then entry.at else old.deactivated_at end;
    return new;
end $$;
-- +goose StatementEnd
create trigger people_guard before insert or update on ebr.people for each row execute function ebr.people_guard();
alter table ebr.people enable always trigger people_guard;
revoke execute on function ebr.people_guard from public;

-- A plant always has an administrator who can log in. The rows of all administrators are locked first, so that two who remove each
-- other at once see each other. A role is granted to people at work only.
-- +goose StatementBegin
create function ebr.administrators_remain() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'INSERT' then
        perform from ebr.people p where p.id = new.person and p.active;
        if not found then
            raise exception using errcode = 'check_violation', constraint = 'person_roles_of_leaver', message = 'who has left gets no role';
        end if;
        return null;
    end if;
    perform from ebr.person_roles r where r.role = 'administrator' and r.revoked_at is null order by r.id for update;
    perform from ebr.person_roles r join ebr.people p on p.id = r.person join ebr.credentials c on c.id = p.id
    where r.role = 'administrator' and r.revoked_at is null and p.active and (c.reset_at is null or c.changed_at > c.reset_at);
    if not found then
        raise exception using errcode = 'VB037', constraint = 'administrators_remain', message = 'the last administrator stays';
    end if;
    return null;
end $$;
-- +goose StatementEnd
create trigger administrators_remain after insert on ebr.person_roles for each row execute function ebr.administrators_remain();
create trigger administrators_remain_roles after update on ebr.person_roles for each row
    when (old.role = 'administrator' and old.revoked_at is null and new.revoked_at is not null) execute function ebr.administrators_remain();
create trigger administrators_remain_people after update on ebr.people for each row when (old.active and not new.active) execute function ebr.administrators_remain();
alter table ebr.person_roles enable always trigger administrators_remain, enable always trigger administrators_remain_roles;
alter table ebr.people enable always trigger administrators_remain_people;
revoke execute on function ebr.administrators_remain from public;

-- A reset closes the old password at once. It is over when the owner has set a new one: changed_at is then later.
alter table ebr.credentials add column reset_at timestamptz, add column reset_by uuid references ebr.people,
    add constraint credentials_reset_by_another check (reset_by <> id), add constraint credentials_reset_whole check ((reset_at is null) = (reset_by is null));
select audit.late_column('ebr.credentials', 'reset_at', null);
select audit.late_column('ebr.credentials', 'reset_by', null);
create trigger administrators_remain_reset after update on ebr.credentials for each row
    when (new.reset_at is not null and new.reset_at is distinct from old.reset_at) execute function ebr.administrators_remain();
alter table ebr.credentials enable always trigger administrators_remain_reset;

-- Once identities are checked, somebody always remains who can check the next one: otherwise an administrator who removes or resets all
-- checkers could bring the plant back to its first day, on which nobody has to be checked.
-- +goose StatementBegin
create function ebr.checkers_remain() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from ebr.person_roles r where r.role in ('supervisor', 'qa') and r.area = '*' and r.revoked_at is null order by r.id for update;
    if not ebr.founding() and not exists (select from ebr.person_roles r where ebr.checks_identities(r.person)) then
        raise exception using errcode = 'VB037', constraint = 'checkers_remain', message = 'the last person who can check identities stays';
    end if;
    return null;
end $$;
-- +goose StatementEnd
create trigger checkers_remain_roles after update on ebr.person_roles for each row
    when (old.role in ('supervisor', 'qa') and old.area = '*' and old.revoked_at is null and new.revoked_at is not null) execute function ebr.checkers_remain();
create trigger checkers_remain_people after update on ebr.people for each row when (old.active and not new.active) execute function ebr.checkers_remain();
create trigger checkers_remain_reset after update on ebr.credentials for each row
    when (new.reset_at is not null and new.reset_at is distinct from old.reset_at) execute function ebr.checkers_remain();
alter table ebr.person_roles enable always trigger checkers_remain_roles;
alter table ebr.people enable always trigger checkers_remain_people;
alter table ebr.credentials enable always trigger checkers_remain_reset;
revoke execute on function ebr.checkers_remain from public;

-- An invitation opens a new account, or one that was reset, in two halves: the link goes to who issued it, the code to the other person who
-- checked the identity. Both are computed from the site key and these ids and stand nowhere: whoever has the database alone, or one half, gets
-- in nowhere. The first administrator's token keeps its digest.
alter table ebr.enrolments alter column token_digest drop not null, add column issued_by uuid references ebr.people, add column issued_in uuid,
    add column identity_check uuid, add column checked_in uuid, add column tries int not null default 0,
    add constraint enrolments_of_whom check ((token_digest is null) = (issued_by is not null));
create index enrolments_open on ebr.enrolments (person) where used_at is null;
grant update (identity_check, checked_in, tries) on ebr.enrolments to app;

-- An invitation is made in the entry that makes or resets the account, by its person and for three days at most; a check is bound to it in the
-- entry of that check; what is used stays used, and tries are not forgotten. The token of the first administrator lives while there is nobody.
-- +goose StatementBegin
create function ebr.enrolments_guard() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    right_act boolean;
begin
    if tg_op = 'UPDATE' then
        right_act := (old.used_at is null or new.used_at is not distinct from old.used_at) and new.tries >= old.tries and (new.identity_check is not distinct from old.identity_check
            or exists (select from ebr.entry_at_work() e join ebr.identity_checks c on c.id = new.identity_check and c.person = new.person and c.checked_by = e.person and c.checked_at = e.at
                       where e.act = 'person.confirm_identity'));
    elsif new.person is null then
        right_act := new.issued_by is null and not exists (select from ebr.people p where p.kind = 'person');
    else
        right_act := new.used_at is null and new.identity_check is null and new.tries = 0 and new.token_digest is null and exists (
            select from audit.desk d where d.backend = pg_backend_pid() and d.xid = pg_current_xact_id() and d.act in ('person.create', 'person.reset')
            and d.stream = 'person/' || new.person and d.person = new.issued_by and d.session = new.issued_in and d.at = new.issued_at
            and new.expires_at <= d.at + interval '72 hours');
    end if;
    if right_act is not true then
        raise exception using errcode = 'VB039', constraint = 'enrolments_in_their_act', message = 'an invitation is made, checked and used in the acts for it';
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger enrolments_guard before insert or update on ebr.enrolments for each row execute function ebr.enrolments_guard();
alter table ebr.enrolments enable always trigger enrolments_guard;
revoke execute on function ebr.enrolments_guard from public;

-- Who saw whom with which document, before the first signature and again after each reset (21 CFR 11.100(b)).
create table ebr.identity_checks (
    id         uuid primary key,
    person     uuid not null references ebr.people,
    document   text not null check (document in ('identity card', 'passport', 'driving licence', 'residence permit', 'works badge with photograph')),
    checked_on date not null,
    note       text not null default '' check (char_length(note) <= 400),
    checked_by uuid not null references ebr.people,
    checked_at timestamptz not null,
    founding   boolean not null,
    signature  uuid not null references ebr.signatures,
    person_version int not null,
    constraint identity_checks_by_another check (checked_by <> person)
);
comment on column ebr.identity_checks.founding is 'Made by somebody whose own identity nobody had checked: possible only for the first check of the plant.';
create index identity_checks_of_person on ebr.identity_checks (person, checked_at);

-- The checker is the signer of the entry, and neither made nor reset the account. The founding check lets the plant begin: it is of somebody
-- who from then on can check everybody else.
-- +goose StatementBegin
create function ebr.identity_checks_guard() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    entry record;
begin
    select e.person, e.act, e.at into entry from ebr.entry_at_work() e;
    if not ebr.signed_in_entry(new.signature) or (new.checked_by, 'person.confirm_identity', new.checked_at) is distinct from (entry.person, entry.act, entry.at)
       or new.founding = ebr.identity_confirmed(new.checked_by) then
        raise exception using errcode = 'check_violation', constraint = 'identity_checks_signed', message = 'an identity check is signed by who made it, when it was made';
    end if;
    if new.founding and not (ebr.founding() and ebr.could_check(new.person)) then
        raise exception using errcode = 'check_violation', constraint = 'identity_checks_founding', message = 'the first check is of somebody who can check the others';
    end if;
    perform from ebr.credentials c where c.id = new.person and new.checked_on < (c.reset_at at time zone 'UTC' - interval '12 hours')::date; -- the day is one of some zone
    if found then
        raise exception using errcode = 'check_violation', constraint = 'identity_checks_after_reset', message = 'after a reset the person is met again';
    end if;
    perform from ebr.people p left join ebr.credentials c on c.id = p.id
    where p.id = new.person and (p.created_by = new.checked_by or c.reset_by = new.checked_by and (c.changed_at is null or c.changed_at <= c.reset_at));
    if found then
        raise exception using errcode = 'check_violation', constraint = 'identity_checks_by_another', message = 'who made or reset an account does not check its person';
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger identity_checks_guard before insert on ebr.identity_checks for each row execute function ebr.identity_checks_guard();
alter table ebr.identity_checks enable always trigger identity_checks_guard;
revoke execute on function ebr.identity_checks_guard from public;
select audit.attach('ebr.identity_checks');
grant select, insert on ebr.identity_checks to app;
alter table ebr.enrolments add foreign key (identity_check) references ebr.identity_checks;

-- The accountability statement in its versions (21 CFR 11.10(j), 11.100(c)) and who signed which.
create table ebr.accountability_versions (
    id           uuid primary key,
    number       int not null unique check (number > 0),
    text         text not null check (char_length(text) between 40 and 6000),
    published_by uuid references ebr.people,
    published_at timestamptz not null,
    signature    uuid references ebr.signatures
);
create table ebr.accountability_signatures (
    id             uuid primary key,
    person         uuid not null references ebr.people,
    accountability uuid not null references ebr.accountability_versions,
    signature      uuid not null references ebr.signatures,
    signed_at      timestamptz not null,
    constraint accountability_signed_once unique (person, accountability)
);

-- +goose StatementBegin
create function ebr.accountability_guard() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    newest record;
begin
    select v.id, v.number into newest from ebr.accountability_versions v order by v.number desc limit 1;
    if not ebr.signed_in_entry(new.signature) then
        raise exception using errcode = 'check_violation', constraint = 'accountability_signed', message = 'the accountability statement is published and accepted by signatures';
    elsif tg_table_name = 'accountability_versions' then
        if new.number is distinct from newest.number + 1 then
            raise exception using errcode = 'check_violation', constraint = 'accountability_newest', message = 'versions of the accountability statement follow each other';
        end if;
    elsif new.accountability is distinct from newest.id or new.person is distinct from (select e.person from ebr.entry_at_work() e) then
        raise exception using errcode = 'check_violation', constraint = 'accountability_newest', message = 'the newest version counts, and everybody signs for themselves';
    end if;
    return new;
end $$;
-- +goose StatementEnd
revoke execute on function ebr.accountability_guard from public;
select audit.attach('ebr.accountability_versions');
select audit.attach('ebr.accountability_signatures');
grant select, insert on ebr.accountability_versions, ebr.accountability_signatures to app;

select audit.begin_migration('00006_accounts', 'the accountability statement of a new plant; QA publishes its own words as the next version');
insert into ebr.accountability_versions (id, number, text, published_at) values ('00000000-0000-7000-8000-000000000006', 1,
    'My electronic signature in this system is the legally binding equivalent of my handwritten signature.' || E'\n' ||
    'I answer for every entry and every signature made under my user name.' || E'\n' ||
    'I keep my password to myself, I never work or sign in the name of another person, and I lock or leave the station when I go.' || E'\n' ||
    'I report at once to quality assurance when I suspect that somebody knows my password or acts in my name.', clock_timestamp());

create trigger accountability_guard before insert on ebr.accountability_versions for each row execute function ebr.accountability_guard();
create trigger accountability_guard before insert on ebr.accountability_signatures for each row execute function ebr.accountability_guard();
alter table ebr.accountability_versions enable always trigger accountability_guard;
alter table ebr.accountability_signatures enable always trigger accountability_guard;

-- Whether somebody has seen the person since the account was made and since its last reset.
-- +goose StatementBegin
create function ebr.identity_confirmed(owner uuid) returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
return exists (select from ebr.identity_checks c where c.person = owner
    and c.checked_at >= coalesce((select k.reset_at from ebr.credentials k where k.id = owner), '-infinity'));
-- +goose StatementEnd

-- Whether nobody's identity was ever checked. A plant is so once, at its beginning, and no act brings it back.
-- +goose StatementBegin
create function ebr.founding() returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
return not exists (select from ebr.identity_checks);
-- +goose StatementEnd

-- Whether somebody has the role (policy.csv; a test compares), everywhere, and a password that opens the account; and the identity beside it.
-- +goose StatementBegin
create function ebr.could_check(owner uuid) returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
return exists (select from ebr.person_roles r join ebr.people p on p.id = r.person join ebr.credentials c on c.id = p.id
    where p.id = owner and r.role in ('supervisor', 'qa') and r.area = '*' and r.revoked_at is null and p.active and (c.reset_at is null or c.changed_at > c.reset_at));
-- +goose StatementEnd
-- +goose StatementBegin
create function ebr.checks_identities(owner uuid) returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
return ebr.could_check(owner) and ebr.identity_confirmed(owner);
-- +goose StatementEnd

-- What stands between a person and a signature: 'identity', 'accountability', or null. The signing desk asks it before the act, the guard
-- of signatures within. On the first day of a plant somebody unchecked has to begin.
-- +goose StatementBegin
create function ebr.signing_bar(signer uuid, act text) returns text
language sql stable security definer
set search_path = pg_catalog, pg_temp
return (select case
    when not ebr.identity_confirmed(signer) then
        case when act = 'person.confirm_identity' and ebr.founding() then null else 'identity' end
    when act <> 'accountability.sign' and not exists (select from ebr.accountability_signatures s where s.person = signer
        and s.accountability = (select v.id from ebr.accountability_versions v order by v.number desc limit 1)) then 'accountability'
end);
-- +goose StatementEnd
revoke execute on function ebr.identity_confirmed, ebr.founding, ebr.could_check, ebr.checks_identities, ebr.signing_bar from public;
grant execute on function ebr.identity_confirmed, ebr.founding, ebr.signing_bar to app;

-- +goose StatementBegin
create function ebr.signatures_guard() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    bar text := ebr.signing_bar(new.person, new.act);
begin
    if bar = 'identity' then
        raise exception using errcode = 'VB035', constraint = 'signatures_identity', message = 'the identity of the signer is not confirmed';
    elsif bar = 'accountability' then
        raise exception using errcode = 'VB036', constraint = 'signatures_accountability', message = 'the signer has not signed the accountability statement in force';
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger signatures_guard before insert on ebr.signatures for each row execute function ebr.signatures_guard();
alter table ebr.signatures enable always trigger signatures_guard;
revoke execute on function ebr.signatures_guard from public;

-- Reviews of who holds which right. The list that was reviewed, line by line, is the signed statement.
create table ebr.access_reviews (
    id          uuid primary key,
    number      int not null unique check (number > 0),
    people      int not null check (people >= 0),
    changes     text[] not null,
    note        text not null default '' check (char_length(note) <= 4000),
    reviewed_by uuid not null references ebr.people,
    reviewed_at timestamptz not null,
    signature   uuid not null references ebr.signatures
);
create index access_reviews_by_time on ebr.access_reviews (reviewed_at);
-- +goose StatementBegin
create function ebr.access_reviews_guard() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if not ebr.signed_in_entry(new.signature) or new.reviewed_by is distinct from (select e.person from ebr.entry_at_work() e) then
        raise exception using errcode = 'check_violation', constraint = 'access_reviews_signed', message = 'an access review is signed by who made it';
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger access_reviews_guard before insert on ebr.access_reviews for each row execute function ebr.access_reviews_guard();
alter table ebr.access_reviews enable always trigger access_reviews_guard;
revoke execute on function ebr.access_reviews_guard from public;
select audit.attach('ebr.access_reviews');
grant select, insert on ebr.access_reviews to app;

-- Every policy that was ever in force, so that "who could do what on a date" is answered by the rules of that date.
create table ebr.policies (
    id          text primary key,
    model       text not null,
    policy      text not null,
    recorded_at timestamptz not null,
    constraint policies_named check (id = encode(sha256(convert_to(model, 'UTF8') || '\x00'::bytea || convert_to(policy, 'UTF8')), 'hex'))
);
select audit.attach('ebr.policies', digested => array['model', 'policy']);
grant select, insert on ebr.policies to app;

-- Refusals of log-ins count by the station at which they happen: a flood at one station hides nothing at another.
alter table ebr.refusals drop constraint refusals_pkey, add primary key (session, act, station);
