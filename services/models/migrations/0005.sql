CREATE TABLE labelling_project (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  dataset TEXT NOT NULL,
  dataset_sha256 TEXT NOT NULL,
  task TEXT NOT NULL,
  classes TEXT NOT NULL,
  ordered BIGINT NOT NULL,
  instructions TEXT NOT NULL,
  selection TEXT NOT NULL,
  seed BIGINT NOT NULL,
  state TEXT NOT NULL,
  result TEXT NOT NULL,
  ended_why TEXT NOT NULL,
  created BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  created_by_name TEXT NOT NULL
);

CREATE TABLE labelling_member (
  project TEXT NOT NULL,
  position BIGINT NOT NULL,
  account TEXT NOT NULL,
  account_name TEXT NOT NULL,
  submitted BIGINT NOT NULL,
  PRIMARY KEY (project, position),
  UNIQUE (project, account)
);
CREATE INDEX labelling_member_account ON labelling_member (account);

CREATE TABLE labelling_case (
  project TEXT NOT NULL,
  number BIGINT NOT NULL,
  sample BIGINT NOT NULL,
  PRIMARY KEY (project, number)
);

CREATE TABLE labelling_answer (
  project TEXT NOT NULL,
  number BIGINT NOT NULL,
  member BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  class TEXT NOT NULL,
  reason TEXT NOT NULL,
  comment TEXT NOT NULL,
  shapes TEXT NOT NULL,
  duration_ms BIGINT NOT NULL,
  time BIGINT NOT NULL,
  PRIMARY KEY (project, number, member, revision)
);
