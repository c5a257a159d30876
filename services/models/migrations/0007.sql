CREATE TABLE model_gate (
  name TEXT PRIMARY KEY,
  gate TEXT NOT NULL,
  set_by TEXT NOT NULL,
  set_by_name TEXT NOT NULL,
  time BIGINT NOT NULL
);

CREATE TABLE model_acceptance (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  version BIGINT NOT NULL,
  document TEXT NOT NULL,
  signature TEXT NOT NULL
);
CREATE INDEX model_acceptance_version ON model_acceptance (name, version, id);

CREATE TABLE model_recall (
  name TEXT NOT NULL,
  version BIGINT NOT NULL,
  bundle TEXT NOT NULL,
  reason TEXT NOT NULL,
  by_id TEXT NOT NULL,
  by_name TEXT NOT NULL,
  time BIGINT NOT NULL,
  PRIMARY KEY (name, version)
);
