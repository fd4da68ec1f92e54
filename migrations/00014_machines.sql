-- Machine accounts: who answers for each of them, also after people leave (EU GMP Annex 11 clause 12; 21 CFR 11.10(d), (j)).
--
-- SQLSTATEs raised here:
--   VB070 a machine handed over to somebody who is not at work, or something handed over that is no machine at work
--   VB071 somebody leaves who still answers for a machine

-- +goose Up

-- Each handover of a machine; the newest counts. Before the first one answers who made the account.
create table ebr.handovers (
    id        uuid primary key,
    account   uuid not null references ebr.people,
    person    uuid not null references ebr.people,
    handed_by uuid not null references ebr.people,
    handed_at timestamptz not null
);
create index handovers_of_account on ebr.handovers (account, handed_at);

-- The rows of both are locked, so that somebody who leaves at the same moment is seen.
-- +goose StatementBegin
create function ebr.handovers_guard() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from ebr.people p where p.id = new.account and p.kind = 'service' and p.active and p.id <> '00000000-0000-7000-8000-000000000001' for share;
    if not found then
        raise exception using errcode = 'VB070', constraint = 'handovers_of_machines', message = 'only a machine at work is handed over';
    end if;
    perform from ebr.people p where p.id = new.person and p.kind = 'person' and p.active for share;
    if not found then
        raise exception using errcode = 'VB070', constraint = 'handovers_to_people', message = 'a person at work answers for a machine';
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger handovers_guard before insert on ebr.handovers for each row execute function ebr.handovers_guard();
create trigger entry_guard after insert on ebr.handovers for each row execute function ebr.entry_guard('machine.hand_over person.deactivate', 'handed_by', 'handed_at');
alter table ebr.handovers enable always trigger handovers_guard, enable always trigger entry_guard;
revoke execute on function ebr.handovers_guard from public;
select audit.attach('ebr.handovers');
grant select, insert on ebr.handovers to app;

-- Who answered for a machine before a moment. Accounts of the first releases do not say who made them: their first token does.
-- +goose StatementBegin
create function ebr.responsible_for(machine uuid, moment timestamptz) returns uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
return coalesce((select h.person from ebr.handovers h where h.account = machine and h.handed_at < moment order by h.handed_at desc, h.id desc limit 1),
    (select p.created_by from ebr.people p where p.id = machine),
    (select t.issued_by from ebr.tokens t where t.account = machine order by t.issued_at, t.id limit 1));
-- +goose StatementEnd
revoke execute on function ebr.responsible_for from public;
grant execute on function ebr.responsible_for to app;

-- +goose StatementBegin
create function ebr.machines_answered_for() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from ebr.people p where p.kind = 'service' and p.active and p.id <> '00000000-0000-7000-8000-000000000001'
        and ebr.responsible_for(p.id, 'infinity') = new.id;
    if found then
        raise exception using errcode = 'VB071', constraint = 'machines_answered_for', message = 'who leaves hands over the machines first';
    end if;
    return null;
end $$;
-- +goose StatementEnd
create trigger machines_answered_for after update on ebr.people for each row
    when (old.active and not new.active and old.kind = 'person') execute function ebr.machines_answered_for();
alter table ebr.people enable always trigger machines_answered_for;
revoke execute on function ebr.machines_answered_for from public;
