-- The schema that all migrations together make. Written by "vitest run test/schema.test.ts -u";
-- compared in the tests, so that a migration's effect is reviewed beside the migration.

TABLE api_accounts
  business_id uuid NOT NULL
  api_account_id uuid NOT NULL
  token text NOT NULL
  user_id uuid NOT NULL
  created_at timestamp with time zone NOT NULL
  CONSTRAINT UNIQUE (business_id, token)
  CONSTRAINT PRIMARY KEY (business_id, api_account_id)
  CONSTRAINT FOREIGN KEY (business_id, api_account_id) REFERENCES ledger_accounts(business_id, account_id)
  CONSTRAINT FOREIGN KEY (business_id, user_id) REFERENCES users(business_id, user_id)
TABLE api_keys
  business_id uuid NOT NULL
  api_key_id uuid NOT NULL
  user_id uuid NOT NULL
  name text NOT NULL
  secret_hash bytea NOT NULL
  scopes text[] NOT NULL
  created_at timestamp with time zone NOT NULL
  expires_at timestamp with time zone
  revoked_at timestamp with time zone
  CONSTRAINT PRIMARY KEY (business_id, api_key_id)
  CONSTRAINT FOREIGN KEY (business_id, user_id) REFERENCES users(business_id, user_id)
  CONSTRAINT CHECK (((length(name) >= 1) AND (length(name) <= 200)))
  CONSTRAINT CHECK ((octet_length(secret_hash) = 32))
TABLE businesses
  business_id uuid NOT NULL
  name text NOT NULL
  created_at timestamp with time zone NOT NULL
  updated_at timestamp with time zone NOT NULL
  CONSTRAINT PRIMARY KEY (business_id)
  CONSTRAINT CHECK (((length(name) >= 1) AND (length(name) <= 200)))
TABLE idempotency_keys
  business_id uuid NOT NULL
  idempotency_key text NOT NULL
  request_hash bytea NOT NULL
  response_status integer NOT NULL
  response_body text NOT NULL
  created_at timestamp with time zone NOT NULL
  CONSTRAINT PRIMARY KEY (business_id, idempotency_key)
  CONSTRAINT CHECK (((length(idempotency_key) >= 1) AND (length(idempotency_key) <= 255)))
  CONSTRAINT CHECK ((octet_length(request_hash) = 32))
TABLE ip_allow_list
  business_id uuid NOT NULL
  entry_id uuid NOT NULL
  range text NOT NULL
  label text NOT NULL
  created_at timestamp with time zone NOT NULL
  CONSTRAINT UNIQUE (business_id, range)
  CONSTRAINT PRIMARY KEY (business_id, entry_id)
  CONSTRAINT FOREIGN KEY (business_id) REFERENCES businesses(business_id)
TABLE ledger_accounts
  business_id uuid NOT NULL
  account_id uuid NOT NULL
  kind text NOT NULL
  token text NOT NULL
  balance_units numeric(78,0) NOT NULL
  held_units numeric(78,0) NOT NULL
  created_at timestamp with time zone NOT NULL
  updated_at timestamp with time zone NOT NULL
  CONSTRAINT UNIQUE (business_id, kind, token)
  CONSTRAINT PRIMARY KEY (business_id, account_id)
  CONSTRAINT FOREIGN KEY (business_id) REFERENCES businesses(business_id)
  CONSTRAINT CHECK (((kind = 'API_ACCOUNT'::text) OR (held_units = (0)::numeric)))
  CONSTRAINT CHECK ((balance_units >= (0)::numeric))
  CONSTRAINT CHECK ((held_units <= balance_units))
  CONSTRAINT CHECK ((held_units >= (0)::numeric))
  CONSTRAINT CHECK ((kind = ANY (ARRAY['CUSTODY'::text, 'BUSINESS_WALLET'::text, 'API_ACCOUNT'::text, 'SETTLED'::text])))
