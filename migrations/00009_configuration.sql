-- The configuration that the quality unit approves (EU GMP Annex 11 clauses 4.3 and 10: changes under control): settings are a record, proposed by
-- one person and approved by another. While no row is approved the defaults of the program are in force (signatures/configuration).
--
-- SQLSTATE raised here, beside the constraint names:
--   VB050 a configuration was changed in a way that its life does not allow

-- +goose Up

-- One row per proposal. The one in force is the approved row with the latest effective_at that has come; who approves next sees whether the
-- one under it (base) is still the newest, so that nobody approves a comparison with values that are no longer in force.
create table ebr.configurations (
    id                 text primary key,
    number             int not null check (number > 0),
    base               int not null check (base >= 0 and base < number),
    settings           jsonb not null check (jsonb_typeof(settings) = 'object'),
    reason             text not null check (char_length(reason) between 1 and 4000),
    wanted_from        date,
    state              text not null check (state in ('proposed', 'approved', 'withdrawn')),
    proposed_by        uuid not null references ebr.people,
    proposed_at        timestamptz not null,
    propose_signature  uuid not null references ebr.signatures,
    approved_by        uuid references ebr.people,
    approved_at        timestamptz,
    approve_signature  uuid references ebr.signatures,
    effective_at       timestamptz,
    withdrawn_by       uuid references ebr.people,
    withdrawn_at       timestamptz,
    withdraw_signature uuid references ebr.signatures,
    withdraw_reason    text not null default '' check (char_length(withdraw_reason) <= 4000),
    version            int not null default 1,
    constraint configurations_named check (id = 'configuration-' || number),
    constraint configurations_number_once unique (number),
    constraint configurations_propose_signature_once unique (propose_signature),
    constraint configurations_approve_signature_once unique (approve_signature),
    constraint configurations_withdraw_signature_once unique (withdraw_signature),
    -- Who proposes never approves (EU GMP Annex 11 clause 2: decisions of the quality unit).
    constraint configurations_two_persons check (approved_by <> proposed_by),
    constraint configurations_approved check (
        (state <> 'approved' or approved_by is not null) and (state <> 'proposed' or approved_by is null)
        and (approved_by is null) = (approved_at is null) and (approved_by is null) = (approve_signature is null) and (approved_by is null) = (effective_at is null)),
    constraint configurations_withdrawn check (
        (state = 'withdrawn') = (withdrawn_by is not null) and (withdrawn_by is null) = (withdrawn_at is null)
        and (withdrawn_by is null) = (withdraw_signature is null) and (withdrawn_by is null) = (withdraw_reason = '')),
    constraint configurations_no_sooner check (effective_at >= approved_at and effective_at >= wanted_from::timestamp at time zone 'UTC')
);
-- Approved rows form one line: only one is built on each.
create unique index configurations_one_line on ebr.configurations (base) where state = 'approved';
create index configurations_in_force on ebr.configurations (effective_at desc, approved_at desc) where state = 'approved';

-- Every step is made by the person, at the time and under the act of the open entry, with the signature that was given in it. What has been in
-- force is never changed again.
-- +goose StatementBegin
create function ebr.configurations_guard() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    entry  record;
    newest record;
    moved  record;
begin
    select d.person, d.at, d.act into entry from audit.desk d where d.backend = pg_backend_pid() and d.xid = pg_current_xact_id();
    if not found then
        return new; -- no open entry: the trail refuses the row with its own words
    end if;
    select coalesce(max(c.number), 0) as number, coalesce(max(c.effective_at), '-infinity') as at into newest from (
        select k.number, k.effective_at from ebr.configurations k where k.state = 'approved' order by k.effective_at desc, k.approved_at desc limit 1) c;
    if tg_op = 'INSERT' and new.state <> 'proposed' then
        raise exception using errcode = 'VB050', message = 'a configuration begins as a proposal';
    elsif tg_op = 'UPDATE' and (new.id, new.number, new.base, new.settings, new.reason, new.wanted_from, new.proposed_by, new.proposed_at, new.propose_signature)
            is distinct from (old.id, old.number, old.base, old.settings, old.reason, old.wanted_from, old.proposed_by, old.proposed_at, old.propose_signature)
       or tg_op = 'UPDATE' and old.approved_by is not null and (new.approved_by, new.approved_at, new.approve_signature, new.effective_at)
            is distinct from (old.approved_by, old.approved_at, old.approve_signature, old.effective_at) then
        raise exception using errcode = 'VB050', message = 'what stands in a configuration is never rewritten';
    elsif tg_op = 'UPDATE' and (old.state, new.state) not in (('proposed', 'approved'), ('proposed', 'withdrawn'), ('approved', 'withdrawn')) then
        raise exception using errcode = 'VB050', message = format('a configuration does not go from %s to %s', old.state, new.state);
    elsif tg_op = 'UPDATE' and old.state = 'approved' and (old.effective_at <= clock_timestamp() or old.number <> newest.number) then
        raise exception using errcode = 'VB050', constraint = 'configurations_began', message = 'a configuration that has become effective, or under another one, is not withdrawn';
    elsif new.state <> 'withdrawn' and new.base <> newest.number then
        raise exception using errcode = 'VB050', constraint = 'configurations_stale', message = 'a configuration is proposed and approved on the newest approved one';
    elsif new.state = 'approved' and (new.effective_at < newest.at or not exists (
            select from ebr.person_roles r where r.person = new.approved_by and r.role = 'qa' and r.area = '*' and r.revoked_at is null)) then
        raise exception using errcode = 'VB050', message = 'a configuration is approved by QA, to begin after the one before it';
    end if;
    select x.* into moved from (values ('proposed', 'configuration.propose', new.proposed_by, new.proposed_at, new.propose_signature),
        ('approved', 'configuration.approve', new.approved_by, new.approved_at, new.approve_signature),
        ('withdrawn', 'configuration.withdraw', new.withdrawn_by, new.withdrawn_at, new.withdraw_signature)) as x (state, act, person, at, signature)
    where x.state = new.state;
    if (moved.act, moved.person, moved.at) is distinct from (entry.act, entry.person, entry.at) or not ebr.signed_in_entry(moved.signature) then
        raise exception using errcode = 'VB050', message = format('a configuration is %s by the person, the act, the time and the signature of its entry', new.state);
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger configurations_guard before insert or update on ebr.configurations for each row execute function ebr.configurations_guard();
alter table ebr.configurations enable always trigger configurations_guard;
revoke execute on function ebr.configurations_guard from public;
select audit.attach('ebr.configurations');
grant select, insert, update on ebr.configurations to app;

create view ebr.configuration_in_force as
    select c.number, c.settings from ebr.configurations c where c.state = 'approved' and c.effective_at <= clock_timestamp()
    order by c.effective_at desc, c.approved_at desc limit 1;
grant select on ebr.configuration_in_force to app;

-- Series signing: when the person of the session last signed with user name and password; a lock of the session ends the series.
alter table ebr.sessions add column series_at timestamptz;
grant update (series_at) on ebr.sessions to app;

-- From how many minutes after the act on an entry was late when it was made; before this was configured it was 5.
alter table ebr.batch_history add column late_minutes int not null default 5 constraint batch_history_late check (late_minutes > 0);
select audit.late_column('ebr.batch_history', 'late_minutes', '5');
