CREATE TABLE observation (
  prediction TEXT PRIMARY KEY,
  model TEXT NOT NULL,
  version BIGINT NOT NULL,
  day BIGINT NOT NULL,
  tensor_sha256 TEXT NOT NULL,
  applicable BIGINT NOT NULL,
  unusual BIGINT NOT NULL,
  finding TEXT NOT NULL,
  score DOUBLE PRECISION NOT NULL,
  layout BIGINT NOT NULL,
  measured TEXT NOT NULL
);
CREATE INDEX observation_day ON observation (model, version, day, tensor_sha256);

CREATE TABLE watch_reference (
  model TEXT NOT NULL,
  version BIGINT NOT NULL,
  number BIGINT NOT NULL,
  until_day BIGINT NOT NULL,
  reference TEXT NOT NULL,
  reason TEXT NOT NULL,
  set_by TEXT NOT NULL,
  set_by_name TEXT NOT NULL,
  time BIGINT NOT NULL,
  PRIMARY KEY (model, version, number)
);

CREATE TABLE watch_day (
  model TEXT NOT NULL,
  version BIGINT NOT NULL,
  day BIGINT NOT NULL,
  verdict TEXT NOT NULL,
  PRIMARY KEY (model, version, day)
);

CREATE TABLE watch_alarm (
  id TEXT PRIMARY KEY,
  model TEXT NOT NULL,
  version BIGINT NOT NULL,
  test TEXT NOT NULL,
  state TEXT NOT NULL,
  first_day BIGINT NOT NULL,
  last_day BIGINT NOT NULL,
  measured TEXT NOT NULL,
  raised BIGINT NOT NULL,
  acknowledged_by TEXT NOT NULL,
  acknowledged_by_name TEXT NOT NULL,
  acknowledged BIGINT NOT NULL,
  comment TEXT NOT NULL
);
CREATE INDEX watch_alarm_model ON watch_alarm (model, version, state);
