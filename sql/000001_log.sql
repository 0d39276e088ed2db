-- kind: expand
--
-- The log: streams of numbered events, sealed at append. `part` leads every key of the hot path, so that the same
-- tables can be distributed by it. Storage parameters are hints: a server that refuses them works without them.

-- Fixed when the database is made: courses use parts 0 … parts-1, ecosystems the next `parts` ones. A process that
-- was configured otherwise refuses to start.
create table log_installation (
  parts smallint not null,
  id boolean primary key default true check (id)
);

-- Locks of `append`: part % 16. Never updated, so a waiter never has to look again at a row that changed meanwhile.
create table gate (
  bin smallint primary key
);

-- The lanes there are. The row of lane 0 counts what its part holds in `pending` (early runs and their bytes) and the
-- streams of the part that have a lane of their own, so that the common append looks at neither. A lane's head is the
-- highest position in `segment`: nothing here is written by the common append.
create table lane (
  part smallint not null,
  lane smallint not null,
  early_runs integer not null default 0,
  early_bytes bigint not null default 0,
  moved_streams integer not null default 0,
  needs_look boolean generated always as (early_runs > 0 or moved_streams > 0) stored,
  primary key (part, lane)
) with (fillfactor = 20, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_scale_factor = 0);
create index lane_needing_look on lane (part) where needs_look;

-- A gap-free run of one stream's events (`next_number - events` up to, not including, `next_number`) at one position of
-- a lane. Inserted once, never updated but for erasure of bodies. The head of a stream is its highest next_number.
-- `types` has bit (code + 1) set for each type of event inside. The body's form: src/log/codec.ts.
create table segment (
  position bigint not null,
  recorded_at timestamptz not null,
  stream uuid not null,
  next_number integer not null,
  part smallint not null,
  lane smallint not null,
  events smallint not null,
  types smallint not null,
  body bytea not null
) with (toast_tuple_target = 8160, autovacuum_vacuum_insert_scale_factor = 0.05);
alter table segment alter column body set storage external;
create unique index segment_by_position on segment (part, lane, position);
create unique index segment_by_number on segment (part, stream, next_number);

-- Runs that came before an earlier number of their stream. A queue: rows leave when the hole before them closes.
create table pending (
  part smallint not null,
  stream uuid not null,
  next_number integer not null,
  events smallint not null,
  types smallint not null,
  arrived_at timestamptz not null,
  body bytea not null,
  primary key (part, stream, next_number)
) with (toast_tuple_target = 8160, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0);
alter table pending alter column body set storage external;

-- Only streams that have, or had, a lane of their own.
create table stream_lane (
  part smallint not null,
  stream uuid not null,
  lane smallint not null,
  primary key (part, stream)
);

-- Each change of lane: the run that starts at `number` stands in another lane than the run before it, which ends at
-- `after_position` of `after_lane`. Who reads lanes apart must not pass the one before having passed the other.
create table stream_move (
  part smallint not null,
  stream uuid not null,
  number integer not null,
  after_lane smallint not null,
  after_position bigint not null,
  moved_at timestamptz not null default clock_timestamp(),
  primary key (part, stream, number)
);

-- Created streams of a kind (0 course, 1 ecosystem) by a gapless number in commit order. Not distributed by part: a
-- number is given under the lock of one counter row per kind, taken last and by creates alone.
create table stream_counter (
  kind smallint primary key,
  next_number integer not null
);
create table stream_metadata (
  kind smallint not null,
  number integer not null,
  part smallint not null,
  stream uuid not null,
  initial_ecosystem uuid,
  primary key (kind, number)
);

-- Events that were refused because their number is taken; capped per stream by the writer and aged out.
create table rejected_event (
  part smallint not null,
  stream uuid not null,
  number integer not null,
  event_uuid uuid not null,
  type smallint not null,
  existing_event_uuid uuid not null,
  existing_type smallint not null,
  rejected_at timestamptz not null default clock_timestamp(),
  data json not null,
  primary key (part, stream, number, event_uuid)
);

-- Who repaired, skipped, moved or erased what, and why.
create table stream_audit (
  part smallint not null,
  stream uuid not null,
  at timestamptz not null default clock_timestamp(),
  action text not null,
  actor text not null,
  reason text not null,
  detail jsonb not null default '{}',
  id uuid not null default gen_random_uuid(),
  primary key (part, stream, at, id)
);

insert into log_installation (parts) values (64);
insert into lane (part, lane) select part, 0 from generate_series(0, 127) part;
insert into gate select generate_series(0, 15);
insert into stream_counter values (0, 0), (1, 0);

