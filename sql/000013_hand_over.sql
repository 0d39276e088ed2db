-- kind: expand
-- A stream that changed lanes is not delivered from the new lane before the old one (streams.md §4.4). In a shared lane
-- it waits aside, so that the others go on.
alter table course_exception
  -- Nothing of the stream may be delivered before the subscription has confirmed this position of the other lane.
  add column awaited_lane int,
  add column awaited_position bigint,
  -- The row stays until the other lanes of the part have confirmed these positions: position (as text) by lane.
  add column after_lanes jsonb not null default '{}';
