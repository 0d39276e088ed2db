-- kind: expand
-- One row per CLUE that was explained to somebody: what it takes to compute it again and to compare. As in
-- pick_receipt, `position` is the newest course event that it depends on and `as_of` the time that its rules went by.
create table clue_receipt (
  part smallint not null,
  calculation_uuid uuid not null,
  kind text not null check (kind in ('student_clue', 'teacher_clue')),
  subject_uuid uuid not null,
  book_container_uuid uuid not null,
  algorithm_name text not null,
  ecosystem_matrix_uuid uuid not null,
  position integer not null,
  as_of timestamptz not null,
  minimum double precision not null,
  most_likely double precision not null,
  maximum double precision not null,
  is_real boolean not null,
  experiment text,
  experiment_version integer,
  primary key (part, calculation_uuid)
);
create index clue_receipt_by_matrix on clue_receipt (ecosystem_matrix_uuid);

-- Receipts go when they are old: BIGLEARN_RECEIPT_DAYS.
create index clue_receipt_by_age on clue_receipt (part, as_of);
create index pick_receipt_by_age on pick_receipt (part, as_of);

comment on table clue_receipt is
  'CLUEs that were explained, re-executable. Matrices named here are kept.';
