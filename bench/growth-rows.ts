import { createHash } from 'node:crypto';
import { formatUuid } from '../src/base/id.ts';

/**
 * A year of payouts, made by the database itself: what a statement needs of a payout is put into a plan
 * first, so that all tables tell of it alike. The rows are what the program would have left, and its
 * books balance.
 */

/** How the payouts of a history are spread. Payouts are numbered from 1, the oldest. */
export interface Shape {
  readonly payouts: number;
  /** The newest of them, which are not settled, or not told of, yet. A multiple of {@link ATTEMPT_SPAN}. */
  readonly open: number;
  /** Of those that have ended, one in so many has its whole history, its answer, and its rows of settlement and webhooks. */
  readonly detailEvery: number;
  /** Every second payout is the first business's; the others share the rest. */
  readonly businesses: number;
  /** When the oldest was made, and how far they are apart. */
  readonly startMs: number;
  readonly stepMs: number;
}

/** Payouts of one asset among so many consecutive ones are paid by one attempt. */
export const ATTEMPT_SPAN = 80;

/** The first business never pays Bitcoin but once, in its oldest payout. */
const BITCOIN_ONCE = 2;

/** In hundredths of the payouts. */
const ASSETS: readonly (readonly [network: string, token: string, upTo: number])[] = [
  ['MATIC_MAINNET', 'USDT', 40],
  ['TRON_MAINNET', 'USDT', 65],
  ['BSC_MAINNET', 'USDT', 77],
  ['ETHEREUM_MAINNET', 'USDT', 83],
  ['ETHEREUM_MAINNET', 'USDC', 87],
  ['SOL_MAINNET', 'USDC', 92],
  ['SOL_MAINNET', 'USDT', 95],
  ['MATIC_MAINNET', 'USDC', 98],
  ['BSC_MAINNET', 'USDC', 99],
  ['BITCOIN_MAINNET', 'BTC', 100],
];
export const TOKENS = ['USDT', 'USDC', 'BTC'] as const;

/** One in so many payouts has failed. */
const FAILED_EVERY = 50;
const FAILED_AT = 8;

const EACH_FUNDED = 10n ** 30n;

/** An identifier of version 7 of a moment; `kind` tells apart what is made for one payout. */
export function idOf(msSql: string, hexSql: string, kind: '8' | '9' | 'a' | 'b'): string {
  return `(lpad(to_hex(${msSql}), 12, '0') || '7' || substr(${hexSql}, 1, 3) || '${kind}' || substr(${hexSql}, 4, 15))::uuid`;
}

function chance(of: number, seed: number): string {
  return `((hashint8extended(i, ${seed}) & 9223372036854775807) % ${of})`;
}

/** What {@link payoutRows} names a payout, and what was made for it. */
export function idsOf(
  { startMs, stepMs }: Shape,
  number: number,
): { payoutId: string; eventId: string; hex: string; isFailed: boolean } {
  const hex = createHash('md5').update(`payout${number}`).digest('hex');
  const prefix = (startMs + number * stepMs).toString(16).padStart(12, '0');
  const id = (kind: string): string => {
    const digits = `${prefix}7${hex.slice(0, 3)}${kind}${hex.slice(3, 18)}`;
    return formatUuid(new Uint8Array(Buffer.from(digits, 'hex')));
  };
  const isFailed = Math.floor(number / 2) % FAILED_EVERY === FAILED_AT;
  return { payoutId: id('8'), eventId: id('9'), hex, isFailed };
}

/** What every statement of {@link payoutRows} reads. `plan` names a table of the schema growth. */
export function createPlan(plan: string): string {
  return `CREATE UNLOGGED TABLE growth.${plan} (
    i bigint NOT NULL, business_id uuid NOT NULL, user_id uuid NOT NULL, endpoint_id uuid NOT NULL,
    api_account_id uuid NOT NULL, settled_account_id uuid NOT NULL, network text NOT NULL, token text NOT NULL,
    stage text NOT NULL, is_detailed boolean NOT NULL, at timestamptz NOT NULL, ms bigint NOT NULL, hex text NOT NULL,
    payout_id uuid NOT NULL, attempt_hex text NOT NULL, attempt_ms bigint NOT NULL, units numeric(78, 0) NOT NULL, to_address text NOT NULL
  ) WITH (autovacuum_enabled = off)`;
}

