-- Letters: what the system mails about itself (EU GMP Annex 11 clause 13), to the recipients that the configuration names.

-- +goose Up

-- One row per letter and recipient. It is written before it is sent and marked afterwards, so that a letter is lost by nothing and at worst arrives twice, under
-- one Message-ID. What a letter is about is one incident, or one alarm while it lasts: ended_at is when the alarm was over, and may begin again.
create table ebr.letters (
    id         uuid primary key,
    about      text not null check (about ~ '^(incident|alarm) [0-9a-f-]{36,64}$'),
    recipient  text not null check (char_length(recipient) between 3 and 254),
    subject    text not null check (char_length(subject) between 1 and 300),
    body       text not null check (char_length(body) between 1 and 2000),
    written_at timestamptz not null,
    ended_at   timestamptz,
    tries      int not null default 0 check (tries >= 0),
    next_at    timestamptz not null,
    sent_at    timestamptz,
    dropped_at timestamptz,
    constraint letters_end check (sent_at is null or dropped_at is null)
);
create unique index letters_once on ebr.letters (about, recipient) where ended_at is null;
create index letters_due on ebr.letters (next_at) where sent_at is null and dropped_at is null;
select audit.operational('ebr.letters', 'mails about incidents and alarms: each incident is a record, and a letter that fails opens one; no value of a batch stands here');
grant select, insert, update, delete on ebr.letters to app;