TABLE ledger_holds
  business_id uuid NOT NULL
  payout_id uuid NOT NULL
  account_id uuid NOT NULL
  units numeric(78,0) NOT NULL
  state text NOT NULL
  created_at timestamp with time zone NOT NULL
  finished_at timestamp with time zone
  CONSTRAINT PRIMARY KEY (business_id, payout_id)
  CONSTRAINT CHECK (((state = 'HELD'::text) = (finished_at IS NULL)))
  CONSTRAINT CHECK ((state = ANY (ARRAY['HELD'::text, 'POSTED'::text, 'RELEASED'::text])))
  CONSTRAINT CHECK ((units > (0)::numeric))
  CREATE INDEX ledger_holds_open ON public.ledger_holds USING btree (business_id, account_id) WHERE (state = 'HELD'::text)
TABLE ledger_transfers
  business_id uuid NOT NULL
  transfer_id uuid NOT NULL
  kind text NOT NULL
  debit_account_id uuid NOT NULL
  credit_account_id uuid NOT NULL
  units numeric(78,0) NOT NULL
  reference_id uuid NOT NULL
  created_at timestamp with time zone NOT NULL
  CONSTRAINT UNIQUE (business_id, kind, reference_id)
  CONSTRAINT PRIMARY KEY (business_id, transfer_id)
  CONSTRAINT CHECK ((debit_account_id <> credit_account_id))
  CONSTRAINT CHECK ((kind = ANY (ARRAY['CREDIT'::text, 'FUND'::text, 'POST'::text])))
  CONSTRAINT CHECK ((units > (0)::numeric))
TABLE oauth_clients
  business_id uuid NOT NULL
  oauth_client_id uuid NOT NULL
  user_id uuid NOT NULL
  name text NOT NULL
  secret_hash bytea NOT NULL
  scopes text[] NOT NULL
  created_at timestamp with time zone NOT NULL
  revoked_at timestamp with time zone
  CONSTRAINT PRIMARY KEY (business_id, oauth_client_id)
  CONSTRAINT FOREIGN KEY (business_id, user_id) REFERENCES users(business_id, user_id)
  CONSTRAINT CHECK (((length(name) >= 1) AND (length(name) <= 200)))
  CONSTRAINT CHECK ((octet_length(secret_hash) = 32))
TABLE outbox_items
  business_id uuid NOT NULL
  item_id uuid NOT NULL
  topic text NOT NULL
  lane text NOT NULL
  payload jsonb NOT NULL
  available_at timestamp with time zone NOT NULL
  claim_token bigint NOT NULL
  attempts integer NOT NULL
  created_at timestamp with time zone NOT NULL
  CONSTRAINT PRIMARY KEY (business_id, item_id)
  CREATE INDEX outbox_items_due ON public.outbox_items USING btree (topic, lane, available_at)
TABLE payout_audits
  business_id uuid NOT NULL
  payout_id uuid NOT NULL
  client_ip text NOT NULL
  credential_kind text NOT NULL
  credential_id uuid NOT NULL
  request_id text NOT NULL
  created_at timestamp with time zone NOT NULL
  trace_id text
  CONSTRAINT PRIMARY KEY (business_id, payout_id)
  CONSTRAINT CHECK ((credential_kind = ANY (ARRAY['API_KEY'::text, 'OAUTH_CLIENT'::text])))
  CONSTRAINT CHECK ((trace_id ~ '^[0-9a-f]{32}$'::text))
TABLE payout_changes
  business_id uuid NOT NULL
  payout_id uuid NOT NULL
  number integer NOT NULL
  status text NOT NULL
  detail text
  changed_at timestamp with time zone NOT NULL
  CONSTRAINT PRIMARY KEY (business_id, payout_id, number)
  CONSTRAINT CHECK ((number >= 1))
  CONSTRAINT CHECK ((status = ANY (ARRAY['PENDING'::text, 'PROCESSING'::text, 'COMPLETED'::text, 'FAILED'::text])))
