-- kind: expand
--
-- A gate for each part, where there was one for each sixteenth of the parts: an append touches no row but those of its
-- parts, so that one of a single part stays on one shard, and a gate that somebody holds for long keeps up fewer courses.
-- Not logged, because locks of rows are logged as well (54 B each) and there is nothing here to lose: after a crash or a
-- failover the table is empty, and who does not find the gates fills it.
create unlogged table part_gate (
  part smallint primary key
);

-- To be committed at once: whoever wants a gate waits for a transaction that has filled the table.
create function fill_gates() returns void language sql volatile as $$
  insert into part_gate
  select generate_series(0, 2 * i.parts - 1) from log_installation i
  on conflict do nothing
$$;

-- Locks the gates of these parts, each named once, in ascending order until the end of the transaction. Without one of
-- them there is no lock to be had (55P03), as when somebody else holds it for longer than `lock_timeout`.
create function hold_gates(wanted smallint[]) returns void language plpgsql volatile as $$
declare
  held integer;
begin
  perform from part_gate g where g.part = any (wanted) order by g.part for no key update;
  get diagnostics held = row_count;
  if held < cardinality(wanted) then
    raise lock_not_available using message = format('%s of the gates of parts %s are there', held, wanted);
  end if;
end
$$;

select fill_gates();

-- As before, but for the gates. Processes of the version before name bins; they lock both, and so exclude those that
-- still are in the middle of a call of before as well as those that know gates of parts only. `gate` and all that is
-- named bin go when no such process runs any more.
create or replace function append_runs(
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
  if cardinality(bins) > 0 then
    perform from gate g where g.bin = any (bins) order by g.bin for no key update;
  end if;
  perform hold_gates(parts);
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

-- As before, with the gates of the streams' parts.
create or replace procedure fold_pending(
  bins smallint[], stream_parts smallint[], streams uuid[], fold_limit integer
) language plpgsql as $$
declare
  outcome integer := 3;
  unknown_starts integer[] := array_fill(null::integer, array[cardinality(streams)]);
  parts smallint[] := array(select distinct p from unnest(stream_parts) p order by p);
begin
  while outcome = 3 loop
    select a.status
    into outcome
    from append_runs(bins, parts, stream_parts, streams, unknown_starts, '{}', '{}', '{}', '{}', '{}', '{}', '{}',
      true, '{}', '{}', '{}', '{}', 0, 0, fold_limit) a;
    commit;
  end loop;
end
$$;

-- As before, with the gate of the part. Without a bin nothing of `gate` is locked.
create or replace function move_stream(gate_bin smallint, stream_part smallint, moved_stream uuid, to_lane smallint)
returns void language plpgsql volatile as $$
declare
  last record;
begin
  perform from gate g where g.bin = gate_bin for no key update;
  perform hold_gates(array[stream_part]);
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
