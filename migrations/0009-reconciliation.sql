-- What the chain shows of the payer's account is compared, block by block, with what was signed. A transfer
-- out that no attempt explains, or figures that do not add up, stop signing on the network.

-- One row an asset. All units are the asset's own. opening_units were the payer's at the end of block
-- opened_number; every transfer since, to the end of scanned_number, is booked. At checked_number
--   opening_units + in_units - out_units + adjusted_units + difference_units = chain_units
-- and difference_units is 0 unless the chain and the transfers contradict each other: then scanned_number
-- stays where it is. scanned_hash is null where only the number of the block is known. paid_units: of
-- payouts that settlement holds for paid, each found on the chain. open_units: signed then, and in no
-- block up to there.
CREATE TABLE settlement_reconciliations (
  network text NOT NULL,
  token text NOT NULL,
  opened_number bigint NOT NULL CHECK (opened_number >= 0),
  opening_units numeric(78, 0) NOT NULL CHECK (opening_units >= 0),
  scanned_number bigint NOT NULL,
  scanned_hash text,
  in_units numeric(78, 0) NOT NULL CHECK (in_units >= 0),
  out_units numeric(78, 0) NOT NULL CHECK (out_units >= 0),
  paid_units numeric(78, 0) NOT NULL CHECK (paid_units >= 0),
  adjusted_units numeric(78, 0) NOT NULL,
  checked_number bigint NOT NULL,
  chain_units numeric(78, 0) NOT NULL CHECK (chain_units >= 0),
  open_units numeric(78, 0) NOT NULL CHECK (open_units >= 0),
  difference_units numeric(78, 0) NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (network, token),
  CHECK (scanned_number >= opened_number)
);

-- What a person has accepted, so that signing could go on.
--   MOVEMENTS   transfers out, of the transaction named by subject, that no attempt explains
--   ATTEMPT     an attempt, subject, whose recorded fate the chain's transfers contradict
--   DIFFERENCE  units of the token named by subject that came or went without a transfer
--   CHAIN       the chain has another block in place of the one named by subject, which was final
CREATE TABLE settlement_acceptances (
  network text NOT NULL,
  acceptance_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('MOVEMENTS', 'ATTEMPT', 'DIFFERENCE', 'CHAIN')),
  subject text NOT NULL,
  units numeric(78, 0),
  accepted_by text NOT NULL,
  because text NOT NULL,
  accepted_at timestamptz NOT NULL,
  PRIMARY KEY (network, acceptance_id),
  CHECK ((kind = 'DIFFERENCE') = (units IS NOT NULL))
);

-- Every transfer of the assets into and out of the payer's account in final blocks, for ever. One that
-- goes out is explained by one payout of one attempt, or accepted by a person, or in the way.
CREATE TABLE settlement_movements (
  network text NOT NULL,
  transaction_hash text NOT NULL,
  log_index bigint NOT NULL,
  direction text NOT NULL CHECK (direction IN ('IN', 'OUT')),
  token text NOT NULL,
  units numeric(78, 0) NOT NULL CHECK (units > 0),
  counterparty text NOT NULL,
  block_number bigint NOT NULL,
  block_hash text NOT NULL,
  attempt_id uuid,
  payout_id uuid,
  acceptance_id uuid,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (network, transaction_hash, log_index, direction),
  CHECK ((attempt_id IS NULL) = (payout_id IS NULL)),
  CHECK (direction = 'OUT' OR (attempt_id IS NULL AND acceptance_id IS NULL)),
  CHECK (attempt_id IS NULL OR acceptance_id IS NULL)
);

-- A payout explains one transfer. This is the database's own refusal of a second one.
CREATE UNIQUE INDEX settlement_movements_explained_once ON settlement_movements (network, payout_id)
  WHERE payout_id IS NOT NULL;

CREATE INDEX settlement_movements_by_block ON settlement_movements (network, token, block_number);

CREATE INDEX settlement_movements_unexplained ON settlement_movements (network)
  WHERE direction = 'OUT' AND attempt_id IS NULL AND acceptance_id IS NULL;

-- When the fates of an ended attempt were found to be what the chain's transfers say. What ended before
-- this migration lies before the first block that is looked at.
ALTER TABLE settlement_attempts ADD COLUMN reconciled_at timestamptz;

UPDATE settlement_attempts SET reconciled_at = updated_at WHERE state <> 'OPEN';

CREATE INDEX settlement_attempts_unreconciled ON settlement_attempts (network)
  WHERE state <> 'OPEN' AND reconciled_at IS NULL;

-- buried_*: the newest block of an attempt or a transaction that was seen on the chain although it lay
-- deeper than a reorganisation may reach. denied_*: a final or buried block that a quorum of the nodes no
-- longer holds.
ALTER TABLE settlement_networks
  ADD COLUMN buried_number bigint,
  ADD COLUMN buried_hash text,
  ADD COLUMN denied_number bigint,
  ADD COLUMN denied_hash text;

ALTER TABLE settlement_networks
  ADD CHECK ((buried_number IS NULL) = (buried_hash IS NULL)),
  ADD CHECK ((denied_number IS NULL) = (denied_hash IS NULL));
