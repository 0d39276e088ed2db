-- kind: expand
--
-- Counted up each second on the primary by processes that read from replicas: what a replica shows of it tells how old
-- its state is. One row, which is nobody's lock: an update that would wait gives up.
create table reader_heartbeat (
  beat bigint not null,
  id boolean primary key default true check (id)
) with (fillfactor = 20);
insert into reader_heartbeat (beat) values (0);
