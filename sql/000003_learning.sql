-- kind: expand
-- Read models fed by the log. Everything here can be dropped and built again by replay (biglearn rebuild learning).
-- `part` comes first in every key, so a pass over one part never leaves its shard. The few indexes on a uuid alone are
-- for reads that know nothing else; they are not keys.

-- The state of a course. `applied_number` is the last event folded; `changed_number` the last one that changed
-- the course, its roster or its exclusions, which is what caches compare. Narrow rows with room on their page: the one
-- update per pass and course stays on the page (HOT) and costs few bytes of WAL.
create table learning_course (
  part smallint not null,
  course uuid not null,
  applied_number integer not null,
  changed_number integer not null,
  ecosystem uuid,
  is_real boolean not null,
  starts_at timestamptz,
  ends_at timestamptz,
  primary key (part, course)
) with (fillfactor = 50);
create index learning_course_by_course on learning_course (course);

-- Uuids of the events that replace state, so that a second copy of one under another number does not bring the old
-- state back (design D5). Answers need no row here: they carry their event's uuid themselves.
create table learning_applied_event (
  part smallint not null,
  course uuid not null,
  event_uuid uuid not null,
  primary key (part, course, event_uuid)
);

-- Complete lists: scope `global` is the administrator's, `course` the teacher's.
create table learning_exclusion (
  part smallint not null,
  course uuid not null,
  scope text not null check (scope in ('global', 'course')),
  exercises uuid[] not null,
  exercise_groups uuid[] not null,
  primary key (part, course, scope)
);

create table learning_course_container (
  part smallint not null,
  course uuid not null,
  container uuid not null,
  parent uuid,
  is_archived boolean not null,
  is_active boolean not null,
  primary key (part, course, container)
);
create index learning_course_container_by_container on learning_course_container (container);

-- `containers`: own container first, then its ancestors; the course is left out.
create table learning_student (
  part smallint not null,
  course uuid not null,
  student uuid not null,
  containers uuid[] not null,
  is_active boolean not null,
  primary key (part, course, student)
);
create index learning_student_by_student on learning_student (student);

create table learning_preparation (
  part smallint not null,
  course uuid not null,
  preparation uuid not null,
  number integer not null,
  ecosystem uuid not null,
  primary key (part, course, preparation)
);

-- Announced maps of book containers. Many courses announce the same one: it is stored once per part.
create table learning_container_map (
  part smallint not null,
  from_ecosystem uuid not null,
  to_ecosystem uuid not null,
  digest bytea not null,
  announced_at timestamptz not null,
  body bytea not null,
  primary key (part, from_ecosystem, to_ecosystem, digest)
);

-- Current state of each assignment; layout of `body` in src/learning/pack-assignment.ts. The second index finds the
-- assignments of a student and, at its end, the newest number, which is a version for caches.
create table learning_assignment (
  part smallint not null,
  assignment uuid not null,
  student uuid not null,
  first_number integer not null,
  last_number integer not null,
  body bytea not null,
  primary key (part, assignment)
);
create index learning_assignment_by_student on learning_assignment (part, student, last_number);
create index learning_assignment_by_assignment on learning_assignment (assignment);

-- Answers, packed: all answers of a student in one pass are one row, never changed, only merged later into longer ones.
-- `last_number` is the highest number inside. Rows stay in line (no TOAST look-up): at most 90 answers of 85 bytes.
-- The key is not declared unique: effects and position commit together, so nothing is folded twice, and a conflict
-- clause costs each row 48 bytes of WAL (a student uuid used in two courses of one part would need it).
create table learning_answer (
  part smallint not null,
  student uuid not null,
  last_number integer not null,
  n smallint not null,
  body bytea not null
) with (toast_tuple_target = 8160, autovacuum_vacuum_insert_scale_factor = 0.1);
create index learning_answer_by_student on learning_answer (part, student, last_number);
alter table learning_answer alter column body set storage external;

-- For a person with psql: one row per answer. Layout as in src/learning/pack-answer.ts.
create view learning_answer_unpacked as
select
  part,
  student,
  ('x' || encode(substring(body from at + 65 for 4), 'hex'))::bit(32)::integer as number,
  encode(substring(body from at + 1 for 16), 'hex')::uuid as response,
  encode(substring(body from at + 17 for 16), 'hex')::uuid as trial,
  encode(substring(body from at + 33 for 16), 'hex')::uuid as exercise,
  encode(substring(body from at + 49 for 16), 'hex')::uuid as ecosystem,
  get_byte(body, at + 84) & 1 = 1 as is_correct,
  get_byte(body, at + 84) & 2 = 2 as is_real,
  timestamptz 'epoch' + ('x' || encode(substring(body from at + 69 for 8), 'hex'))::bit(64)::bigint
    * interval '1 millisecond' as responded_at,
  timestamptz 'epoch' + ('x' || encode(substring(body from at + 77 for 8), 'hex'))::bit(64)::bigint
    * interval '1 millisecond' as recorded_at
from learning_answer
cross join lateral generate_series(0, (n - 1) * 85, 85) as at;

-- Who gave real answers in real courses in an ecosystem: training finds its learners here instead of scanning answers.
create table learning_learner (
  part smallint not null,
  ecosystem uuid not null,
  student uuid not null,
  primary key (part, ecosystem, student)
);
-- How many answers were given in an ecosystem, and how many of them may train.
create table learning_activity (
  part smallint not null,
  ecosystem uuid not null,
  answers bigint not null,
  real_answers bigint not null,
  primary key (part, ecosystem)
) with (fillfactor = 50);

-- Book editions, immutable; layout of `body` in src/learning/pack-ecosystem.ts.
create table learning_ecosystem (
  part smallint not null,
  ecosystem uuid not null,
  created_at timestamptz not null,
  containers integer not null,
  exercises integer not null,
  body bytea not null,
  primary key (part, ecosystem)
);
create table learning_book_container (
  part smallint not null,
  ecosystem uuid not null,
  container uuid not null,
  primary key (part, ecosystem, container)
);
create index learning_book_container_by_container on learning_book_container (container);
create table learning_exercise_group (
  part smallint not null,
  ecosystem uuid not null,
  exercise_group uuid not null,
  primary key (part, ecosystem, exercise_group)
);
create index learning_exercise_group_by_group on learning_exercise_group (exercise_group);
