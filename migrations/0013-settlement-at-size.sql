-- Settlement's tables grow for ever; what is asked of them every second must not.

-- What was paid and has been told to the payouts, in units of the asset: the sum of the orders that are marked
-- `is_totalled`. An order is marked in the statement that notes its telling, in one transaction with the
-- sum. Null: not yet, or of a version before; such orders are added up by themselves, so that the sum of both is
-- exact at every moment.
CREATE TABLE settlement_totals (
  network text NOT NULL,
  token text NOT NULL,
  units numeric(78, 0) NOT NULL CHECK (units >= 0),
  PRIMARY KEY (network, token)
);

ALTER TABLE settlement_orders ADD COLUMN is_totalled boolean;

ALTER TABLE settlement_orders
  ADD CHECK (is_totalled IS NOT TRUE OR (state = 'PAID' AND reported_version = version));

CREATE INDEX settlement_orders_untotalled ON settlement_orders (network, payout_id)
  WHERE state = 'PAID' AND is_totalled IS NULL;

-- With the two of open and final transactions, every sequence of a sender is found by an index.
CREATE INDEX settlement_transactions_replaced ON settlement_transactions (network, sender, sequence)
  WHERE state = 'REPLACED';

-- By default a table is vacuumed when a fifth of it is dead, and its statistics are renewed when a tenth has changed:
-- at ten million orders the small indexes over open work would hold two million entries of work that is done.
ALTER TABLE settlement_orders
  SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

ALTER TABLE settlement_attempts
  SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

ALTER TABLE settlement_attempt_items
  SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

ALTER TABLE settlement_transactions
  SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
