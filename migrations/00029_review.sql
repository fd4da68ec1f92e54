-- How a version of a recipe ends before its time, and what reviewers say about its steps (21 CFR 211.100(a), 211.186; EU GMP chapter 4.2).
--
-- SQLSTATE raised here:
--   VB022 as in 00003; also for a version that is approved while a comment of its review is open
--   VB023 a comment of a review was written, changed or resolved in a way that its life does not allow

-- +goose Up

alter table ebr.recipe_versions
    add column ended_by uuid references ebr.people,
    add column ended_at timestamptz,
    add column end_signature uuid constraint recipe_versions_end_signature_once unique references ebr.signatures,
    add column end_reason text not null default '' check (char_length(end_reason) <= 4000);
comment on column ebr.recipe_versions.end_reason is 'Why the version was sent back or withdrawn; empty for one that was neither.';
select audit.late_column('ebr.recipe_versions', 'ended_by', null);
select audit.late_column('ebr.recipe_versions', 'ended_at', null);
select audit.late_column('ebr.recipe_versions', 'end_signature', null);
select audit.late_column('ebr.recipe_versions', 'end_reason', '');

-- A version that was sent back may have been approved already; one that was withdrawn was effective, and may have been superseded.
alter table ebr.recipe_versions
    drop constraint recipe_versions_state_check,
    drop constraint recipe_versions_approved,
    drop constraint recipe_versions_effective,
    drop constraint recipe_versions_superseded,
    add constraint recipe_versions_state_check check (state in ('draft', 'in_review', 'approved', 'effective', 'superseded', 'sent_back', 'withdrawn')),
    add constraint recipe_versions_approved check (
        (state = 'sent_back' or (state in ('approved', 'effective', 'superseded', 'withdrawn')) = (approved_by is not null))
        and (approved_by is null) = (approved_at is null) and (approved_by is null) = (approve_signature is null)),
    add constraint recipe_versions_effective check (
        (state in ('effective', 'superseded', 'withdrawn')) = (effective_by is not null)
        and (effective_by is null) = (effective_at is null) and (effective_by is null) = (effective_signature is null)),
    add constraint recipe_versions_superseded check ((state = 'superseded' and superseded_at is not null) or (state <> 'superseded' and (state = 'withdrawn' or superseded_at is null))),
    add constraint recipe_versions_ended check (
        (state in ('sent_back', 'withdrawn')) = (ended_by is not null)
        and (ended_by is null) = (ended_at is null) and (ended_by is null) = (end_signature is null) and (ended_by is null) = (end_reason = ''));

-- What somebody says about a version, or about one element of it. It is resolved once, by somebody who neither imported nor submitted the version.
create table ebr.recipe_comments (
    id             uuid primary key,
    recipe_version text not null references ebr.recipe_versions,
    element        text not null check (char_length(element) <= 200),
    words          text not null check (char_length(words) between 1 and 4000),
    made_by        uuid not null references ebr.people,
    made_at        timestamptz not null,
    resolution     text not null default '' check (char_length(resolution) <= 4000),
    resolved_by    uuid references ebr.people,
    resolved_at    timestamptz,
    version        int not null default 1,
    constraint recipe_comments_resolved check ((resolved_by is null) = (resolved_at is null) and (resolved_by is null) = (resolution = ''))
);
comment on column ebr.recipe_comments.element is 'Name of the step or structure in the text of the recipe; empty for the version as a whole.';
create index recipe_comments_of_version on ebr.recipe_comments (recipe_version, made_at);
select audit.attach('ebr.recipe_comments');
grant select, insert, update on ebr.recipe_comments to app;

-- +goose StatementBegin
create function ebr.recipe_comments_guard() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    entry record;
    about record;
