-- What the payer signs for payouts (an attempt: its authority) is kept apart from the transactions that
-- bring it on chain. A batch of payouts has one authority with one fence, and any number of transactions,
-- by any sender, may carry it: the chain lets it take effect once.

-- Attempts of the version before are whole transactions, which this version cannot follow. This fails
-- while one is open: let the version before finish them first.
ALTER TABLE settlement_attempts
  ADD CONSTRAINT no_attempt_of_the_version_before_is_open CHECK (state <> 'OPEN');
ALTER TABLE settlement_attempts DROP CONSTRAINT no_attempt_of_the_version_before_is_open;

-- One row a network. next_number counts fences (EVM: batch ids) up; a number is never given twice.
-- stopped_for: why nothing is signed for payouts until a person has looked. final_*: the newest block that
-- was seen final; a chain that holds another one at that height has broken its word.
CREATE TABLE settlement_networks (
  network text NOT NULL,
  payer text NOT NULL,
  next_number bigint NOT NULL CHECK (next_number >= 0),
  stopped_for text,
  final_number bigint,
  final_hash text,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (network),
  CHECK ((final_number IS NULL) = (final_hash IS NULL))
);

-- Every transaction ever signed, for ever, stored before it is first sent. Of those with one sender and
-- sequence (EVM: nonce) the chain takes one.
--   CARRY     brings an attempt on chain
--   FILL      moves nothing: it takes a sequence that nothing else is needed for any more
--   DEPLOY, DELEGATE, TOP_UP  what the payer needs before it can pay
--   OPEN      may still land     FINAL  landed for good     REPLACED  another took its sequence for good
CREATE TABLE settlement_transactions (
  network text NOT NULL,
  transaction_hash text NOT NULL,
  sender text NOT NULL,
  sequence bigint NOT NULL CHECK (sequence >= 0),
  purpose text NOT NULL CHECK (purpose IN ('CARRY', 'FILL', 'DEPLOY', 'DELEGATE', 'TOP_UP')),
  attempt_id uuid,
  raw_transaction bytea NOT NULL,
  state text NOT NULL CHECK (state IN ('OPEN', 'FINAL', 'REPLACED')),
  broadcast_count integer NOT NULL,
  last_broadcast_at timestamptz,
  last_sighting text,
  block_number bigint,
  block_hash text,
  succeeded boolean,
  fee_units numeric(78, 0),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (network, transaction_hash),
  CHECK ((purpose = 'CARRY') = (attempt_id IS NOT NULL)),
  CHECK (state <> 'FINAL' OR (block_number IS NOT NULL AND fee_units IS NOT NULL AND succeeded IS NOT NULL))
);

CREATE INDEX settlement_transactions_open ON settlement_transactions (network, sender, sequence)
  WHERE state = 'OPEN';

CREATE INDEX settlement_transactions_by_attempt ON settlement_transactions (network, attempt_id);

-- A sequence is taken once. This is the database's own refusal of a second one.
CREATE UNIQUE INDEX settlement_transactions_final_once ON settlement_transactions (network, sender, sequence)
  WHERE state = 'FINAL';

INSERT INTO settlement_transactions
  (network, transaction_hash, sender, sequence, purpose, attempt_id, raw_transaction, state,
   broadcast_count, last_broadcast_at, last_sighting, block_number, block_hash, succeeded, fee_units,
   created_at, updated_at)
SELECT a.network, a.transaction_hash, a.sender, a.sequence, 'CARRY', a.attempt_id, a.raw_transaction,
  CASE a.state WHEN 'LANDED' THEN 'FINAL' ELSE 'REPLACED' END,
  a.broadcast_count, a.last_broadcast_at, a.last_sighting, a.block_number, a.block_hash,
  CASE a.state WHEN 'LANDED' THEN EXISTS (
    SELECT 1 FROM settlement_attempt_items i
    WHERE i.network = a.network AND i.attempt_id = a.attempt_id AND i.fate = 'PAID') END,
  a.fee_units, a.created_at, a.updated_at
FROM settlement_attempts a;

-- authority: what the payer signed (EVM: the calldata of the treasury's execute). authority_hash tells it
-- from every other (EVM: the EIP-712 digest). It cannot take effect in a block whose time is past
-- valid_until, and lies in no block before since_block. transaction_hash: what carried it out, once final.
ALTER TABLE settlement_attempts
  ADD COLUMN payer text,
  ADD COLUMN authority bytea,
  ADD COLUMN authority_hash text,
  ADD COLUMN valid_until timestamptz,
  ADD COLUMN since_block bigint;

UPDATE settlement_attempts
SET payer = sender, authority = raw_transaction, authority_hash = transaction_hash, since_block = 0;

ALTER TABLE settlement_attempts
  ALTER COLUMN payer SET NOT NULL,
  ALTER COLUMN authority SET NOT NULL,
  ALTER COLUMN authority_hash SET NOT NULL,
  ALTER COLUMN since_block SET NOT NULL,
  ALTER COLUMN transaction_hash DROP NOT NULL,
  DROP COLUMN sender,
  DROP COLUMN sequence,
  DROP COLUMN raw_transaction,
  DROP COLUMN broadcast_count,
  DROP COLUMN last_broadcast_at;

ALTER TABLE settlement_attempts
  DROP CONSTRAINT settlement_attempts_network_transaction_hash_key;

DROP INDEX settlement_attempts_by_fence;

-- A fence is signed for once, ever.
CREATE UNIQUE INDEX settlement_attempts_by_fence ON settlement_attempts (network, fence);

-- What a payout's part of the transaction cost, in the smallest unit of the chain's coin.
ALTER TABLE settlement_attempt_items ADD COLUMN fee_units numeric(78, 0);

-- GAS: a plain account that sends what the payer has signed. TREASURY: the payer's own account.
ALTER TABLE settlement_lanes ADD COLUMN role text CHECK (role IN ('TREASURY', 'GAS'));

UPDATE settlement_lanes SET role = 'TREASURY';

ALTER TABLE settlement_lanes ALTER COLUMN role SET NOT NULL;

DROP INDEX settlement_orders_queued;

CREATE INDEX settlement_orders_queued ON settlement_orders (network, token, available_at)
  WHERE state = 'QUEUED';

CREATE INDEX settlement_orders_by_fence ON settlement_orders (network, fence)
  WHERE state = 'IN_FLIGHT';
