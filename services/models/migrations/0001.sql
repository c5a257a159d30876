CREATE TABLE dataset (
  name TEXT PRIMARY KEY,
  sha256 TEXT NOT NULL,
  summary TEXT NOT NULL,
  classes TEXT NOT NULL,
  created BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  created_by_name TEXT NOT NULL,
  job_id TEXT NOT NULL
);

CREATE TABLE model_version (
  name TEXT NOT NULL,
  version BIGINT NOT NULL,
  bundle TEXT NOT NULL,
  stage TEXT NOT NULL,
  evaluated BIGINT NOT NULL,
  auroc DOUBLE PRECISION,
  dataset TEXT NOT NULL,
  created BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  created_by_name TEXT NOT NULL,
  job_id TEXT NOT NULL,
  PRIMARY KEY (name, version),
  UNIQUE (name, bundle)
);
CREATE UNIQUE INDEX model_live ON model_version (name) WHERE stage = 'live';

CREATE TABLE stage_change (
  name TEXT NOT NULL,
  version BIGINT NOT NULL,
  time BIGINT NOT NULL,
  before_stage TEXT NOT NULL,
  after_stage TEXT NOT NULL,
  by_id TEXT NOT NULL,
  by_name TEXT NOT NULL
);
CREATE INDEX stage_change_model ON stage_change (name, version, time);

CREATE TABLE prediction (
  id TEXT PRIMARY KEY,
  created BIGINT NOT NULL,
  model TEXT NOT NULL,
  version BIGINT NOT NULL,
  bundle TEXT NOT NULL,
  stage TEXT NOT NULL,
  intended_use TEXT NOT NULL,
  engine TEXT NOT NULL,
  input_sha256 TEXT NOT NULL,
  tensor_sha256 TEXT NOT NULL,
  input_type TEXT NOT NULL,
  outputs TEXT NOT NULL,
  probability DOUBLE PRECISION NOT NULL,
  threshold DOUBLE PRECISION NOT NULL,
  finding TEXT NOT NULL,
  uncertainty TEXT NOT NULL,
  warnings TEXT NOT NULL,
  blinded BIGINT NOT NULL,
  source TEXT NOT NULL,
  agent TEXT NOT NULL,
  agent_name TEXT NOT NULL
);
CREATE INDEX prediction_model ON prediction (model, id);
CREATE INDEX prediction_input ON prediction (input_sha256);
CREATE INDEX prediction_tensor ON prediction (tensor_sha256);
CREATE INDEX prediction_blinded ON prediction (agent, blinded);

CREATE TABLE prediction_view (
  prediction TEXT NOT NULL,
  reader TEXT NOT NULL,
  first_seen BIGINT NOT NULL,
  PRIMARY KEY (prediction, reader)
);

CREATE TABLE verdict (
  prediction TEXT NOT NULL,
  finding TEXT NOT NULL,
  reader TEXT NOT NULL,
  revision BIGINT NOT NULL,
  reader_name TEXT NOT NULL,
  agree BIGINT,
  label TEXT NOT NULL,
  comment TEXT NOT NULL,
  saw_prediction_first BIGINT NOT NULL,
  time BIGINT NOT NULL,
  PRIMARY KEY (prediction, finding, reader, revision)
);

CREATE TABLE idempotency (
  agent TEXT NOT NULL,
  key TEXT NOT NULL,
  request TEXT NOT NULL,
  result TEXT NOT NULL,
  created BIGINT NOT NULL,
  PRIMARY KEY (agent, key)
);
