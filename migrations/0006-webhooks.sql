-- What merchants are told: where, signed with what, and the log of every attempt.

-- An endpoint's URL never changes: a new place is a new endpoint, so that the log stays true.
CREATE TABLE webhook_endpoints (
  business_id uuid NOT NULL REFERENCES businesses (business_id),
  endpoint_id uuid NOT NULL,
  url text NOT NULL CHECK (length(url) BETWEEN 1 AND 2048),
  event_types text[] NOT NULL
    CHECK (cardinality(event_types) > 0
      AND event_types <@ ARRAY['PAYOUT_SUCCESSFUL', 'PAYOUT_FAILED']::text[]),
  description text NOT NULL CHECK (length(description) <= 200),
  created_at timestamptz NOT NULL,
  disabled_at timestamptz,
  PRIMARY KEY (business_id, endpoint_id)
);

-- One row a business. The secrets are sealed with the master key. During a rotation the old secret is
-- retiring until retires_at; x_signature_retiring says that X-Signature, which has room for one
-- signature, is still made with it. Once retires_at has passed the retiring secret counts for nothing.
CREATE TABLE webhook_secrets (
  business_id uuid PRIMARY KEY REFERENCES businesses (business_id),
  current_sealed bytea NOT NULL,
  current_since timestamptz NOT NULL,
  retiring_sealed bytea,
  retires_at timestamptz,
  x_signature_retiring boolean NOT NULL,
  CHECK ((retiring_sealed IS NULL) = (retires_at IS NULL)),
  CHECK (retiring_sealed IS NOT NULL OR NOT x_signature_retiring)
);

-- Kept for ever. event_id is a UUID of version 7 made at created_at, so the primary key is also the
-- order of the log. It is the webhook-id that consumers see, the same at every attempt and resend.
CREATE TABLE webhook_events (
  business_id uuid NOT NULL,
  event_id uuid NOT NULL,
  event_type text NOT NULL CHECK (event_type IN ('PAYOUT_SUCCESSFUL', 'PAYOUT_FAILED')),
  payout_id uuid NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (business_id, event_id),
  FOREIGN KEY (business_id, payout_id) REFERENCES payouts (business_id, payout_id)
);

CREATE INDEX webhook_events_by_payout ON webhook_events (business_id, payout_id);

-- One event for one endpoint.
--   PENDING    the outbox item outbox_item_id carries it; an item that is not named here is superseded
--   DELIVERED  answered 2xx
--   SKIPPED    not sent, and detail says why
--   EXHAUSTED  the last retry of the schedule has failed
-- schedule_start is the number of attempts made before the present schedule began: a resend starts anew.
CREATE TABLE webhook_deliveries (
  business_id uuid NOT NULL,
  event_id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  state text NOT NULL CHECK (state IN ('PENDING', 'DELIVERED', 'SKIPPED', 'EXHAUSTED')),
  detail text,
  outbox_item_id uuid NOT NULL,
  attempts integer NOT NULL,
  schedule_start integer NOT NULL CHECK (schedule_start BETWEEN 0 AND attempts),
  next_attempt_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (business_id, event_id, endpoint_id),
  FOREIGN KEY (business_id, event_id) REFERENCES webhook_events (business_id, event_id),
  FOREIGN KEY (business_id, endpoint_id) REFERENCES webhook_endpoints (business_id, endpoint_id),
  CHECK ((state = 'PENDING') = (next_attempt_at IS NOT NULL)),
  CHECK (state <> 'SKIPPED' OR detail IS NOT NULL)
);

-- Every attempt, for ever, written before it is sent. While duration_ms is null its outcome is unknown:
-- it is being sent, or the process ended before it could record the answer.
CREATE TABLE webhook_attempts (
  business_id uuid NOT NULL,
  event_id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  number integer NOT NULL CHECK (number >= 1),
  webhook_id text NOT NULL,
  started_at timestamptz NOT NULL,
  duration_ms integer CHECK (duration_ms >= 0),
  response_status integer,
  error text,
  response_body text CHECK (octet_length(response_body) <= 1024),
  PRIMARY KEY (business_id, event_id, endpoint_id, number),
  FOREIGN KEY (business_id, event_id, endpoint_id)
    REFERENCES webhook_deliveries (business_id, event_id, endpoint_id),
  CHECK (duration_ms IS NULL OR response_status IS NOT NULL OR error IS NOT NULL)
);