-- The common case: every stream's first number is its head, and nothing of it waits or has a lane of its own. Stores
-- the runs and returns true, or returns false and has changed nothing.
create function append_at_heads(
  parts smallint[], stream_parts smallint[], streams uuid[], stream_starts integer[],
  run_streams integer[], run_parts integer[], run_ranks integer[],
  run_nexts integer[], run_events smallint[], run_types smallint[], run_bodies bytea[],
  moment timestamptz
) returns boolean language plpgsql volatile as $$
declare
  bases bigint[];
  fits boolean;
begin
  -- A backward step in the index for each lane: the position of its last run is its head.
  select array_agg(coalesce(h.position, 0) order by g.place)
  into bases
  from unnest(parts) with ordinality g (part, place)
  left join lateral (
    select s.position
    from segment s
    where s.part = g.part
      and s.lane = 0
    order by s.part desc, s.lane desc, s.position desc
    limit 1
  ) h on true;

  -- The end of a stream's last run is its head: a backward step in the index. The lower bound changes no answer (below
  -- it the stream does not fit either), but lets the scan stop after one entry instead of taking the page's others.
  select bool_and(g.start = coalesce(h.next_number, 0))
  into fits
  from unnest(stream_parts, streams, stream_starts) g (part, stream, start)
  left join lateral (
    select s.next_number
    from segment s
    where s.part = g.part
      and s.stream = g.stream
      and s.next_number >= g.start
    order by s.part desc, s.stream desc, s.next_number desc
    limit 1
  ) h on true;

  if fits and exists (
    select
    from lane l
    where l.part = any (parts)
      and l.needs_look
  ) then
    select not exists (
      select
      from unnest(stream_parts, streams, stream_starts) g (part, stream, start)
      cross join lateral (
        (select
        from pending p
        where p.part = g.part
          and p.stream = g.stream
          and p.next_number > g.start
        order by p.part, p.stream, p.next_number
        limit 1)
        union all
        (select
        from stream_lane m
        where m.part = g.part
          and m.stream = g.stream
          and m.lane <> 0
        limit 1)
      ) special
    )
    into fits;
  end if;

  if not fits then
    return false;
  end if;
  insert into segment (position, recorded_at, stream, next_number, part, lane, events, types, body)
  select bases[g.part] + g.rank, moment, streams[g.stream], g.next_number, parts[g.part], 0, g.events, g.types, g.body
  from unnest(run_streams, run_parts, run_ranks, run_nexts, run_events, run_types, run_bodies)
    g (stream, part, rank, next_number, events, types, body);
  return true;
end
$$;

-- Is any number of the runs stored already, contiguous or early? The first row that ends behind a run's start decides.
create function overlaps_stored(
  stream_parts smallint[], streams uuid[], run_streams integer[], run_nexts integer[], run_events smallint[]
) returns boolean language plpgsql volatile as $$
begin
  return exists (
    select
    from unnest(run_streams, run_nexts, run_events) g (stream, next_number, events)
    cross join lateral (
      select s.next_number - s.events as start
      from segment s
      where s.part = stream_parts[g.stream]
        and s.stream = streams[g.stream]
        and s.next_number > g.next_number - g.events
      order by s.part, s.stream, s.next_number
      limit 1
    ) s
    where s.start < g.next_number
  ) or exists (
    select
    from unnest(run_streams, run_nexts, run_events) g (stream, next_number, events)
    cross join lateral (
      select p.next_number - p.events as start
      from pending p
      where p.part = stream_parts[g.stream]
        and p.stream = streams[g.stream]
        and p.next_number > g.next_number - g.events
      order by p.part, p.stream, p.next_number
      limit 1
    ) p
    where p.start < g.next_number
  );
end
$$;

-- The general case: given and early runs of each stream in order; what chains on to the head is sealed, the rest waits
-- in `pending`. Early runs are looked at only where something given closes the hole at the head (or, with a null start,
-- on a call to fold alone), and at most `fold_limit` of them. Status and refused: see append_runs.
create function append_anywhere(
  stream_parts smallint[], streams uuid[], stream_starts integer[],
  run_streams integer[], run_nexts integer[], run_events smallint[], run_types smallint[], run_bodies bytea[],
  window_events integer, window_bytes bigint, fold_limit integer, moment timestamptz,
  out status integer, out refused integer[]
) language plpgsql volatile as $$
declare
  heads integer[];
  lanes smallint[];
  folded integer;
  is_heavy boolean;