/**
 * Fills a plan with payouts $1 to $2. Stages, from the newest quarter of the open ones: NEW (in the outbox),
 * QUEUED, SIGNED (in flight) and TOLD (paid, its webhook waits); what is older is DONE or FAILED.
 */
export function fillPlan(plan: string, shape: Shape): string {
  const firstOpen = shape.payouts - shape.open;
  const asset = ASSETS.map(([, , upTo], index) => `WHEN pick < ${upTo} THEN ${index + 1}`).join(
    ' ',
  );
  const names = (column: 0 | 1): string =>
    `(ARRAY[${ASSETS.map((each) => `'${each[column]}'`).join(',')}])[asset]`;
  return `INSERT INTO growth.${plan}
    SELECT i, t.business_id, t.user_id, t.endpoint_id, a.api_account_id, a.settled_account_id, network, p.token,
      stage, stage NOT IN ('DONE', 'FAILED') OR i / 2 % ${shape.detailEvery} = 0, to_timestamp(ms / 1000.0), ms, hex, ${idOf('ms', 'hex', '8')},
      md5(network || p.token || (i - 1) / ${ATTEMPT_SPAN}),
      ${shape.startMs} + (i - 1) / ${ATTEMPT_SPAN} * ${ATTEMPT_SPAN * shape.stepMs},
      (1 + i % 100)::numeric * 1000000000000000000, '0x' || hex || substr(hex, 1, 8)
    FROM (
      SELECT i, business, ms, hex, ${names(0)} AS network, ${names(1)} AS token,
        CASE
          WHEN i > ${firstOpen + Math.floor((shape.open * 3) / 4)} THEN 'NEW'
          WHEN i > ${firstOpen + Math.floor(shape.open / 2)} THEN 'QUEUED'
          WHEN i > ${firstOpen + Math.floor(shape.open / 4)} THEN 'SIGNED'
          WHEN i > ${firstOpen} THEN 'TOLD'
          WHEN failed THEN 'FAILED'
          ELSE 'DONE'
        END AS stage
      FROM (
        SELECT i, business, ms, hex, failed,
          CASE WHEN i = ${BITCOIN_ONCE} THEN 10 WHEN business = 0 AND pick = 99 THEN 1 ELSE CASE ${asset} END END AS asset
        FROM (
          SELECT i, CASE WHEN i % 2 = 0 THEN 0 ELSE 1 + ${chance(shape.businesses - 1, 3)} END AS business,
            ${shape.startMs} + i * ${shape.stepMs} AS ms, md5('payout' || i) AS hex,
            ${chance(100, 1)} AS pick, i / 2 % ${FAILED_EVERY} = ${FAILED_AT} AS failed
          FROM generate_series($1::bigint, $2::bigint) AS i
        ) drawn
      ) placed
    ) p
    JOIN growth.tenants t ON t.n = p.business
    JOIN growth.accounts a ON a.n = p.business AND a.token = p.token
    ORDER BY i`;
}

const isPaid = `stage IN ('DONE', 'TOLD')`;
const isTold = `is_detailed AND ${isPaid}`;
const eventId = idOf('ms', 'hex', '9');
const itemId = idOf('ms', 'hex', 'a');
const transferId = idOf('ms', 'hex', 'b');
const attemptId = idOf('attempt_ms', 'attempt_hex', '8');
const hash = `'0x' || attempt_hex || reverse(attempt_hex)`;
const proof = `jsonb_build_object('blockNumber', i / 100, 'logIndex', i % 100)`;

