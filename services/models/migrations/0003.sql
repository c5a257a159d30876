CREATE TABLE model_share (
  name TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  mode TEXT NOT NULL,
  percent DOUBLE PRECISION NOT NULL,
  since BIGINT NOT NULL,
  by_name TEXT NOT NULL
);