begin
  select array_agg(coalesce(h.next_number, 0) order by g.place), array_agg(coalesce(m.lane, 0) order by g.place)
  into heads, lanes
  from unnest(stream_parts, streams) with ordinality g (part, stream, place)
  left join lateral (
    select s.next_number
    from segment s
    where s.part = g.part
      and s.stream = g.stream
    order by s.part desc, s.stream desc, s.next_number desc
    limit 1
  ) h on true
  left join lateral (
    select m.lane from stream_lane m where m.part = g.part and m.stream = g.stream limit 1
  ) m on true;

  with candidate as (
    select g.run_index, g.stream, g.next_number, g.events, g.types, g.body, null::tid as place
    from unnest(run_streams, run_nexts, run_events, run_types, run_bodies)
      with ordinality g (stream, next_number, events, types, body, run_index)
    union all
    select null, g.stream, p.next_number, p.events, p.types, p.body, p.place
    from unnest(stream_starts) with ordinality g (start, stream)
    cross join lateral (
      select p.next_number, p.events, p.types, p.body, p.ctid as place
      from pending p
      where (g.start is null or g.start = heads[g.stream])
        and p.part = stream_parts[g.stream]
        and p.stream = streams[g.stream]
        and p.next_number > heads[g.stream]
      order by p.part, p.stream, p.next_number
      limit fold_limit
    ) p
  ),
  chained as (
    select c.*, stream_parts[c.stream] as part, lanes[c.stream] as lane,
      c.next_number = heads[c.stream] + sum(c.events) over (partition by c.stream order by c.next_number) as is_next
    from candidate c
  ),
  ranked as (
    select c.*,
      row_number() over (partition by c.part, c.lane, c.is_next order by c.stream, c.next_number) as rank,
      max(case when c.is_next then c.next_number else heads[c.stream] end) over (partition by c.stream) as new_head
    from chained c
  ),
  left_pending as (
    delete from pending p
    using ranked r
    where r.is_next
      and p.ctid = r.place
  ),
  went_pending as (
    insert into pending (part, stream, next_number, events, types, arrived_at, body)
    select r.part, streams[r.stream], r.next_number, r.events, r.types, moment, r.body
    from ranked r
    where not r.is_next
      and r.place is null
  ),
  change as (
    update lane l
    set early_runs = l.early_runs + c.runs,
      early_bytes = l.early_bytes + c.bytes
    from (
      select r.part, sum(case when r.is_next then -1 else 1 end) as runs,
        sum(case when r.is_next then -octet_length(r.body) else octet_length(r.body) end) as bytes
      from ranked r
      where r.is_next = (r.place is not null)
      group by r.part
    ) c
    where l.part = c.part
      and l.lane = 0
    returning l.early_bytes
  ),
  base as (
    select d.part, d.lane, coalesce(h.position, 0) as position
    from (select distinct r.part, r.lane from ranked r where r.is_next) d
    left join lateral (
      select s.position
      from segment s
      where s.part = d.part
        and s.lane = d.lane
      order by s.part desc, s.lane desc, s.position desc
      limit 1
    ) h on true
  ),
  sealed as (
    insert into segment (position, recorded_at, stream, next_number, part, lane, events, types, body)
    select b.position + r.rank, moment, streams[r.stream], r.next_number, r.part, r.lane, r.events, r.types, r.body
    from ranked r
    join base b on b.part = r.part and b.lane = r.lane
    where r.is_next
  )
  select
    (select array_agg(r.run_index) from ranked r
      where not r.is_next and r.place is null and r.next_number - 1 > r.new_head + window_events),
    (select max(f.runs) from (
      select count(*) as runs from ranked r where r.is_next and r.place is not null group by r.stream) f),
    (select bool_or(c.early_bytes > window_bytes) from change c)
  into refused, folded, is_heavy;

  if is_heavy and refused is null then
    select array_agg(g.run_index)
    into refused
    from unnest(run_streams, run_nexts) with ordinality g (stream, next_number, run_index)
    cross join lateral (
      select sum(octet_length(p.body)) as bytes, bool_or(p.next_number = g.next_number) as waits
      from pending p
      where p.part = stream_parts[g.stream]
        and p.stream = streams[g.stream]
    ) p
    where p.waits
      and p.bytes > window_bytes;
  end if;
  status := case when refused is not null then 2 when folded >= fold_limit then 3 else 0 end;
end
$$;

-- Gives created streams their gapless numbers. The counter's row is locked until commit, after everything else.
create function number_created(kinds smallint[], parts smallint[], streams uuid[], ecosystems uuid[])
returns void language plpgsql volatile as $$
declare
  given smallint;
  base integer;