/** The rows of every table for a plan's payouts, in an order that their references allow. */
export function payoutRows(plan: string): readonly (readonly [table: string, statement: string])[] {
  const from = `FROM growth.${plan}`;
  return [
    [
      'payouts',
      `INSERT INTO payouts SELECT business_id, payout_id, user_id, api_account_id, network, token, units, to_address,
        CASE WHEN i % 10 <> 9 THEN 'order-' || i END,
        CASE WHEN ${isPaid} THEN 'COMPLETED' WHEN stage = 'FAILED' THEN 'FAILED' WHEN stage = 'SIGNED' THEN 'PROCESSING'
          ELSE 'PENDING' END,
        CASE WHEN ${isPaid} OR stage = 'SIGNED' THEN ${hash} END,
        CASE WHEN stage = 'FAILED' THEN 'The token refused this recipient.' END, at, at + interval '40 seconds' ${from}`,
    ],
    [
      'payout_changes',
      `INSERT INTO payout_changes SELECT business_id, payout_id, c.number, c.status, c.detail, at + c.number * interval '10 seconds'
        ${from} CROSS JOIN (VALUES (1, 'PENDING', NULL), (2, 'PROCESSING', NULL), (3, 'COMPLETED', NULL),
          (3, 'FAILED', 'The token refused this recipient.')) AS c (number, status, detail)
        WHERE CASE c.status WHEN 'PENDING' THEN is_detailed WHEN 'PROCESSING' THEN is_detailed AND stage NOT IN ('NEW', 'QUEUED')
          WHEN 'COMPLETED' THEN ${isPaid} ELSE stage = 'FAILED' END`,
    ],
    [
      'payout_audits',
      `INSERT INTO payout_audits SELECT business_id, payout_id, '203.0.113.' || i % 256, 'API_KEY', user_id, 'request-' || i, at, CASE WHEN is_detailed THEN hex END ${from}`,
    ],
    [
      'ledger_holds',
      `INSERT INTO ledger_holds SELECT business_id, payout_id, api_account_id, units,
        CASE WHEN ${isPaid} THEN 'POSTED' WHEN stage = 'FAILED' THEN 'RELEASED' ELSE 'HELD' END, at,
        CASE WHEN ${isPaid} OR stage = 'FAILED' THEN at + interval '40 seconds' END ${from}`,
    ],
    [
      'ledger_transfers',
      `INSERT INTO ledger_transfers SELECT business_id, ${transferId}, 'POST', api_account_id, settled_account_id, units,
        payout_id, at ${from} WHERE ${isPaid}`,
    ],
    [
      'idempotency_keys',
      `INSERT INTO idempotency_keys SELECT business_id, 'key-' || hex, sha256(hex::bytea), 201,
        '{"success":true,"message":"Payout created successfully","status":201,"data":{"amount":' || 1 + i % 100 ||
        ',"token":"' || token || '","toAddress":"' || to_address || '","network":"' || network || '","userId":"' || user_id ||
        '","payoutWalletId":"' || api_account_id || '","id":"' || payout_id || '","updatedAt":"2026-01-01T00:00:00.000000Z"' ||
        ',"createdAt":"2026-01-01T00:00:00.000000Z","businessId":"' || business_id || '","merchantReference":"order-' || i ||
        '","status":"PENDING","transactionHash":null,"info":null}}', at ${from} WHERE is_detailed`,
    ],
    ...webhookRows(from),
    ...settlementRows(from),
  ];
}

function webhookRows(from: string): readonly (readonly [table: string, statement: string])[] {
  return [
    [
      'webhook_events',
      `INSERT INTO webhook_events SELECT business_id, ${eventId}, 'PAYOUT_SUCCESSFUL', payout_id, at ${from} WHERE ${isTold}`,
    ],
    [
      'webhook_deliveries',
      `INSERT INTO webhook_deliveries SELECT business_id, ${eventId}, endpoint_id,
        CASE WHEN stage = 'TOLD' THEN 'PENDING' ELSE 'DELIVERED' END, NULL, ${itemId}, CASE WHEN stage = 'TOLD' THEN 0 ELSE 1 END, 0,
        CASE WHEN stage = 'TOLD' THEN at END, at, at ${from} WHERE ${isTold}`,
    ],
    [
      'webhook_attempts',
      `INSERT INTO webhook_attempts SELECT business_id, ${eventId}, endpoint_id, 1, ${eventId}::text, at, 50, 204, NULL, ''
        ${from} WHERE is_detailed AND stage = 'DONE'`,
    ],
    [
      'outbox_items',
      `INSERT INTO outbox_items SELECT business_id, ${itemId},
        CASE stage WHEN 'NEW' THEN 'payouts-to-settle' ELSE 'webhook-deliveries' END,
        CASE stage WHEN 'NEW' THEN network ELSE endpoint_id::text END,
        CASE stage WHEN 'NEW' THEN jsonb_build_object('payoutId', payout_id)
          ELSE jsonb_build_object('eventId', ${eventId}, 'endpointId', endpoint_id) END,
        at, 0, 0, at ${from} WHERE stage IN ('NEW', 'TOLD')`,
    ],
  ];
}

