-- kind: expand
-- How a fit went: log-losses by epoch, how well answers that were kept back were predicted, CLUEs of a few learners as
-- they answered (src/estimate/sparfa/fit-record.ts). For people to look at; nothing is computed from it.
alter table ecosystem_matrix add column fit_record jsonb;
