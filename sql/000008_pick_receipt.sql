-- kind: expand
-- One row per calculation of exercises that was handed out: what it takes to compute it again and to compare. `position`
-- is the newest course event that it depends on, `as_of` the time that its rules went by, `advisers` the algorithms that
-- had a say (a spaced choice leaves out what any of them would give as personalised exercises).
create table pick_receipt (
  part smallint not null,
  calculation_uuid uuid not null,
  kind text not null check (kind in ('pe', 'spe', 'worst_areas')),
  subject_uuid uuid not null,
  algorithm_name text not null,
  advisers text[] not null,
  ecosystem_matrix_uuid uuid not null,
  position integer not null,
  as_of timestamptz not null,
  exercises_max integer,
  exercise_uuids uuid[] not null,
  primary key (part, calculation_uuid)
);

comment on table pick_receipt is
  'Exercises that were handed out, re-executable. Matrices named here are kept; nothing deletes matrices so far, and what
does one day has to leave these alone.';
