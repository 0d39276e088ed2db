-- kind: expand
--
-- `append` gives up a wait for a gate after `patience_ms`, but what it folds afterwards, in transactions of their own,
-- waited for the gates of all parts of the group at once and without an end, holding those it had. Folding now holds
-- the gate of the part that it folds and no other, waits as long as the append itself, and leaves a part whose gate
-- does not come free in time to the next call: the group is stored, and whoever asked is not kept waiting for more.
create procedure fold_pending(
  patience_ms integer, bins smallint[], stream_parts smallint[], streams uuid[], fold_limit integer
) language plpgsql as $$
declare
  fold_part smallint;
  own_bins smallint[];
  own_parts smallint[];
  own_streams uuid[];
  unknown_starts integer[];
  outcome integer;
begin
  foreach fold_part in array array(select distinct p from unnest(stream_parts) p order by p) loop
    own_bins := array(select b from unnest(bins) b where b = fold_part % 16);
    select array_agg(g.part), array_agg(g.stream), array_agg(null::integer)
    into own_parts, own_streams, unknown_starts
    from unnest(stream_parts, streams) g (part, stream)
    where g.part = fold_part;
    loop
      -- Until the commit.
      perform set_config('lock_timeout', patience_ms::text, true);
      begin
        select a.status
        into outcome
        from append_runs(own_bins, array[fold_part], own_parts, own_streams, unknown_starts, '{}', '{}', '{}', '{}',
          '{}', '{}', '{}', true, '{}', '{}', '{}', '{}', 0, 0, fold_limit) a;
      exception
        when lock_not_available then outcome := 0;
      end;
      commit;
      exit when outcome <> 3;
    end loop;
  end loop;
end
$$;

-- For processes of the version before, which name no patience: as long as it takes.
create or replace procedure fold_pending(
  bins smallint[], stream_parts smallint[], streams uuid[], fold_limit integer
) language plpgsql as $$
begin
  call fold_pending(0, bins, stream_parts, streams, fold_limit);
end
$$;

-- As before, but for the patience of the fold. One group; ends its transaction itself: a client that stops between
-- Execute and Sync holds no gate.
create or replace procedure append(
  patience_ms integer,
  bins smallint[], parts smallint[], stream_parts smallint[], streams uuid[], stream_starts integer[],
  run_streams integer[], run_parts integer[], run_ranks integer[],
  run_nexts integer[], run_events smallint[], run_types smallint[], run_bodies bytea[], has_hole boolean,
  created_kinds smallint[], created_parts smallint[], created_streams uuid[], created_ecosystems uuid[],
  window_events integer, window_bytes bigint, fold_limit integer,
  inout status integer, inout refused integer[]
) language plpgsql as $$
begin
  perform set_config('lock_timeout', patience_ms::text, true);
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
    call fold_pending(patience_ms, bins, stream_parts, streams, fold_limit);
    status := 0;
  end if;
end
$$;
