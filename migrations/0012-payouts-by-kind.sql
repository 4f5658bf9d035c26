-- Keyset pages of every filter. With status, network and token given, the entries from one place on are the
-- page; where one of them is left open, its few values are looked up side by side and merged. One index for
-- each filter would cost a third more to write: a payout's row is written three times, and each time in
-- every index, because its state is in one of them.
CREATE INDEX payouts_by_kind ON payouts (business_id, status, network, token, payout_id);

DROP INDEX payouts_by_status;
