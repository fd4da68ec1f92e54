-- The library of building blocks: each version of a block is one text for ever, and every version of a recipe says which it was approved with (21 CFR 211.100(a); EU GMP 4.2).
--
-- SQLSTATE raised here:
--   VB024 a building block was added, or noted for a recipe, outside of the import that brought it

-- +goose Up

-- One row per version of a building block; the text lies in audit.contents under digest. id is made from code and number (UUID version 5).
create table ebr.building_blocks (
    id       uuid primary key,
    code     text not null check (char_length(code) between 1 and 60),
    number   text not null check (char_length(number) between 1 and 200),
    title    text not null check (char_length(title) between 1 and 200),
    digest   bytea not null references audit.contents,
    added_by uuid not null references ebr.people,
    added_at timestamptz not null,
    version  int not null default 1,
    constraint building_blocks_once unique (code, number)
);
comment on column ebr.building_blocks.number is 'The version of the block, as its text says it.';
select audit.attach('ebr.building_blocks');
grant select, insert on ebr.building_blocks to app;

-- Which building blocks stand in which version of a recipe.
create table ebr.recipe_blocks (
    id             uuid primary key,
    recipe_version text not null references ebr.recipe_versions,
    block          uuid not null references ebr.building_blocks,
    version        int not null default 1,
    constraint recipe_blocks_once unique (recipe_version, block)
);
create index recipe_blocks_of_block on ebr.recipe_blocks (block);
select audit.attach('ebr.recipe_blocks');
grant select, insert on ebr.recipe_blocks to app;

-- +goose StatementBegin
create function ebr.building_blocks_guard() returns trigger
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
    if tg_op <> 'INSERT' or entry.act <> 'recipe.import' or (new.added_by, new.added_at) is distinct from (entry.person, entry.at) then
        raise exception using errcode = 'VB024', message = 'a building block is added by the person and at the time of recipe.import, and never changes';
    end if;
    return new;
end $$;

create function ebr.recipe_blocks_guard() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    entry record;
begin
    select d.person, d.at, d.act into entry from audit.desk d where d.backend = pg_backend_pid() and d.xid = pg_current_xact_id();
    if not found then
        return new;
    end if;
    if tg_op <> 'INSERT' or entry.act <> 'recipe.import' or not exists (
            select from ebr.recipe_versions v where v.id = new.recipe_version and (v.created_by, v.created_at, v.state) = (entry.person, entry.at, 'draft')) then
        raise exception using errcode = 'VB024', message = 'the building blocks of a version of a recipe are noted in the entry of its import, and never change';
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger building_blocks_guard before insert or update on ebr.building_blocks for each row execute function ebr.building_blocks_guard();
alter table ebr.building_blocks enable always trigger building_blocks_guard;
revoke execute on function ebr.building_blocks_guard from public;
create trigger recipe_blocks_guard before insert or update on ebr.recipe_blocks for each row execute function ebr.recipe_blocks_guard();
alter table ebr.recipe_blocks enable always trigger recipe_blocks_guard;
revoke execute on function ebr.recipe_blocks_guard from public;
