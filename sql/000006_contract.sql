-- kind: expand
-- Work of remote algorithms (scheduler.md 3-5, 8). What is due is derived when an algorithm asks, by comparing the state
-- of the read models with the state up to which that algorithm has answered; nothing here is written before it asks.
-- Names of algorithms are in lower case. Rows of a subject are in the part of the subject's own uuid.

-- Up to which state of its inputs all work of a subject is answered. A subject is a course, or a student or course
-- container below it; `next_at` is when withheld answers change the work although nothing is recorded.
create table due_answered (
  part smallint not null,
  subject uuid not null,
  kind text not null check (kind in ('exercises', 'student_clues', 'teacher_clues', 'trials')),
  algorithm text not null,
  state text not null,
  next_at timestamptz,
  primary key (part, subject, kind, algorithm)
) with (fillfactor = 80);

-- What a handed-out calculation is about. The uuid is made from what the work depends on, so it can be compared with the
-- one that is current, but not be read backwards.
create table due_handed_out (
  part smallint not null,
  calculation uuid not null,
  kind text not null check (kind in ('exercises', 'student_clues', 'teacher_clues')),
  subject uuid not null,
  book_container uuid,
  ecosystem uuid not null,
  position integer not null,
  handed_out_at timestamptz not null default now(),
  primary key (part, calculation)
);
create index due_handed_out_by_age on due_handed_out (part, handed_out_at);

-- Orders of exercises, best first. `position` is the student's last answer that the calculation knew; the highest one is
-- in use, older ones can be asked for by `result` until they are cleaned up.
create table submitted_ordering (
  part smallint not null,
  student uuid not null,
  ecosystem uuid not null,
  algorithm text not null,
  position integer not null,
  algorithm_name text not null,
  calculation uuid not null,
  result uuid not null,
  matrix uuid not null,
  exercises uuid[] not null,
  is_used boolean not null default false,
  superseded_at timestamptz,
  updated_at timestamptz not null default now(),
  primary key (part, student, ecosystem, algorithm, position)
);
create index submitted_ordering_by_result on submitted_ordering (result);
create index submitted_ordering_unused on submitted_ordering (part, superseded_at)
  where superseded_at is not null and not is_used;

create table submitted_clue (
  part smallint not null,
  subject uuid not null,
  kind text not null check (kind in ('student_clues', 'teacher_clues')),
  algorithm text not null,
  book_container uuid not null,
  calculation uuid not null,
  result uuid not null,
  minimum double precision not null,
  most_likely double precision not null,
  maximum double precision not null,
  is_real boolean not null,
  ecosystem uuid,
  updated_at timestamptz not null default now(),
  primary key (part, subject, kind, algorithm, book_container)
);

-- Distinct trials answered per exercise group, counted when algorithms ask for matrix updates, and the number from which
-- on its ecosystems are due again (scheduler.md 4).
create table due_group (
  part smallint not null,
  exercise_group uuid not null,
  trials integer not null,
  next_trials integer not null default 1,
  primary key (part, exercise_group)
);
create index due_group_triggered on due_group (part, exercise_group) where trials >= next_trials;

create table due_matrix_update (
  part smallint not null,
  ecosystem uuid not null,
  updates integer not null,
  calculation uuid not null,
  updated_at timestamptz not null,
  primary key (part, ecosystem)
);
create table due_matrix_answered (
  part smallint not null,
  ecosystem uuid not null,
  algorithm text not null,
  calculation uuid not null,
  primary key (part, ecosystem, algorithm)
);