TABLE payouts
  business_id uuid NOT NULL
  payout_id uuid NOT NULL
  user_id uuid NOT NULL
  api_account_id uuid NOT NULL
  network text NOT NULL
  token text NOT NULL
  units numeric(78,0) NOT NULL
  to_address text NOT NULL
  merchant_reference text
  status text NOT NULL
  transaction_hash text
  info text
  created_at timestamp with time zone NOT NULL
  updated_at timestamp with time zone NOT NULL
  CONSTRAINT PRIMARY KEY (business_id, payout_id)
  CONSTRAINT CHECK (((length(merchant_reference) >= 1) AND (length(merchant_reference) <= 191)))
  CONSTRAINT CHECK (((status <> 'COMPLETED'::text) OR (transaction_hash IS NOT NULL)))
  CONSTRAINT CHECK (((status <> 'FAILED'::text) OR (info IS NOT NULL)))
  CONSTRAINT CHECK ((status = ANY (ARRAY['PENDING'::text, 'PROCESSING'::text, 'COMPLETED'::text, 'FAILED'::text])))
  CONSTRAINT CHECK ((units > (0)::numeric))
  CREATE INDEX payouts_by_kind ON public.payouts USING btree (business_id, status, network, token, payout_id)
  CREATE UNIQUE INDEX payouts_by_reference ON public.payouts USING btree (business_id, merchant_reference) WHERE (merchant_reference IS NOT NULL)
TABLE schema_migrations
  version integer NOT NULL
  name text NOT NULL
  checksum text NOT NULL
  applied_at timestamp with time zone NOT NULL
  CONSTRAINT PRIMARY KEY (version)
TABLE settlement_acceptances
  network text NOT NULL
  acceptance_id uuid NOT NULL
  kind text NOT NULL
  subject text NOT NULL
  units numeric(78,0)
  accepted_by text NOT NULL
  because text NOT NULL
  accepted_at timestamp with time zone NOT NULL
  CONSTRAINT PRIMARY KEY (network, acceptance_id)
  CONSTRAINT CHECK (((kind = 'DIFFERENCE'::text) = (units IS NOT NULL)))
  CONSTRAINT CHECK ((kind = ANY (ARRAY['MOVEMENTS'::text, 'ATTEMPT'::text, 'DIFFERENCE'::text, 'CHAIN'::text])))
TABLE settlement_attempt_items
  network text NOT NULL
  attempt_id uuid NOT NULL
  payout_id uuid NOT NULL
  position integer NOT NULL
  fate text NOT NULL
  reason text
  proof jsonb
  fee_units numeric(78,0)
  CONSTRAINT PRIMARY KEY (network, attempt_id, payout_id)
  CONSTRAINT CHECK (((fate = 'OPEN'::text) OR (proof IS NOT NULL)))
  CONSTRAINT CHECK ((fate = ANY (ARRAY['OPEN'::text, 'PAID'::text, 'REFUSED'::text, 'DEAD'::text])))
  CREATE INDEX settlement_attempt_items_by_payout ON public.settlement_attempt_items USING btree (network, payout_id)
  CREATE UNIQUE INDEX settlement_attempt_items_paid_once ON public.settlement_attempt_items USING btree (network, payout_id) WHERE (fate = 'PAID'::text)
TABLE settlement_attempts
  network text NOT NULL
  attempt_id uuid NOT NULL
  fence text NOT NULL
  transaction_hash text
  state text NOT NULL
  next_check_at timestamp with time zone NOT NULL
  block_number bigint
  block_hash text
  fee_units numeric(78,0)
  last_sighting text
  proof jsonb
  created_at timestamp with time zone NOT NULL
  updated_at timestamp with time zone NOT NULL
  payer text NOT NULL
  authority bytea NOT NULL
  authority_hash text NOT NULL
  valid_until timestamp with time zone
  since_block bigint NOT NULL
  reconciled_at timestamp with time zone
  valid_until_block bigint
  CONSTRAINT PRIMARY KEY (network, attempt_id)
  CONSTRAINT CHECK (((state = 'OPEN'::text) OR (proof IS NOT NULL)))
  CONSTRAINT CHECK ((state = ANY (ARRAY['OPEN'::text, 'LANDED'::text, 'DEAD'::text])))
  CREATE INDEX settlement_attempts_open ON public.settlement_attempts USING btree (network, next_check_at) WHERE (state = 'OPEN'::text)
  CREATE INDEX settlement_attempts_unreconciled ON public.settlement_attempts USING btree (network) WHERE ((state <> 'OPEN'::text) AND (reconciled_at IS NULL))
  CREATE UNIQUE INDEX settlement_attempts_by_fence ON public.settlement_attempts USING btree (network, fence) WHERE (state <> 'DEAD'::text)
