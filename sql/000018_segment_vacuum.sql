-- kind: expand
-- Vacuum of the log. Its rows never change, so each page needs one visit, and that is cheapest soon after it was filled:
-- after the next checkpoint PostgreSQL logs the page whole once more for it (8 KB, some 80 B an answer). So what is new
-- decides when, not a share of what is there, and the visit freezes: without that each page is visited, and logged, again.
alter table segment set (
  autovacuum_vacuum_insert_threshold = 10000,
  autovacuum_vacuum_insert_scale_factor = 0,
  autovacuum_freeze_min_age = 0
);
