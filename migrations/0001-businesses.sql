-- Businesses and who may act for them.
--
-- Every key of tenant data begins with business_id, so that a distributed engine can keep all rows of
-- a business on one shard. Ids and times come from the program; there are no defaults that call
-- functions, no sequences and no triggers.

CREATE TABLE businesses (
  business_id uuid PRIMARY KEY,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);

CREATE TABLE users (
  business_id uuid NOT NULL REFERENCES businesses (business_id),
  user_id uuid NOT NULL,
  email text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  created_at timestamptz NOT NULL,
  PRIMARY KEY (business_id, user_id),
  UNIQUE (business_id, email)
);

-- An API key names its business and its id in the clear, so that it is found within one shard.
-- Only the SHA-256 of its 256-bit secret is kept: a fast hash is right for a secret that cannot be guessed.
CREATE TABLE api_keys (
  business_id uuid NOT NULL,
  api_key_id uuid NOT NULL,
  user_id uuid NOT NULL,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
  scopes text[] NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  PRIMARY KEY (business_id, api_key_id),
  FOREIGN KEY (business_id, user_id) REFERENCES users (business_id, user_id)
);

CREATE TABLE oauth_clients (
  business_id uuid NOT NULL,
  oauth_client_id uuid NOT NULL,
  user_id uuid NOT NULL,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
  scopes text[] NOT NULL,
  created_at timestamptz NOT NULL,
  revoked_at timestamptz,
  PRIMARY KEY (business_id, oauth_client_id),
  FOREIGN KEY (business_id, user_id) REFERENCES users (business_id, user_id)
);

-- One list per business, for API keys and OAuth clients alike. An empty list lets nobody in.
-- The range is kept in its canonical text form, which the program compares.
CREATE TABLE ip_allow_list (
  business_id uuid NOT NULL REFERENCES businesses (business_id),
  entry_id uuid NOT NULL,
  range text NOT NULL,
  label text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (business_id, entry_id),
  UNIQUE (business_id, range)
);