TABLE settlement_coins
  network text NOT NULL
  coin text NOT NULL
  sender text NOT NULL
  sequence bigint NOT NULL
  taken_at timestamp with time zone NOT NULL
  CONSTRAINT PRIMARY KEY (network, coin)
  CREATE INDEX settlement_coins_by_sequence ON public.settlement_coins USING btree (network, sender, sequence)
TABLE settlement_lanes
  network text NOT NULL
  sender text NOT NULL
  next_sequence bigint NOT NULL
  holder_id uuid
  lease_token bigint NOT NULL
  lease_until timestamp with time zone NOT NULL
  created_at timestamp with time zone NOT NULL
  updated_at timestamp with time zone NOT NULL
  stopped_for text
  role text NOT NULL
  CONSTRAINT PRIMARY KEY (network, sender)
  CONSTRAINT CHECK ((next_sequence >= 0))
  CONSTRAINT CHECK ((role = ANY (ARRAY['TREASURY'::text, 'GAS'::text])))
TABLE settlement_movements
  network text NOT NULL
  transaction_hash text NOT NULL
  log_index bigint NOT NULL
  direction text NOT NULL
  token text NOT NULL
  units numeric(78,0) NOT NULL
  counterparty text NOT NULL
  block_number bigint NOT NULL
  block_hash text NOT NULL
  attempt_id uuid
  payout_id uuid
  acceptance_id uuid
  created_at timestamp with time zone NOT NULL
  kind text NOT NULL
  is_own_fee boolean NOT NULL
  CONSTRAINT PRIMARY KEY (network, transaction_hash, log_index, direction)
  CONSTRAINT CHECK (((NOT is_own_fee) OR ((kind = 'FEE'::text) AND (acceptance_id IS NULL))))
  CONSTRAINT CHECK (((attempt_id IS NULL) = (payout_id IS NULL)))
  CONSTRAINT CHECK (((attempt_id IS NULL) OR (acceptance_id IS NULL)))
  CONSTRAINT CHECK (((direction = 'OUT'::text) OR ((attempt_id IS NULL) AND (acceptance_id IS NULL))))
  CONSTRAINT CHECK (((kind = 'TRANSFER'::text) OR ((direction = 'OUT'::text) AND (payout_id IS NULL))))
  CONSTRAINT CHECK ((direction = ANY (ARRAY['IN'::text, 'OUT'::text])))
  CONSTRAINT CHECK ((kind = ANY (ARRAY['TRANSFER'::text, 'FEE'::text])))
  CONSTRAINT CHECK ((units > (0)::numeric))
  CREATE INDEX settlement_movements_by_block ON public.settlement_movements USING btree (network, token, block_number)
  CREATE INDEX settlement_movements_unexplained ON public.settlement_movements USING btree (network) WHERE ((direction = 'OUT'::text) AND (attempt_id IS NULL) AND (acceptance_id IS NULL) AND (NOT is_own_fee))
  CREATE UNIQUE INDEX settlement_movements_explained_once ON public.settlement_movements USING btree (network, payout_id) WHERE (payout_id IS NOT NULL)