function settlementRows(from: string): readonly (readonly [table: string, statement: string])[] {
  const signed = `${from} WHERE is_detailed AND stage NOT IN ('NEW', 'QUEUED')`;
  const ended = `bool_and(stage <> 'SIGNED')`;
  const each = `GROUP BY network, token, attempt_hex, attempt_ms`;
  return [
    [
      'settlement_orders',
      `INSERT INTO settlement_orders (network, payout_id, business_id, token, units, to_address, state, fence, available_at, claim_token,
          transaction_hash, info, proof, version, reported_version, created_at, updated_at, trace_id)
        SELECT network, payout_id, business_id, token, units / 1000000000000, to_address,
          CASE WHEN ${isPaid} THEN 'PAID' WHEN stage = 'FAILED' THEN 'REFUSED' WHEN stage = 'SIGNED' THEN 'IN_FLIGHT' ELSE 'QUEUED' END,
          CASE WHEN stage <> 'QUEUED' THEN 'fence-' || attempt_hex END, at, 1, CASE WHEN stage <> 'QUEUED' THEN ${hash} END,
          CASE WHEN stage = 'FAILED' THEN 'The token refused this recipient.' END,
          CASE WHEN stage IN ('DONE', 'TOLD', 'FAILED') THEN ${proof} END, v.version, v.version, at, at + interval '40 seconds', hex
        ${from} CROSS JOIN LATERAL (SELECT CASE stage WHEN 'QUEUED' THEN 0 WHEN 'SIGNED' THEN 1 ELSE 2 END AS version) v
        WHERE is_detailed AND stage <> 'NEW'`,
    ],
    [
      'settlement_attempts',
      `INSERT INTO settlement_attempts (network, attempt_id, fence, transaction_hash, state, next_check_at, block_number, block_hash,
          fee_units, proof, created_at, updated_at, payer, authority, authority_hash, valid_until, since_block, reconciled_at)
        SELECT network, ${attemptId}, 'fence-' || attempt_hex, CASE WHEN ${ended} THEN ${hash} END,
          CASE WHEN ${ended} THEN 'LANDED' ELSE 'OPEN' END, max(at), CASE WHEN ${ended} THEN max(i) / 100 END,
          CASE WHEN ${ended} THEN ${hash} END, CASE WHEN ${ended} THEN 400000 END,
          CASE WHEN ${ended} THEN jsonb_build_object('blockNumber', max(i) / 100) END, max(at), max(at), '0x' || substr(attempt_hex, 1, 40),
          decode(repeat(attempt_hex, 25), 'hex'), ${hash}, max(at) + interval '10 minutes', max(i) / 100,
          CASE WHEN ${ended} THEN max(at) + interval '1 minute' END ${signed} ${each}`,
    ],
    [
      'settlement_attempt_items',
      `INSERT INTO settlement_attempt_items SELECT network, ${attemptId}, payout_id,
          row_number() OVER (PARTITION BY network, attempt_hex ORDER BY i) - 1,
          CASE WHEN ${isPaid} THEN 'PAID' WHEN stage = 'FAILED' THEN 'REFUSED' ELSE 'OPEN' END,
          CASE WHEN stage = 'FAILED' THEN 'The token refused this recipient.' END,
          CASE WHEN stage <> 'SIGNED' THEN ${proof} END, CASE WHEN stage <> 'SIGNED' THEN 12000 END ${signed}`,
    ],
    [
      'settlement_transactions',
      `INSERT INTO settlement_transactions SELECT network, ${hash}, '0x' || substr(md5(network), 1, 40), max(i), 'CARRY', ${attemptId},
          decode(repeat(attempt_hex, 25), 'hex'), CASE WHEN ${ended} THEN 'FINAL' ELSE 'OPEN' END, 1, max(at), NULL,
          CASE WHEN ${ended} THEN max(i) / 100 END, CASE WHEN ${ended} THEN ${hash} END, CASE WHEN ${ended} THEN true END,
          CASE WHEN ${ended} THEN 400000 END, max(at), max(at) ${signed} ${each}`,
    ],
    [
      'settlement_movements',
      `INSERT INTO settlement_movements SELECT network, ${hash}, i, 'OUT', token, units / 1000000000000, to_address, i / 100, ${hash},
          ${attemptId}, payout_id, NULL, at, 'TRANSFER', false ${from} WHERE ${isTold}`,
    ],
  ];
}