begin
  foreach given in array array[0, 1]::smallint[] loop
    continue when not given = any (kinds);
    update stream_counter c
    set next_number = c.next_number + (select count(*) from unnest(kinds) k where k = given)
    where c.kind = given
    returning c.next_number - (select count(*) from unnest(kinds) k where k = given)
    into base;
    insert into stream_metadata (kind, number, part, stream, initial_ecosystem)
    select given, base + row_number() over (order by g.place) - 1, g.part, g.stream, g.ecosystem
    from unnest(kinds, parts, streams, ecosystems) with ordinality g (kind, part, stream, ecosystem, place)
    where g.kind = given;
  end loop;
end
$$;

-- Stores planned runs (src/log/plan.ts), all or none. Arrays are in order of part, stream, number; `run_streams` and
-- `run_parts` are 1-based indexes. status 0: stored. 1: a number is stored already, roll back. 2: the runs in `refused`
-- are too far ahead of a hole, roll back. 3: stored, and more of `pending` may be folded.
-- Planner settings are pinned: plans made on empty tables must be right on full ones (append.plan.test.ts).
create function append_runs(
  bins smallint[], parts smallint[], stream_parts smallint[], streams uuid[], stream_starts integer[],
  run_streams integer[], run_parts integer[], run_ranks integer[],
  run_nexts integer[], run_events smallint[], run_types smallint[], run_bodies bytea[], has_hole boolean,
  created_kinds smallint[], created_parts smallint[], created_streams uuid[], created_ecosystems uuid[],
  window_events integer, window_bytes bigint, fold_limit integer,
  out status integer, out refused integer[]
) language plpgsql volatile
  set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
  set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  moment timestamptz;
begin
  -- Each later statement has a newer snapshot and so sees what the holder of the gate before us committed.
  perform from gate g where g.bin = any (bins) order by g.bin for no key update;
  moment := clock_timestamp();
  if not has_hole and append_at_heads(parts, stream_parts, streams, stream_starts, run_streams, run_parts,
      run_ranks, run_nexts, run_events, run_types, run_bodies, moment) then
    status := 0;
  elsif overlaps_stored(stream_parts, streams, run_streams, run_nexts, run_events) then
    status := 1;
  else
    select a.status, a.refused
    into status, refused
    from append_anywhere(stream_parts, streams, stream_starts, run_streams, run_nexts, run_events, run_types,
      run_bodies, window_events, window_bytes, fold_limit, moment) a;
  end if;
  -- A create is number 0 of its stream, so the call that stores it seals it.
  if status in (0, 3) and cardinality(created_kinds) > 0 then
    perform number_created(created_kinds, created_parts, created_streams, created_ecosystems);
  end if;
end
$$;

-- Folds what is contiguous in `pending`, a limited number of runs a transaction.
create procedure fold_pending(
  bins smallint[], stream_parts smallint[], streams uuid[], fold_limit integer
) language plpgsql as $$
declare
  outcome integer := 3;
  unknown_starts integer[] := array_fill(null::integer, array[cardinality(streams)]);
begin
  while outcome = 3 loop
    select a.status
    into outcome
    from append_runs(bins, '{}', stream_parts, streams, unknown_starts, '{}', '{}', '{}', '{}', '{}', '{}', '{}',
      true, '{}', '{}', '{}', '{}', 0, 0, fold_limit) a;
    commit;
  end loop;
end
$$;

-- One group. Ends its transaction itself: a client that stops between Execute and Sync holds no gate.
create procedure append(
  bins smallint[], parts smallint[], stream_parts smallint[], streams uuid[], stream_starts integer[],
  run_streams integer[], run_parts integer[], run_ranks integer[],
  run_nexts integer[], run_events smallint[], run_types smallint[], run_bodies bytea[], has_hole boolean,
  created_kinds smallint[], created_parts smallint[], created_streams uuid[], created_ecosystems uuid[],
  window_events integer, window_bytes bigint, fold_limit integer,
  inout status integer, inout refused integer[]
) language plpgsql as $$
begin
  select a.status, a.refused
  into status, refused
  from append_runs(bins, parts, stream_parts, streams, stream_starts, run_streams, run_parts, run_ranks,
    run_nexts, run_events, run_types, run_bodies, has_hole, created_kinds, created_parts, created_streams,
    created_ecosystems, window_events, window_bytes, fold_limit) a;
  if status in (1, 2) then
    rollback;
    return;
  end if;
  commit;
  if status = 3 then
    call fold_pending(bins, stream_parts, streams, fold_limit);
    status := 0;
  end if;
end
$$;

-- Gives a stream another lane from its next run on. The gate keeps appends of its part away until the end of the
-- transaction, so every later run sees the new lane and every earlier one is counted in the dependency.
create function move_stream(gate_bin smallint, stream_part smallint, moved_stream uuid, to_lane smallint)
returns void language plpgsql volatile as $$
declare
  last record;