TABLE settlement_networks
  network text NOT NULL
  payer text NOT NULL
  next_number bigint NOT NULL
  stopped_for text
  final_number bigint
  final_hash text
  created_at timestamp with time zone NOT NULL
  updated_at timestamp with time zone NOT NULL
  buried_number bigint
  buried_hash text
  denied_number bigint
  denied_hash text
  CONSTRAINT PRIMARY KEY (network)
  CONSTRAINT CHECK (((buried_number IS NULL) = (buried_hash IS NULL)))
  CONSTRAINT CHECK (((denied_number IS NULL) = (denied_hash IS NULL)))
  CONSTRAINT CHECK (((final_number IS NULL) = (final_hash IS NULL)))
  CONSTRAINT CHECK ((next_number >= 0))
TABLE settlement_orders
  network text NOT NULL
  payout_id uuid NOT NULL
  business_id uuid NOT NULL
  token text NOT NULL
  units numeric(78,0) NOT NULL
  to_address text NOT NULL
  state text NOT NULL
  fence text
  available_at timestamp with time zone NOT NULL
  claim_token bigint NOT NULL
  waiting_for text
  transaction_hash text
  info text
  proof jsonb
  version integer NOT NULL
  reported_version integer NOT NULL
  created_at timestamp with time zone NOT NULL
  updated_at timestamp with time zone NOT NULL
  trace_id text
  is_totalled boolean
  CONSTRAINT PRIMARY KEY (network, payout_id)
  CONSTRAINT CHECK (((is_totalled IS NOT TRUE) OR ((state = 'PAID'::text) AND (reported_version = version))))
  CONSTRAINT CHECK (((state <> 'QUEUED'::text) OR (fence IS NULL)))
  CONSTRAINT CHECK (((state <> 'REFUSED'::text) OR (info IS NOT NULL)))
  CONSTRAINT CHECK (((state <> ALL (ARRAY['IN_FLIGHT'::text, 'PAID'::text])) OR (fence IS NOT NULL)))
  CONSTRAINT CHECK (((state <> ALL (ARRAY['PAID'::text, 'REFUSED'::text])) OR (proof IS NOT NULL)))
  CONSTRAINT CHECK ((reported_version <= version))
  CONSTRAINT CHECK ((state = ANY (ARRAY['QUEUED'::text, 'IN_FLIGHT'::text, 'PAID'::text, 'REFUSED'::text])))
  CONSTRAINT CHECK ((trace_id ~ '^[0-9a-f]{32}$'::text))
  CONSTRAINT CHECK ((units > (0)::numeric))
  CREATE INDEX settlement_orders_by_fence ON public.settlement_orders USING btree (network, fence) WHERE (state = 'IN_FLIGHT'::text)
  CREATE INDEX settlement_orders_in_flight ON public.settlement_orders USING btree (network, token) WHERE (state = 'IN_FLIGHT'::text)
  CREATE INDEX settlement_orders_queued ON public.settlement_orders USING btree (network, token, available_at) WHERE (state = 'QUEUED'::text)
  CREATE INDEX settlement_orders_unreported ON public.settlement_orders USING btree (network, updated_at) WHERE (reported_version < version)
  CREATE INDEX settlement_orders_untotalled ON public.settlement_orders USING btree (network, payout_id) WHERE ((state = 'PAID'::text) AND (is_totalled IS NULL))
TABLE settlement_reconciliations
  network text NOT NULL
  token text NOT NULL
  opened_number bigint NOT NULL
  opening_units numeric(78,0) NOT NULL
  scanned_number bigint NOT NULL
  scanned_hash text
  in_units numeric(78,0) NOT NULL
  out_units numeric(78,0) NOT NULL
  paid_units numeric(78,0) NOT NULL
  adjusted_units numeric(78,0) NOT NULL
  checked_number bigint NOT NULL
  chain_units numeric(78,0) NOT NULL
  open_units numeric(78,0) NOT NULL
  difference_units numeric(78,0) NOT NULL
  created_at timestamp with time zone NOT NULL
  updated_at timestamp with time zone NOT NULL
  CONSTRAINT PRIMARY KEY (network, token)
  CONSTRAINT CHECK ((chain_units >= (0)::numeric))
  CONSTRAINT CHECK ((in_units >= (0)::numeric))
  CONSTRAINT CHECK ((open_units >= (0)::numeric))
  CONSTRAINT CHECK ((opened_number >= 0))
  CONSTRAINT CHECK ((opening_units >= (0)::numeric))
  CONSTRAINT CHECK ((out_units >= (0)::numeric))
  CONSTRAINT CHECK ((paid_units >= (0)::numeric))
  CONSTRAINT CHECK ((scanned_number >= opened_number))
