-- Areas: the parts of the plant (ISA-95) in which batches are made and for which roles are held. Recipes and batches belong to one area for ever;
-- people, stations and the plant's own records belong to none, and only a role held for the whole plant ('*') counts there.
--
-- SQLSTATE raised here:
--   VB040 a recipe or batch would change its area, or a batch would not stand in the area of its recipe

-- +goose Up
create table ebr.areas (
    id      text primary key check (id ~ '^[a-z0-9][a-z0-9_-]{0,39}$'),
    title   text not null check (char_length(title) between 2 and 60),
    version int not null default 1,
    constraint areas_title_once unique (title)
);
comment on column ebr.areas.id is 'The code: it stands in roles, recipes, batches and the trail, and never changes.';
select audit.attach('ebr.areas');
grant select, insert, update (title, version) on ebr.areas to app;

select audit.begin_migration('00007_areas', 'the first area: everything that was made before areas existed belongs to it');
insert into ebr.areas (id, title) values ('main', 'Main area');

alter table ebr.recipes add column area text not null default 'main' references ebr.areas;
select audit.late_column('ebr.recipes', 'area', 'main');
alter table ebr.batches add column area text not null default 'main' references ebr.areas;
select audit.late_column('ebr.batches', 'area', 'main');
create index recipes_by_area on ebr.recipes (area);
create index batches_by_area on ebr.batches (area);
comment on column ebr.batches.area is 'That of the recipe; repeated here so that the right to an act on the batch is found in one look.';

-- Both triggers cost nothing on the usual update of a batch, which does not name the column.
-- +goose StatementBegin
create function ebr.areas_guard() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'UPDATE' and new.area <> old.area then
        raise exception using errcode = 'VB040', message = 'a recipe or batch belongs to one area for ever';
    end if;
    if tg_table_name = 'batches' then
        if new.area is distinct from (select r.area from ebr.recipe_versions v join ebr.recipes r on r.id = v.recipe where v.id = new.recipe_version) then
            raise exception using errcode = 'VB040', message = 'a batch belongs to the area of its recipe';
        end if;
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger areas_guard before insert or update of area on ebr.recipes for each row execute function ebr.areas_guard();
create trigger areas_guard before insert or update of area on ebr.batches for each row execute function ebr.areas_guard();
alter table ebr.recipes enable always trigger areas_guard;
alter table ebr.batches enable always trigger areas_guard;
revoke execute on function ebr.areas_guard from public;

-- A role is held for the whole plant or for an area that exists. Which roles exclude each other is asked over all areas together
-- (person_roles_guard, migration 00002): who is quality assurance of one area produces nothing in another.
-- +goose StatementBegin
create function ebr.person_roles_area() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if new.area <> '*' and not exists (select from ebr.areas a where a.id = new.area) then
        raise exception using errcode = 'check_violation', constraint = 'person_roles_known_area', message = format('there is no area %s', new.area);
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger person_roles_area before insert on ebr.person_roles for each row execute function ebr.person_roles_area();
alter table ebr.person_roles enable always trigger person_roles_area;
revoke execute on function ebr.person_roles_area from public;

-- Which streams belong to which area, for the trail of readers who may not see the whole plant.
create view ebr.area_streams as
    select b.area, 'batch/' || b.id::text as stream from ebr.batches b
    union all
    select r.area, 'recipe/' || r.id::text from ebr.recipes r;
grant select on ebr.area_streams to app;

-- A hold is assessed in a role that counts in the area of the batch; beyond that as in migration 00004.
-- +goose StatementBegin
create or replace function ebr.batch_history_holds(line ebr.batch_history) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    resumed int;
begin
    if line.event not in ('hold_assessed', 'resumed') then
        return;
    end if;
    select coalesce(max(h.ord), 0) into resumed from ebr.batch_history h where h.batch = line.batch and h.event = 'resumed';
    if line.event = 'hold_assessed' and not exists (select from ebr.person_roles r join ebr.batches b on b.id = line.batch and r.area in ('*', b.area)
                                                    where r.person = line.person and r.role = line.role and r.revoked_at is null) then
        raise exception using errcode = 'VB021', message = 'a hold is assessed in a role that the person holds in the area of the batch';
    end if;
    if line.event = 'hold_assessed' and (line.role not in ('supervisor', 'qa') or not exists (
        select from ebr.batch_history h where h.batch = line.batch and h.event = 'held' and h.value <> '' and h.ord > resumed
        and not exists (select from ebr.batch_history a where a.batch = line.batch and a.event = 'hold_assessed' and a.ord > h.ord and (a.person = line.person or a.role = line.role))
        and not exists (select from ebr.batch_history w where w.batch = line.batch and w.step = h.step and w.person = line.person
                        and w.event in ('recorded', 'corrected', 'performed')))) then
        raise exception using errcode = 'VB020', constraint = 'batch_history_assessors', message = 'a hold is assessed by two persons in two roles who did not work in its step';
    end if;
    if line.event = 'resumed' and exists (
        select from ebr.batch_history h where h.batch = line.batch and h.event = 'held' and h.value <> '' and h.ord > resumed
        and (select least(count(distinct a.role), count(distinct a.person)) from ebr.batch_history a where a.batch = line.batch and a.event = 'hold_assessed' and a.ord > h.ord
             and not exists (select from ebr.batch_history w where w.batch = line.batch and w.step = h.step and w.person = a.person and w.ord < a.ord
                             and w.event in ('recorded', 'corrected', 'performed'))) < 2) then
        raise exception using errcode = 'VB023', constraint = 'batch_history_assessed', message = 'a batch goes on only after every hold by a reading was assessed by a supervisor and by QA';
    end if;
end $$;
-- +goose StatementEnd

-- Refused acts are few, and QA looks for them often: an index of its own, which costs other entries nothing.
create index entries_refused on audit.entries (at, stream, seq) where refused;
