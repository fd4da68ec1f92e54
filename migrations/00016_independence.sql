-- Who judges a batch did no work in it: one rule for the review of its audit trail and for the effect of an incident on it.
--
-- SQLSTATE raised here:
--   VB075 a person would judge the effect of an incident on a batch in which the person worked

-- +goose Up

-- Work is every act in a batch but its order, which is planning: issuing, starting, recording, performing, verifying, commenting, holding, assessing a
-- hold, resuming, aborting and completing.
-- +goose StatementBegin
create function ebr.worked_in(batch uuid, person uuid) returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select exists (select from ebr.batch_history h where h.batch = worked_in.batch and h.person = worked_in.person and h.event <> 'created');
$$;
-- +goose StatementEnd
revoke execute on function ebr.worked_in from public;
grant execute on function ebr.worked_in to app;

-- The row of the batch is locked first, so that a judgement and an act of the same person at once see each other.
-- +goose StatementBegin
create function ebr.judge_is_independent() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from ebr.batches b where b.id = new.batch for no key update;
    if tg_table_name = 'trail_reviews' then
        if ebr.worked_in(new.batch, new.reviewer) then
            raise exception using errcode = 'VB057', constraint = 'trail_reviews_independent', message = 'nobody reviews the trail of own work';
        end if;
    elsif ebr.worked_in(new.batch, new.assessed_by) then
        raise exception using errcode = 'VB075', constraint = 'incident_batches_independent', message = 'nobody judges an incident in own work';
    end if;
    return new;
end $$;
-- +goose StatementEnd
revoke execute on function ebr.judge_is_independent from public;
-- The name begins with a_ because triggers fire by name: this one comes before the guards that look at the signature.
create trigger a_judge_is_independent before insert or update on ebr.trail_reviews for each row execute function ebr.judge_is_independent();
create trigger a_judge_is_independent before update of assessed_by, assessed_at on ebr.incident_batches for each row execute function ebr.judge_is_independent();
alter table ebr.trail_reviews enable always trigger a_judge_is_independent;
alter table ebr.incident_batches enable always trigger a_judge_is_independent;