TABLE settlement_totals
  network text NOT NULL
  token text NOT NULL
  units numeric(78,0) NOT NULL
  CONSTRAINT PRIMARY KEY (network, token)
  CONSTRAINT CHECK ((units >= (0)::numeric))
TABLE settlement_transactions
  network text NOT NULL
  transaction_hash text NOT NULL
  sender text NOT NULL
  sequence bigint NOT NULL
  purpose text NOT NULL
  attempt_id uuid
  raw_transaction bytea NOT NULL
  state text NOT NULL
  broadcast_count integer NOT NULL
  last_broadcast_at timestamp with time zone
  last_sighting text
  block_number bigint
  block_hash text
  succeeded boolean
  fee_units numeric(78,0)
  created_at timestamp with time zone NOT NULL
  updated_at timestamp with time zone NOT NULL
  CONSTRAINT PRIMARY KEY (network, transaction_hash)
  CONSTRAINT CHECK (((purpose = 'CARRY'::text) = (attempt_id IS NOT NULL)))
  CONSTRAINT CHECK (((state <> 'FINAL'::text) OR ((block_number IS NOT NULL) AND (fee_units IS NOT NULL) AND (succeeded IS NOT NULL))))
  CONSTRAINT CHECK ((purpose = ANY (ARRAY['CARRY'::text, 'FILL'::text, 'DEPLOY'::text, 'DELEGATE'::text, 'TOP_UP'::text, 'OPEN_ACCOUNT'::text, 'CONSOLIDATE'::text])))
  CONSTRAINT CHECK ((sequence >= 0))
  CONSTRAINT CHECK ((state = ANY (ARRAY['OPEN'::text, 'FINAL'::text, 'REPLACED'::text])))
  CREATE INDEX settlement_transactions_by_attempt ON public.settlement_transactions USING btree (network, attempt_id)
  CREATE INDEX settlement_transactions_open ON public.settlement_transactions USING btree (network, sender, sequence) WHERE (state = 'OPEN'::text)
  CREATE INDEX settlement_transactions_replaced ON public.settlement_transactions USING btree (network, sender, sequence) WHERE (state = 'REPLACED'::text)
  CREATE UNIQUE INDEX settlement_transactions_final_once ON public.settlement_transactions USING btree (network, sender, sequence) WHERE (state = 'FINAL'::text)
TABLE users
  business_id uuid NOT NULL
  user_id uuid NOT NULL
  email text NOT NULL
  name text NOT NULL
  created_at timestamp with time zone NOT NULL
  CONSTRAINT UNIQUE (business_id, email)
  CONSTRAINT PRIMARY KEY (business_id, user_id)
  CONSTRAINT FOREIGN KEY (business_id) REFERENCES businesses(business_id)
  CONSTRAINT CHECK (((length(email) >= 3) AND (length(email) <= 254)))
  CONSTRAINT CHECK (((length(name) >= 1) AND (length(name) <= 200)))
