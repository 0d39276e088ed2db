-- kind: expand
-- Work that trainers owe, and its results: one claim row per ecosystem, immutable matrices named by uuid.

-- `matrix` names one fit; in use is the one with the newest `in_use_from` that has passed. Columns keep the names of the original
-- serialisation (sparfa.md §14); float8 goes in and out with all its bits (extra_float_digits ≥ 1, the default).
create table ecosystem_matrix (
  part smallint not null,
  ecosystem uuid not null,
  matrix uuid not null,
  created_at timestamptz not null default clock_timestamp(),
  in_use_from timestamptz(3) not null,
  superseded_at timestamptz,
  q_ids uuid[] not null,
  c_ids uuid[] not null,
  d_data float8[] not null,
  w_data float8[] not null,
  w_row int4[] not null,
  w_col int4[] not null,
  h_mask_data boolean[] not null,
  h_mask_row int4[] not null,
  h_mask_col int4[] not null,
  made_by jsonb not null,
  primary key (part, ecosystem, matrix)
);
create index ecosystem_matrix_by_uuid on ecosystem_matrix (matrix);
create index ecosystem_matrix_in_use on ecosystem_matrix (part, ecosystem, in_use_from desc);

-- One row per ecosystem that was ever claimed. The token is proved under the row lock in the transaction that stores
-- the result, so a trainer that lost its claim stores nothing.
create table training (
  part smallint not null,
  ecosystem uuid not null,
  token uuid,
  claimed_until timestamptz,
  epoch int8 not null default 0,
  fits int4 not null default 0,
  fitted_at timestamptz,
  fitted_answers int8 not null default 0,
  failures int4 not null default 0,
  failed_at timestamptz,
  failure text,
  primary key (part, ecosystem)
);

-- Facts about this installation, such as whether the demo course was loaded.
create table installation (
  name text primary key,
  value jsonb not null,
  changed_at timestamptz not null default clock_timestamp()
);
