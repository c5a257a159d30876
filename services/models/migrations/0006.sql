CREATE TABLE truth (
  prediction TEXT NOT NULL,
  kind TEXT NOT NULL,
  revision BIGINT NOT NULL,
  withdrawn BIGINT NOT NULL,
  label TEXT NOT NULL,
  scheme TEXT NOT NULL,
  code TEXT NOT NULL,
  meaning TEXT NOT NULL,
  observed TEXT NOT NULL,
  origin TEXT NOT NULL,
  comment TEXT NOT NULL,
  author TEXT NOT NULL,
  author_name TEXT NOT NULL,
  time BIGINT NOT NULL,
  PRIMARY KEY (prediction, kind, revision)
);

CREATE TABLE truth_code (
  model TEXT NOT NULL,
  scheme TEXT NOT NULL,
  code TEXT NOT NULL,
  label TEXT NOT NULL,
  set_by TEXT NOT NULL,
  set_by_name TEXT NOT NULL,
  time BIGINT NOT NULL,
  PRIMARY KEY (model, scheme, code)
);