begin
    select d.person, d.at, d.act into entry from audit.desk d where d.backend = pg_backend_pid() and d.xid = pg_current_xact_id();
    if not found then
        return new; -- no open entry: the trail refuses the row with its own words
    end if;
    select v.state, v.created_by, v.submitted_by into about from ebr.recipe_versions v where v.id = new.recipe_version;
    if about.state not in ('draft', 'in_review', 'approved') then
        raise exception using errcode = 'VB023', message = 'what was said about a version stays as it is once the version is effective or ended';
    end if;
    if tg_op = 'INSERT' then
        if entry.act <> 'recipe.comment' or (new.made_by, new.made_at) is distinct from (entry.person, entry.at) or new.resolved_by is not null then
            raise exception using errcode = 'VB023', message = 'a comment is made by the person and at the time of recipe.comment, and is open';
        end if;
        return new;
    end if;
    if entry.act <> 'recipe.resolve' or old.resolved_by is not null or (new.resolved_by, new.resolved_at) is distinct from (entry.person, entry.at)
       or (new.id, new.recipe_version, new.element, new.words, new.made_by, new.made_at) is distinct from (old.id, old.recipe_version, old.element, old.words, old.made_by, old.made_at) then
        raise exception using errcode = 'VB023', message = 'a comment is resolved once, by the person and at the time of recipe.resolve, and never rewritten';
    end if;
    if new.resolved_by in (about.created_by, about.submitted_by) then
        raise exception using errcode = 'VB023', message = 'who imported or submitted a version resolves no comment on it';
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger recipe_comments_guard before insert or update on ebr.recipe_comments for each row execute function ebr.recipe_comments_guard();
alter table ebr.recipe_comments enable always trigger recipe_comments_guard;
revoke execute on function ebr.recipe_comments_guard from public;

-- As in 00003, with the two ends, and with the comments of the review.
-- +goose StatementBegin
create or replace function ebr.recipe_versions_guard() returns trigger
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
    if (old.state, new.state) not in (('draft', 'in_review'), ('in_review', 'approved'), ('approved', 'effective'), ('effective', 'superseded'),
            ('in_review', 'sent_back'), ('approved', 'sent_back'), ('effective', 'withdrawn'), ('superseded', 'withdrawn')) then
        raise exception using errcode = 'VB022', message = format('a version of a recipe does not go from %s to %s', old.state, new.state);
    end if;
    if (new.id, new.recipe, new.number, new.title, new.product, new.digest, new.created_by, new.created_at)
            is distinct from (old.id, old.recipe, old.number, old.title, old.product, old.digest, old.created_by, old.created_at)
       or (old.submitted_by is not null and (new.submitted_by, new.submitted_at, new.submit_signature) is distinct from (old.submitted_by, old.submitted_at, old.submit_signature))
       or (old.approved_by is not null and (new.approved_by, new.approved_at, new.approve_signature) is distinct from (old.approved_by, old.approved_at, old.approve_signature))
       or (new.state in ('sent_back', 'withdrawn') and (new.submitted_by, new.approved_by, new.effective_by, new.superseded_at)
            is distinct from (old.submitted_by, old.approved_by, old.effective_by, old.superseded_at))
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
        ('effective', 'recipe.make_effective', new.effective_by, new.effective_at, new.effective_signature),
        ('sent_back', 'recipe.send_back', new.ended_by, new.ended_at, new.end_signature),
        ('withdrawn', 'recipe.withdraw', new.ended_by, new.ended_at, new.end_signature)) as x (state, act, person, at, signature)
    where x.state = new.state;
    if (moved.act, moved.person, moved.at) is distinct from (entry.act, entry.person, entry.at) or not ebr.signed_in_entry(moved.signature) then
        raise exception using errcode = 'VB022', message = format('a version becomes %s by the person, the act, the time and the signature of its entry', new.state);
    end if;
    if new.state in ('approved', 'effective') and exists (select from ebr.recipe_comments c where c.recipe_version = new.id and c.resolved_at is null) then
        raise exception using errcode = 'VB022', constraint = 'recipe_versions_comments_resolved', message = 'a comment of the review is open';
    end if;
    return new;
end $$;
-- +goose StatementEnd
