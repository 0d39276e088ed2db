-- kind: expand
-- Experiments: which algorithm answers a course or student that asks for `assigned`. Times are those of the database.
create table experiment (
  name text primary key,
  unit text not null check (unit in ('course', 'student')),
  kinds text[] not null check (kinds <@ array['student_clue', 'teacher_clue', 'pe', 'spe', 'worst_areas']),
  seed text not null,
  description text not null,
  starts_at timestamptz not null,
  ends_at timestamptz,
  created_by text not null,
  check (ends_at is null or starts_at <= ends_at)
);
create unique index experiment_by_name on experiment (lower(name));

-- Arms with their weights; never changed. Other arms or weights are the next version.
create table experiment_version (
  experiment text not null references experiment (name),
  version integer not null,
  algorithm_names text[] not null,
  weights double precision[] not null,
  since timestamptz not null default now(),
  created_by text not null,
  primary key (experiment, version)
);

-- Which arm a unit got, written when it was first asked for. The first row stays; rows are never changed.
create table experiment_assignment (
  part smallint not null,
  experiment text not null,
  version integer not null,
  unit_uuid uuid not null,
  algorithm_name text not null,
  assigned_at timestamptz not null default now(),
  primary key (part, experiment, version, unit_uuid)
);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% rows are never changed', tg_table_name using errcode = 'restrict_violation';
end
$$;
create trigger immutable before update on experiment_assignment for each row execute function refuse_change();
create trigger immutable before update on experiment_version for each row execute function refuse_change();

-- Receipts of exercises that an experiment decided about.
alter table pick_receipt add column experiment text;
alter table pick_receipt add column experiment_version integer;