/** The businesses, their endpoints and empty accounts, and what the plans look up of them. */
export function tenantRows({ startMs, businesses }: Shape): readonly string[] {
  const id = (name: string): string => idOf(`${startMs}::bigint`, `md5('${name}' || n)`, '8');
  const ofAccount = (kind: string): string =>
    idOf(`${startMs}::bigint`, `md5('${kind}' || token || n)`, '8');
  const tokens = `unnest(ARRAY[${TOKENS.map((token) => `'${token}'`).join(',')}]) AS token`;
  return [
    'CREATE SCHEMA growth',
    `CREATE TABLE growth.tenants AS SELECT n, ${id('business')} AS business_id, ${id('user')} AS user_id,
       ${id('endpoint')} AS endpoint_id, ${id('key')} AS api_key_id, to_timestamp(${startMs} / 1000.0) AS at
     FROM generate_series(0, ${businesses - 1}) AS n`,
    `CREATE TABLE growth.accounts AS SELECT n, token, business_id, user_id, at, ${ofAccount('API_ACCOUNT')} AS api_account_id,
       ${ofAccount('SETTLED')} AS settled_account_id, ${ofAccount('CUSTODY')} AS custody_id, ${ofAccount('WALLET')} AS wallet_id
     FROM growth.tenants CROSS JOIN ${tokens}`,
    `INSERT INTO businesses SELECT business_id, 'Business ' || n, at, at FROM growth.tenants`,
    `INSERT INTO users SELECT business_id, user_id, 'user-' || n || '@example.com', 'A user', at FROM growth.tenants`,
    `INSERT INTO api_keys SELECT business_id, api_key_id, user_id, 'A key', sha256(('secret' || n)::bytea), '{*}', at FROM growth.tenants`,
    `INSERT INTO ip_allow_list SELECT business_id, api_key_id, '127.0.0.1', 'loopback', at FROM growth.tenants`,
    `INSERT INTO webhook_endpoints SELECT business_id, endpoint_id, 'https://merchant-' || n || '.example/hooks',
       '{PAYOUT_SUCCESSFUL}', '', at FROM growth.tenants`,
    `INSERT INTO webhook_secrets SELECT business_id, sha256(('webhook' || n)::bytea), at, NULL, NULL, false FROM growth.tenants`,
    `INSERT INTO ledger_accounts SELECT a.business_id, k.account_id, k.kind, a.token, 0, 0, a.at, a.at
     FROM growth.accounts a CROSS JOIN LATERAL (VALUES ('CUSTODY', a.custody_id), ('BUSINESS_WALLET', a.wallet_id),
       ('API_ACCOUNT', a.api_account_id), ('SETTLED', a.settled_account_id)) AS k (kind, account_id)`,
    `INSERT INTO api_accounts SELECT business_id, api_account_id, token, user_id, at FROM growth.accounts`,
    `INSERT INTO ledger_transfers SELECT business_id, ${idOf(`${startMs}::bigint`, `md5('CREDIT' || token || n)`, '8')}, 'CREDIT',
       custody_id, wallet_id, ${EACH_FUNDED}, custody_id, at FROM growth.accounts`,
    `INSERT INTO ledger_transfers SELECT business_id, ${idOf(`${startMs}::bigint`, `md5('FUND' || token || n)`, '8')}, 'FUND',
       wallet_id, api_account_id, ${EACH_FUNDED}, wallet_id, at FROM growth.accounts`,
  ];
}

/** The balances that the transfers and holds of a whole history leave. */
export function balances(): readonly string[] {
  return [
    `UPDATE ledger_accounts AS a SET balance_units = s.units FROM (
       SELECT business_id, account_id, sum(units) AS units FROM (
         SELECT business_id, credit_account_id AS account_id, units FROM ledger_transfers
         UNION ALL
         SELECT business_id, debit_account_id, CASE kind WHEN 'CREDIT' THEN units ELSE -units END FROM ledger_transfers
       ) sides GROUP BY business_id, account_id
     ) s WHERE a.business_id = s.business_id AND a.account_id = s.account_id`,
    `UPDATE ledger_accounts AS a SET held_units = h.units FROM (
       SELECT business_id, account_id, sum(units) AS units FROM ledger_holds WHERE state = 'HELD' GROUP BY business_id, account_id
     ) h WHERE a.business_id = h.business_id AND a.account_id = h.account_id`,
  ];
}
