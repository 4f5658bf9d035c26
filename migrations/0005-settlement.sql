-- Settlement's own tables, keyed by network: they do not live on the business's shard. They meet the
-- tenant's tables through outbox items (an order arrives) and through reported_version (its progress
-- goes back), each idempotent; no transaction spans both.

-- The exclusive right to sign for one sender on one network: a lease with a fencing token, and the
-- next sequence (EVM: nonce), which comes from here; the chain's own count is only a floor.
CREATE TABLE settlement_lanes (
  network text NOT NULL,
  sender text NOT NULL,
  next_sequence bigint NOT NULL CHECK (next_sequence >= 0),
  holder_id uuid,
  lease_token bigint NOT NULL,
  lease_until timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (network, sender)
);

-- One row a payout. units are in the asset's own units on this network.
--   QUEUED     nothing signed is alive
--   IN_FLIGHT  fence names the chain resource that its live attempts share
--   PAID, REFUSED  proven, final
-- version counts the changes that the payout must hear of; reported_version those that it has heard.
CREATE TABLE settlement_orders (
  network text NOT NULL,
  payout_id uuid NOT NULL,
  business_id uuid NOT NULL,
  token text NOT NULL,
  units numeric(78, 0) NOT NULL CHECK (units > 0),
  to_address text NOT NULL,
  state text NOT NULL CHECK (state IN ('QUEUED', 'IN_FLIGHT', 'PAID', 'REFUSED')),
  fence text,
  available_at timestamptz NOT NULL,
  claim_token bigint NOT NULL,
  waiting_for text,
  transaction_hash text,
  info text,
  proof jsonb,
  version integer NOT NULL,
  reported_version integer NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (network, payout_id),
  CHECK (state <> 'QUEUED' OR fence IS NULL),
  CHECK (state NOT IN ('IN_FLIGHT', 'PAID') OR fence IS NOT NULL),
  CHECK (state NOT IN ('PAID', 'REFUSED') OR proof IS NOT NULL),
  CHECK (state <> 'REFUSED' OR info IS NOT NULL),
  CHECK (reported_version <= version)
);

CREATE INDEX settlement_orders_queued ON settlement_orders (network, available_at)
  WHERE state = 'QUEUED';

CREATE INDEX settlement_orders_in_flight ON settlement_orders (network, token)
  WHERE state = 'IN_FLIGHT';

CREATE INDEX settlement_orders_unreported ON settlement_orders (network, updated_at)
  WHERE reported_version < version;

-- Every set of signed bytes, for ever, stored before it is first sent. Of the attempts with one fence
-- at most one can take effect on chain.
CREATE TABLE settlement_attempts (
  network text NOT NULL,
  attempt_id uuid NOT NULL,
  fence text NOT NULL,
  sender text NOT NULL,
  sequence bigint NOT NULL,
  transaction_hash text NOT NULL,
  raw_transaction bytea NOT NULL,
  state text NOT NULL CHECK (state IN ('OPEN', 'LANDED', 'DEAD')),
  next_check_at timestamptz NOT NULL,
  broadcast_count integer NOT NULL,
  last_broadcast_at timestamptz,
  block_number bigint,
  block_hash text,
  fee_units numeric(78, 0),
  last_sighting text,
  proof jsonb,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (network, attempt_id),
  UNIQUE (network, transaction_hash),
  CHECK (state = 'OPEN' OR proof IS NOT NULL)
);

CREATE INDEX settlement_attempts_open ON settlement_attempts (network, next_check_at)
  WHERE state = 'OPEN';

CREATE INDEX settlement_attempts_by_fence ON settlement_attempts (network, fence);

-- The payouts of an attempt and the fate of each in it.
CREATE TABLE settlement_attempt_items (
  network text NOT NULL,
  attempt_id uuid NOT NULL,
  payout_id uuid NOT NULL,
  position integer NOT NULL,
  fate text NOT NULL CHECK (fate IN ('OPEN', 'PAID', 'REFUSED', 'DEAD')),
  reason text,
  proof jsonb,
  PRIMARY KEY (network, attempt_id, payout_id),
  CHECK (fate = 'OPEN' OR proof IS NOT NULL)
);

CREATE INDEX settlement_attempt_items_by_payout ON settlement_attempt_items (network, payout_id);

-- A payout is paid by one attempt. This is the database's own refusal of a second one.
CREATE UNIQUE INDEX settlement_attempt_items_paid_once ON settlement_attempt_items (network, payout_id)
  WHERE fate = 'PAID';
