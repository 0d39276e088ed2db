-- kind: expand
-- Who works on what: subscriptions, their members, the slots they own, and the streams that were set aside
-- (streams.md §4.5-4.6). Consumers keep one position per (subscription, lane) and nothing per course.

create table subscription (
  name text primary key,
  mode text not null check (mode in ('embedded', 'remote')),
  starts_at text not null check (starts_at in ('beginning', 'now', 'time', 'positions')),
  is_paused boolean not null default false,
  -- Null: every type.
  event_types text[],
  created_at timestamptz not null default now()
);

-- One row per process incarnation and subscription; a restarted process is a new member.
create table member (
  subscription text not null,
  member uuid not null,
  state text not null check (state in ('working', 'stopping')),
  lease_until timestamptz not null,
  started_at timestamptz not null default now(),
  build text not null,
  primary key (subscription, member)
);

-- The unit of ownership. `token` is the random secret of the current ownership, `epoch` counts ownerships.
create table slot (
  part smallint not null,
  lane int not null,
  subscription text not null,
  owner uuid,
  token uuid,
  epoch bigint not null default 0,
  -- Confirmed: every entry of the lane up to here has taken effect, or its stream is in course_exception.
  position bigint not null default 0,
  -- Rows of course_exception that belong to this slot, so that the common case does not look for them.
  exceptions int not null default 0,
  confirmed_at timestamptz,
  primary key (part, lane, subscription)
) with (fillfactor = 20, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_scale_factor = 0);

-- A stream that is behind its lane for one subscription. Numbers next_number … until_number - 1 were passed by the lane
-- and are still owed; whoever changes a row holds the row lock of its slot.
create table course_exception (
  part smallint not null,
  stream uuid not null,
  subscription text not null,
  lane int not null,
  state text not null check (state in ('retry', 'parked', 'replay', 'blocked')),
  next_number bigint not null,
  until_number bigint not null,
  -- The row stays until the lane has confirmed this position (a replay runs ahead of its lane).
  after_position bigint not null default 0,
  attempts int not null default 0,
  next_at timestamptz not null default now(),
  since timestamptz not null default now(),
  awaited_kind text check (awaited_kind in ('course', 'ecosystem')),
  awaited uuid,
  error text,
  primary key (part, stream, subscription)
);

-- Events that an operator decided a subscription never gets; it sees a no_op in their place, also in every replay.
create table subscription_skip (
  part smallint not null,
  stream uuid not null,
  subscription text not null,
  number bigint not null,
  actor text not null,
  reason text not null,
  at timestamptz not null default now(),
  primary key (part, stream, subscription, number)
);

-- What operators did to subscriptions: who, what and why.
create table subscription_audit (
  id uuid primary key,
  at timestamptz not null default now(),
  subscription text not null,
  action text not null,
  actor text not null,
  reason text not null,
  detail jsonb not null
);
