-- Keyset pages of every filter. With status, network and token given, the entries from one place on are the
-- page; where one of them is left open, its few values are looked up side by side and merged. One index for
-- each filter would cost a third more to write: a payout's row is written three times, and each time in
-- every index, because its state is in one of them.
CREATE INDEX payouts_by_kind ON payouts (business_id, status, network, token, payout_id);

DROP INDEX payouts_by_status;

-- Of the references only: most payouts have none, and an entry for each of them would serve nobody.
CREATE UNIQUE INDEX payouts_by_reference ON payouts (business_id, merchant_reference)
  WHERE merchant_reference IS NOT NULL;

ALTER TABLE payouts DROP CONSTRAINT payouts_business_id_merchant_reference_key;

-- By default a table is vacuumed when a fifth of it is dead, and its indexes are left alone where few of its pages are
-- concerned. What has just left a state lies at the place where the pages of that state begin: a hundred thousand such
-- entries take a page of PENDING from a tenth of a millisecond to several. An engine of another kind, which has no
-- use for these settings, may be given the tables without them.
ALTER TABLE payouts
  SET (autovacuum_vacuum_scale_factor = 0.005, autovacuum_analyze_scale_factor = 0.02, vacuum_index_cleanup = on);

-- Items are done in the order of the index, so what is dead lies before what is due.
ALTER TABLE outbox_items
  SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0, vacuum_index_cleanup = on);

ALTER TABLE ledger_holds
  SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- Rows that change twice or once soon after they were written, in nothing that is indexed: with room left on its
-- page a row changes there, and no index has to know (3 of 4 changes, with 28 % less of the log).
ALTER TABLE webhook_deliveries
  SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

ALTER TABLE webhook_attempts
  SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
