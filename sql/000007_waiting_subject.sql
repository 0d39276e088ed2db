-- kind: expand
-- Students, course containers and assignments whose announcement waits behind a gap of their course. They are known
-- from the moment it was acknowledged (api.md 3.3), but the read models see it only when the gap closes; the row goes
-- then.
create table waiting_subject (
  part smallint not null,
  subject_uuid uuid not null,
  since timestamptz not null default now(),
  primary key (part, subject_uuid)
);