begin
  perform from gate g where g.bin = gate_bin for no key update;
  insert into lane (part, lane) values (stream_part, to_lane) on conflict do nothing;
  select s.next_number, s.lane, s.position
  into last
  from segment s
  where s.part = stream_part
    and s.stream = moved_stream
  order by s.part desc, s.stream desc, s.next_number desc
  limit 1;
  if last.next_number is not null then
    insert into stream_move (part, stream, number, after_lane, after_position)
    values (stream_part, moved_stream, last.next_number, last.lane, last.position)
    on conflict do nothing;
  end if;
  insert into stream_lane (part, stream, lane)
  values (stream_part, moved_stream, to_lane)
  on conflict (part, stream) do update set lane = excluded.lane;
  update lane l
  set moved_streams = (select count(*) from stream_lane m where m.part = stream_part and m.lane <> 0)
  where l.part = stream_part
    and l.lane = 0;
end
$$;

-- For people: what the log holds, one row an event. Never used by the program.
create function unpack_body(body bytea, stream uuid, first_number integer)
returns table (number integer, code integer, event_uuid uuid, data json) language plpgsql immutable as $$
declare
  at integer := 1;
  tag integer;
  packed bigint;
  digits integer;
  seconds bigint;
  zone integer;
  rest integer;
  ecosystem uuid;
  student uuid;
  responded text;
begin
  number := first_number;
  while at <= octet_length(body) loop
    tag := get_byte(body, at - 1);
    event_uuid := encode(substring(body from at + 1 for 16), 'hex')::uuid;
    if tag < 128 then
      code := tag - 1;
      rest := ('x' || encode(substring(body from at + 17 for 4), 'hex'))::bit(32)::integer;
      data := convert_from(substring(body from at + 21 for rest), 'UTF8')::json;
      at := at + 21 + rest;
    else
      code := 8;
      seconds := ('x' || encode(substring(body from at + 49 for 5), 'hex'))::bit(40)::bigint;
      packed := ('x' || encode(substring(body from at + 54 for 3), 'hex'))::bit(24)::integer;
      digits := packed >> 20;
      responded := to_char(timestamp 'epoch' + seconds * interval '1 second', 'YYYY-MM-DD"T"HH24:MI:SS');
      if digits > 0 then
        responded := responded || '.' || left(lpad((packed & 1048575)::text, 6, '0'), digits);
      end if;
      rest := at + 57;
      if tag & 32 <> 0 then
        zone := ('x' || encode(substring(body from rest for 2), 'hex'))::bit(16)::integer;
        zone := case when zone > 32767 then zone - 65536 else zone end;
        responded := responded || case when zone < 0 then '-' else '+' end
          || to_char(abs(zone) / 60, 'FM00') || ':' || to_char(abs(zone) % 60, 'FM00');
        rest := rest + 2;
      else
        responded := responded || 'Z';
      end if;
      if tag & 8 = 0 then
        ecosystem := encode(substring(body from rest for 16), 'hex')::uuid;
        rest := rest + 16;
      end if;
      if tag & 16 = 0 then
        student := encode(substring(body from rest for 16), 'hex')::uuid;
        rest := rest + 16;
      end if;
      data := json_strip_nulls(json_build_object(
        'response_uuid', event_uuid,
        'course_uuid', stream,
        'sequence_number', number,
        'ecosystem_uuid', ecosystem,
        'trial_uuid', encode(substring(body from at + 17 for 16), 'hex')::uuid,
        'student_uuid', student,
        'exercise_uuid', encode(substring(body from at + 33 for 16), 'hex')::uuid,
        'is_correct', tag & 1 <> 0,
        'is_real_response', case when tag & 2 <> 0 then tag & 4 <> 0 end,
        'responded_at', responded));
      at := rest;
    end if;
    return next;
    number := number + 1;
  end loop;
end
$$;

create view stream_event as
select case when s.part < i.parts then 'course' else 'ecosystem' end as kind,
  s.stream, e.number, e.event_uuid, e.data, s.recorded_at, s.part, s.lane, s.position,
  case
    when e.code = 0 and s.part >= i.parts then 'create_ecosystem'
    else (array['no_op', 'create_course', 'prepare_course_ecosystem', 'update_course_ecosystem', 'update_roster',
      'update_course_active_dates', 'update_globally_excluded_exercises', 'update_course_excluded_exercises',
      'create_update_assignment', 'record_response'])[e.code + 2]
  end as type
from log_installation i
cross join segment s
cross join lateral unpack_body(s.body, s.stream, s.next_number - s.events) e;
