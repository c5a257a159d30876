CREATE TABLE experiments (
  id BIGINT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  stage TEXT NOT NULL,
  created_ms BIGINT NOT NULL,
  updated_ms BIGINT NOT NULL
);
CREATE TABLE experiment_tags (
  experiment BIGINT NOT NULL REFERENCES experiments (id),
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (experiment, key)
);
CREATE TABLE runs (
  id TEXT PRIMARY KEY,
  experiment BIGINT NOT NULL REFERENCES experiments (id),
  name TEXT NOT NULL,
  user_name TEXT NOT NULL,
  status TEXT NOT NULL,
  stage TEXT NOT NULL,
  start_ms BIGINT NOT NULL,
  end_ms BIGINT,
  own BIGINT NOT NULL,
  points BIGINT NOT NULL
);
CREATE INDEX runs_by_experiment ON runs (experiment, stage, start_ms);
CREATE TABLE params (
  run TEXT NOT NULL REFERENCES runs (id),
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (run, key)
);
CREATE TABLE tags (
  run TEXT NOT NULL REFERENCES runs (id),
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (run, key)
);
CREATE TABLE inputs (
  run TEXT NOT NULL REFERENCES runs (id),
  number BIGINT NOT NULL,
  json TEXT NOT NULL,
  PRIMARY KEY (run, number)
);
CREATE TABLE metrics (
  run TEXT NOT NULL REFERENCES runs (id),
  key TEXT NOT NULL,
  step BIGINT NOT NULL,
  time_ms BIGINT NOT NULL,
  nan BIGINT NOT NULL,
  value DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (run, key, step, time_ms, nan, value)
);
CREATE TABLE latest_metrics (
  run TEXT NOT NULL REFERENCES runs (id),
  key TEXT NOT NULL,
  step BIGINT NOT NULL,
  time_ms BIGINT NOT NULL,
  nan BIGINT NOT NULL,
  value DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (run, key)
);
INSERT INTO experiments (id, name, stage, created_ms, updated_ms) VALUES (0, 'Default', 'active', 0, 0);
