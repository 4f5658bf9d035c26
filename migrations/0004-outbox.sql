-- Work that a transaction leaves for a worker. An item may be claimed when available_at has passed;
-- a claim moves available_at to the end of its lease and raises claim_token, the fencing token that
-- finishing or postponing must show. A finished item is deleted: what it caused is recorded elsewhere.

CREATE TABLE outbox_items (
  business_id uuid NOT NULL,
  item_id uuid NOT NULL,
  topic text NOT NULL,
  -- Within a topic, what must not wait for each other: a network, a webhook endpoint.
  lane text NOT NULL,
  payload jsonb NOT NULL,
  available_at timestamptz NOT NULL,
  claim_token bigint NOT NULL,
  attempts integer NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (business_id, item_id)
);

CREATE INDEX outbox_items_due ON outbox_items (topic, lane, available_at);
