-- Payouts as the merchant sees them. How a payout is brought on chain is in the settlement tables.

CREATE TABLE api_accounts (
  business_id uuid NOT NULL,
  api_account_id uuid NOT NULL,
  token text NOT NULL,
  user_id uuid NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (business_id, api_account_id),
  UNIQUE (business_id, token),
  FOREIGN KEY (business_id, api_account_id) REFERENCES ledger_accounts (business_id, account_id),
  FOREIGN KEY (business_id, user_id) REFERENCES users (business_id, user_id)
);

-- payout_id is a UUID of version 7 made at created_at: the primary key is also the order of the list.
-- units are 10^-18 of the token.
CREATE TABLE payouts (
  business_id uuid NOT NULL,
  payout_id uuid NOT NULL,
  user_id uuid NOT NULL,
  api_account_id uuid NOT NULL,
  network text NOT NULL,
  token text NOT NULL,
  units numeric(78, 0) NOT NULL CHECK (units > 0),
  to_address text NOT NULL,
  merchant_reference text CHECK (length(merchant_reference) BETWEEN 1 AND 191),
  status text NOT NULL CHECK (status IN ('PENDING', 'PROCESSING', 'COMPLETED', 'FAILED')),
  transaction_hash text,
  info text,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (business_id, payout_id),
  UNIQUE (business_id, merchant_reference),
  CHECK (status <> 'COMPLETED' OR transaction_hash IS NOT NULL),
  CHECK (status <> 'FAILED' OR info IS NOT NULL)
);

-- Keyset pages of one status.
CREATE INDEX payouts_by_status ON payouts (business_id, status, payout_id);

-- Every change of a payout's state, in order. The primary key refuses a second change with one number.
CREATE TABLE payout_changes (
  business_id uuid NOT NULL,
  payout_id uuid NOT NULL,
  number integer NOT NULL CHECK (number >= 1),
  status text NOT NULL CHECK (status IN ('PENDING', 'PROCESSING', 'COMPLETED', 'FAILED')),
  detail text,
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (business_id, payout_id, number)
);

-- Who asked for a payout, and from where.
CREATE TABLE payout_audits (
  business_id uuid NOT NULL,
  payout_id uuid NOT NULL,
  client_ip text NOT NULL,
  credential_kind text NOT NULL CHECK (credential_kind IN ('API_KEY', 'OAUTH_CLIENT')),
  credential_id uuid NOT NULL,
  request_id text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (business_id, payout_id)
);

-- The first answer to a request that carried an Idempotency-Key, written in the transaction that the
-- request caused, so that a request that created nothing leaves no row.
CREATE TABLE idempotency_keys (
  business_id uuid NOT NULL,
  idempotency_key text NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 255),
  request_hash bytea NOT NULL CHECK (octet_length(request_hash) = 32),
  response_status integer NOT NULL,
  response_body text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (business_id, idempotency_key)
);
