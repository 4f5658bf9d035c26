-- The trace that a payout was asked for in (W3C Trace Context: 32 hex digits), so that what settlement and
-- webhooks do for it later can be found by the same name. Unknown for payouts from before.
ALTER TABLE payout_audits ADD COLUMN trace_id text;
ALTER TABLE payout_audits ADD CONSTRAINT payout_audits_trace_id_check CHECK (trace_id ~ '^[0-9a-f]{32}$');

ALTER TABLE settlement_orders ADD COLUMN trace_id text;
ALTER TABLE settlement_orders ADD CONSTRAINT settlement_orders_trace_id_check CHECK (trace_id ~ '^[0-9a-f]{32}$');
