-- kind: expand
-- A lane of its own may be read through several slots, each for its share of the students (streams.md §5.5). The slots
-- of further shares are rows of slot with a lane number of lane + 32768 * share.
alter table subscription
  -- What the consumer needs: the order of each stream, or only that of each student's events.
  add column ordered_by text not null default 'stream' check (ordered_by in ('stream', 'student'));

alter table slot
  -- How many slots the lane is read through; the same in all of them.
  add column shares smallint not null default 1;

alter table course_exception
  -- Null: all that is owed. Otherwise, by share, the first number that its slot had not delivered when all slots of the
  -- lane were stopped.
  add column owed_from bigint[];

alter table lane_policy
  -- Of `dedicated`: through how many slots, where the subscription allows it.
  add column shares smallint not null default 1 check (shares between 1 and 32);
