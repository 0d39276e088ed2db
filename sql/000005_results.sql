-- kind: expand
-- Results that remote algorithms upload (api.md 6.19-6.25): one row per subject, kind and algorithm; the last write
-- wins. Names of algorithms compare without regard to case, so the key holds them in lower case (M9). `spy_info` is
-- kept as text because it is given back as it came and never searched.
create table pick_result (
  part smallint not null,
  subject_uuid uuid not null,
  kind text not null check (kind in ('pe', 'spe', 'worst_areas')),
  algorithm_key text not null,
  algorithm_name text not null,
  calculation_uuid uuid not null,
  ecosystem_matrix_uuid uuid not null,
  exercise_uuids uuid[] not null,
  spy_info text not null,
  updated_at timestamptz not null default now(),
  primary key (part, subject_uuid, kind, algorithm_key)
);

create table clue_result (
  part smallint not null,
  subject_uuid uuid not null,
  book_container_uuid uuid not null,
  kind text not null check (kind in ('student', 'teacher')),
  algorithm_key text not null,
  algorithm_name text not null,
  calculation_uuid uuid not null,
  minimum double precision not null,
  most_likely double precision not null,
  maximum double precision not null,
  is_real boolean not null,
  ecosystem_uuid uuid,
  updated_at timestamptz not null default now(),
  primary key (part, subject_uuid, book_container_uuid, kind, algorithm_key)
);

-- Preparations and updates of a course's ecosystem, written before their request is acknowledged, so that an update can
-- be answered although its preparation still waits behind a gap. Numbers are those of the course's stream.
create table course_preparation (
  part smallint not null,
  course_uuid uuid not null,
  preparation_uuid uuid not null,
  sequence_number integer not null,
  ecosystem_uuid uuid not null,
  primary key (part, course_uuid, preparation_uuid)
);

create table course_ecosystem_update (
  part smallint not null,
  course_uuid uuid not null,
  sequence_number integer not null,
  preparation_uuid uuid not null,
  primary key (part, course_uuid, sequence_number)
);

-- Readiness markers (api.md 8.3); a marker may arrive before the preparation it belongs to.
create table preparation_ready (
  part smallint not null,
  preparation_uuid uuid not null,
  ready_at timestamptz not null default now(),
  primary key (part, preparation_uuid)
);
