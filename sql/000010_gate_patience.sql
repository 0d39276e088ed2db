-- kind: expand
--
-- `append` that waits for a gate only so long and then fails with lock_not_available (55P03), so that whoever asked can
-- leave out what needs the gate and go on with the rest. 0 waits for as long as it takes.
create procedure append(
  patience_ms integer,
  bins smallint[], parts smallint[], stream_parts smallint[], streams uuid[], stream_starts integer[],
  run_streams integer[], run_parts integer[], run_ranks integer[],
  run_nexts integer[], run_events smallint[], run_types smallint[], run_bodies bytea[], has_hole boolean,
  created_kinds smallint[], created_parts smallint[], created_streams uuid[], created_ecosystems uuid[],
  window_events integer, window_bytes bigint, fold_limit integer,
  inout status integer, inout refused integer[]
) language plpgsql as $$
begin
  -- Until the end of the transaction, which the call below brings about itself.
  perform set_config('lock_timeout', patience_ms::text, true);
  call append(bins, parts, stream_parts, streams, stream_starts, run_streams, run_parts, run_ranks, run_nexts,
    run_events, run_types, run_bodies, has_hole, created_kinds, created_parts, created_streams, created_ecosystems,
    window_events, window_bytes, fold_limit, status, refused);
end
$$;
