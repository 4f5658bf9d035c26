-- The double-entry ledger. Units are 10^-18 of the token on every network.
--
-- Accounts of a business, per token:
--   CUSTODY          what Knit holds for the business from outside (normal side: debit)
--   BUSINESS_WALLET  owed to the business: deposits arrive here (credit)
--   API_ACCOUNT      owed to the business and spendable by payouts (credit); the only one with holds
--   SETTLED          paid out for good (credit)
-- CUSTODY = BUSINESS_WALLET + API_ACCOUNT + SETTLED after every commit, because each transfer names
-- one account to debit and one to credit. System accounts are kept per business, so that one payout
-- touches one shard.

CREATE TABLE ledger_accounts (
  business_id uuid NOT NULL REFERENCES businesses (business_id),
  account_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('CUSTODY', 'BUSINESS_WALLET', 'API_ACCOUNT', 'SETTLED')),
  token text NOT NULL,
  balance_units numeric(78, 0) NOT NULL CHECK (balance_units >= 0),
  held_units numeric(78, 0) NOT NULL CHECK (held_units >= 0),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (business_id, account_id),
  UNIQUE (business_id, kind, token),
  CHECK (held_units <= balance_units),
  CHECK (kind = 'API_ACCOUNT' OR held_units = 0)
);

-- CREDIT: CUSTODY to BUSINESS_WALLET. FUND: BUSINESS_WALLET to API_ACCOUNT. POST: API_ACCOUNT to SETTLED.
-- The unique key makes each reference (a payout, a deposit, an order of the operator) move money once.
-- No foreign key to ledger_accounts: it would lock the busy account's row at insert and cost
-- what updating that row last gains.
CREATE TABLE ledger_transfers (
  business_id uuid NOT NULL,
  transfer_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('CREDIT', 'FUND', 'POST')),
  debit_account_id uuid NOT NULL,
  credit_account_id uuid NOT NULL,
  units numeric(78, 0) NOT NULL CHECK (units > 0),
  reference_id uuid NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (business_id, transfer_id),
  UNIQUE (business_id, kind, reference_id),
  CHECK (debit_account_id <> credit_account_id)
);

-- One hold a payout, for ever: its key is the payout's id. HELD ends as POSTED or RELEASED, once.
CREATE TABLE ledger_holds (
  business_id uuid NOT NULL,
  payout_id uuid NOT NULL,
  account_id uuid NOT NULL,
  units numeric(78, 0) NOT NULL CHECK (units > 0),
  state text NOT NULL CHECK (state IN ('HELD', 'POSTED', 'RELEASED')),
  created_at timestamptz NOT NULL,
  finished_at timestamptz,
  PRIMARY KEY (business_id, payout_id),
  CHECK ((state = 'HELD') = (finished_at IS NULL))
);

-- The open holds of an account, for checking the books.
CREATE INDEX ledger_holds_open ON ledger_holds (business_id, account_id) WHERE state = 'HELD';
