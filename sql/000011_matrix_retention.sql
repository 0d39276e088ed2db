-- kind: expand
-- Matrices that were superseded long ago and that nothing names are emptied (design D24). Their rows stay, because what
-- was in use at a time is a fact that `as_of` asks for.
alter table ecosystem_matrix add column removed_at timestamptz;

-- Matrices that assignment events say their exercises come from; a read model like the others. The part is the course's.
create table learning_named_matrix (
  part smallint not null,
  matrix uuid not null,
  primary key (part, matrix)
);
create index learning_named_matrix_by_matrix on learning_named_matrix (matrix);

create index pick_receipt_by_matrix on pick_receipt (ecosystem_matrix_uuid);

-- Events that were folded before are not in learning_named_matrix, so matrices older than this are kept.
insert into installation (name, value) values ('matrices_named_since', to_jsonb(clock_timestamp()));

comment on table pick_receipt is
  'Exercises that were handed out, re-executable. Matrices named here are kept.';
