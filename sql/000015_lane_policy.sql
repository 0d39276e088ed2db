-- kind: expand
-- Which streams have a lane of their own, and why (streams.md §4.4). A stream without a policy follows its rate.
create table lane_policy (
  part smallint not null,
  stream uuid not null,
  policy text not null check (policy in ('shared', 'dedicated')),
  primary key (part, stream)
);

-- Up to where rates were measured, by lane. Whoever holds the row of lane 0 to commit measures its part.
create table lane_measure (
  part smallint not null,
  lane smallint not null,
  position bigint not null,
  measured_at timestamptz not null,
  primary key (part, lane)
);

-- Streams with many events lately, and those with a lane of their own: a moving average, for how many windows in a row
-- it has been high enough for an own lane, and for how long too low to keep one.
create table stream_rate (
  part smallint not null,
  stream uuid not null,
  events_per_second double precision not null,
  busy_windows integer not null,
  quiet_seconds double precision not null,
  primary key (part, stream)
);