TABLE webhook_attempts
  business_id uuid NOT NULL
  event_id uuid NOT NULL
  endpoint_id uuid NOT NULL
  number integer NOT NULL
  webhook_id text NOT NULL
  started_at timestamp with time zone NOT NULL
  duration_ms integer
  response_status integer
  error text
  response_body text
  CONSTRAINT PRIMARY KEY (business_id, event_id, endpoint_id, number)
  CONSTRAINT FOREIGN KEY (business_id, event_id, endpoint_id) REFERENCES webhook_deliveries(business_id, event_id, endpoint_id)
  CONSTRAINT CHECK (((duration_ms IS NULL) OR (response_status IS NOT NULL) OR (error IS NOT NULL)))
  CONSTRAINT CHECK ((duration_ms >= 0))
  CONSTRAINT CHECK ((number >= 1))
  CONSTRAINT CHECK ((octet_length(response_body) <= 1024))
TABLE webhook_deliveries
  business_id uuid NOT NULL
  event_id uuid NOT NULL
  endpoint_id uuid NOT NULL
  state text NOT NULL
  detail text
  outbox_item_id uuid NOT NULL
  attempts integer NOT NULL
  schedule_start integer NOT NULL
  next_attempt_at timestamp with time zone
  created_at timestamp with time zone NOT NULL
  updated_at timestamp with time zone NOT NULL
  CONSTRAINT PRIMARY KEY (business_id, event_id, endpoint_id)
  CONSTRAINT FOREIGN KEY (business_id, endpoint_id) REFERENCES webhook_endpoints(business_id, endpoint_id)
  CONSTRAINT FOREIGN KEY (business_id, event_id) REFERENCES webhook_events(business_id, event_id)
  CONSTRAINT CHECK (((schedule_start >= 0) AND (schedule_start <= attempts)))
  CONSTRAINT CHECK (((state <> 'SKIPPED'::text) OR (detail IS NOT NULL)))
  CONSTRAINT CHECK (((state = 'PENDING'::text) = (next_attempt_at IS NOT NULL)))
  CONSTRAINT CHECK ((state = ANY (ARRAY['PENDING'::text, 'DELIVERED'::text, 'SKIPPED'::text, 'EXHAUSTED'::text])))
TABLE webhook_endpoints
  business_id uuid NOT NULL
  endpoint_id uuid NOT NULL
  url text NOT NULL
  event_types text[] NOT NULL
  description text NOT NULL
  created_at timestamp with time zone NOT NULL
  disabled_at timestamp with time zone
  CONSTRAINT PRIMARY KEY (business_id, endpoint_id)
  CONSTRAINT FOREIGN KEY (business_id) REFERENCES businesses(business_id)
  CONSTRAINT CHECK (((cardinality(event_types) > 0) AND (event_types <@ ARRAY['PAYOUT_SUCCESSFUL'::text, 'PAYOUT_FAILED'::text])))
  CONSTRAINT CHECK (((length(url) >= 1) AND (length(url) <= 2048)))
  CONSTRAINT CHECK ((length(description) <= 200))
TABLE webhook_events
  business_id uuid NOT NULL
  event_id uuid NOT NULL
  event_type text NOT NULL
  payout_id uuid NOT NULL
  created_at timestamp with time zone NOT NULL
  CONSTRAINT PRIMARY KEY (business_id, event_id)
  CONSTRAINT FOREIGN KEY (business_id, payout_id) REFERENCES payouts(business_id, payout_id)
  CONSTRAINT CHECK ((event_type = ANY (ARRAY['PAYOUT_SUCCESSFUL'::text, 'PAYOUT_FAILED'::text])))
  CREATE INDEX webhook_events_by_payout ON public.webhook_events USING btree (business_id, payout_id)
TABLE webhook_secrets
  business_id uuid NOT NULL
  current_sealed bytea NOT NULL
  current_since timestamp with time zone NOT NULL
  retiring_sealed bytea
  retires_at timestamp with time zone
  x_signature_retiring boolean NOT NULL
  CONSTRAINT PRIMARY KEY (business_id)
  CONSTRAINT FOREIGN KEY (business_id) REFERENCES businesses(business_id)
  CONSTRAINT CHECK (((retiring_sealed IS NOT NULL) OR (NOT x_signature_retiring)))
  CONSTRAINT CHECK (((retiring_sealed IS NULL) = (retires_at IS NULL)))
