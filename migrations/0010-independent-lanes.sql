-- Chains on which each transaction stands alone: Tron, Solana, Bitcoin.

-- Solana's transactions end by the height of a block, not by its time.
ALTER TABLE settlement_attempts ADD COLUMN valid_until_block bigint;

-- A Bitcoin attempt can lose another of its coins and die; the coin that was its fence is free again then, and may be
-- another attempt's. The chain still spends it once.
DROP INDEX settlement_attempts_by_fence;

CREATE UNIQUE INDEX settlement_attempts_by_fence ON settlement_attempts (network, fence) WHERE state <> 'DEAD';

-- OPEN_ACCOUNT: the treasury's own token account (Solana). CONSOLIDATE: many small coins become one (Bitcoin).
ALTER TABLE settlement_transactions DROP CONSTRAINT settlement_transactions_purpose_check;
ALTER TABLE settlement_transactions ADD CONSTRAINT settlement_transactions_purpose_check
  CHECK (purpose IN ('CARRY', 'FILL', 'DEPLOY', 'DELEGATE', 'TOP_UP', 'OPEN_ACCOUNT', 'CONSOLIDATE'));

-- The coins that open transactions spend, one row each: two workers cannot sign for one coin. `sequence` is
-- that of the transaction and of its versions, which share their coins. A row goes when they have ended:
-- either the chain shows the coin as spent then, or it is free again.
CREATE TABLE settlement_coins (
  network text NOT NULL,
  coin text NOT NULL,
  sender text NOT NULL,
  sequence bigint NOT NULL,
  taken_at timestamptz NOT NULL,
  PRIMARY KEY (network, coin)
);

CREATE INDEX settlement_coins_by_sequence ON settlement_coins (network, sender, sequence);

-- Where the asset is the coin of its chain, fees leave the treasury too. `is_own_fee`: of a transaction that
-- Knit has signed, which explains it. The others are a stranger's, as a transfer is that no payout explains.
ALTER TABLE settlement_movements
  ADD COLUMN kind text CHECK (kind IN ('TRANSFER', 'FEE')),
  ADD COLUMN is_own_fee boolean;

UPDATE settlement_movements SET kind = 'TRANSFER', is_own_fee = false;

ALTER TABLE settlement_movements
  ALTER COLUMN kind SET NOT NULL,
  ALTER COLUMN is_own_fee SET NOT NULL;

ALTER TABLE settlement_movements ADD CHECK (kind = 'TRANSFER' OR (direction = 'OUT' AND payout_id IS NULL));
ALTER TABLE settlement_movements ADD CHECK (NOT is_own_fee OR (kind = 'FEE' AND acceptance_id IS NULL));

-- What nothing explains is looked for in every round; it should be empty.
DROP INDEX settlement_movements_unexplained;

CREATE INDEX settlement_movements_unexplained ON settlement_movements (network)
  WHERE direction = 'OUT' AND attempt_id IS NULL AND acceptance_id IS NULL AND NOT is_own_fee;
