-- Recipes: master batch records and their life (design: recipes; 21 CFR 211.186, 211.100). The text lies in audit.contents under digest.
--
-- SQLSTATE raised here, beside the constraint names:
--   VB022 a version of a recipe was changed in a way that its life does not allow

-- +goose Up

-- id is made from the code (UUID version 5), so that the stream of a recipe is known from its text alone.
create table ebr.recipes (
    id      uuid primary key,
    code    text not null check (char_length(code) between 1 and 60),
    version int not null default 1,
    constraint recipes_code_once unique (code)
);
select audit.attach('ebr.recipes');
grant select, insert on ebr.recipes to app;

-- One row per version of a recipe; id is "<recipe>-<number>". Title and product repeat what the text says, for lists.
create table ebr.recipe_versions (
    id                  text primary key,
    recipe              uuid not null references ebr.recipes,
    number              int not null check (number > 0),
    title               text not null check (char_length(title) between 1 and 200),
    product             text not null check (char_length(product) between 1 and 200),
    state               text not null check (state in ('draft', 'in_review', 'approved', 'effective', 'superseded')),
    digest              bytea not null references audit.contents,
    created_by          uuid not null references ebr.people,
    created_at          timestamptz not null,
    submitted_by        uuid references ebr.people,
    submitted_at        timestamptz,
    submit_signature    uuid references ebr.signatures,
    approved_by         uuid references ebr.people,
    approved_at         timestamptz,
    approve_signature   uuid references ebr.signatures,
    effective_by        uuid references ebr.people,
    effective_at        timestamptz,
    effective_signature uuid references ebr.signatures,
    superseded_at       timestamptz,
    version             int not null default 1,
    constraint recipe_versions_named check (id = recipe || '-' || number),
    constraint recipe_versions_number_once unique (recipe, number),
    constraint recipe_versions_text_once unique (recipe, digest),
    constraint recipe_versions_submit_signature_once unique (submit_signature),
    constraint recipe_versions_approve_signature_once unique (approve_signature),
    constraint recipe_versions_effective_signature_once unique (effective_signature),
    -- Who wrote or submitted never approves, and a third person makes effective (21 CFR 211.186(a)).
    constraint recipe_versions_three_persons check (
        approved_by <> created_by and approved_by <> submitted_by
        and effective_by <> created_by and effective_by <> submitted_by and effective_by <> approved_by),
    constraint recipe_versions_submitted check (
        (state <> 'draft') = (submitted_by is not null)
        and (submitted_by is null) = (submitted_at is null) and (submitted_by is null) = (submit_signature is null)),
    constraint recipe_versions_approved check (
        (state in ('approved', 'effective', 'superseded')) = (approved_by is not null)
        and (approved_by is null) = (approved_at is null) and (approved_by is null) = (approve_signature is null)),
    constraint recipe_versions_effective check (
        (state in ('effective', 'superseded')) = (effective_by is not null)
        and (effective_by is null) = (effective_at is null) and (effective_by is null) = (effective_signature is null)),
    constraint recipe_versions_superseded check ((state = 'superseded') = (superseded_at is not null))
);
create unique index recipe_versions_one_effective on ebr.recipe_versions (recipe) where state = 'effective';

-- A version is born as a draft and moves one step at a time, one step per entry; what was imported, submitted or signed is never rewritten.
-- Every move is made by the person, at the time and under the act of the open entry, with the signature that was given in it.
-- +goose StatementBegin
create function ebr.recipe_versions_guard() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    entry record;
    moved record;
begin
    select d.person, d.at, d.act into entry from audit.desk d where d.backend = pg_backend_pid() and d.xid = pg_current_xact_id();
    if not found then
        return new; -- no open entry: the trail refuses the row with its own words
    end if;
    if tg_op = 'INSERT' then
        if new.state <> 'draft' then
            raise exception using errcode = 'VB022', message = 'a version of a recipe begins as a draft';
        end if;
        if (new.created_by, new.created_at) is distinct from (entry.person, entry.at) then
            raise exception using errcode = 'VB022', message = 'a version of a recipe is imported by the person and at the time of its entry';
        end if;
        return new;
    end if;
    if (old.state, new.state) not in (('draft', 'in_review'), ('in_review', 'approved'), ('approved', 'effective'), ('effective', 'superseded')) then
        raise exception using errcode = 'VB022', message = format('a version of a recipe does not go from %s to %s', old.state, new.state);
    end if;
    if (new.id, new.recipe, new.number, new.title, new.product, new.digest, new.created_by, new.created_at)
            is distinct from (old.id, old.recipe, old.number, old.title, old.product, old.digest, old.created_by, old.created_at)
       or (old.submitted_by is not null and (new.submitted_by, new.submitted_at, new.submit_signature) is distinct from (old.submitted_by, old.submitted_at, old.submit_signature))
       or (old.approved_by is not null and (new.approved_by, new.approved_at, new.approve_signature) is distinct from (old.approved_by, old.approved_at, old.approve_signature))
       or (old.effective_by is not null and (new.effective_by, new.effective_at, new.effective_signature) is distinct from (old.effective_by, old.effective_at, old.effective_signature)) then
        raise exception using errcode = 'VB022', message = 'what stands in a version of a recipe is never rewritten';
    end if;
    if new.state = 'superseded' then
        if entry.act <> 'recipe.make_effective' or new.superseded_at <> entry.at or ebr.signed_in_entry(old.effective_signature) then
            raise exception using errcode = 'VB022', message = 'a version is superseded when another one is made effective, in the entry of that one';
        end if;
        return new;
    end if;
    select x.* into moved from (values ('in_review', 'recipe.submit', new.submitted_by, new.submitted_at, new.submit_signature),
        ('approved', 'recipe.approve', new.approved_by, new.approved_at, new.approve_signature),
        ('effective', 'recipe.make_effective', new.effective_by, new.effective_at, new.effective_signature)) as x (state, act, person, at, signature)
    where x.state = new.state;
    if (moved.act, moved.person, moved.at) is distinct from (entry.act, entry.person, entry.at) or not ebr.signed_in_entry(moved.signature) then
        raise exception using errcode = 'VB022', message = format('a version becomes %s by the person, the act, the time and the signature of its entry', new.state);
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger recipe_versions_guard before insert or update on ebr.recipe_versions for each row execute function ebr.recipe_versions_guard();
alter table ebr.recipe_versions enable always trigger recipe_versions_guard;
revoke execute on function ebr.recipe_versions_guard from public;
select audit.attach('ebr.recipe_versions');
grant select, insert, update on ebr.recipe_versions to app;
