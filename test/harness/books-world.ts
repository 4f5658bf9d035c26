import { present } from '../../src/base/assert.ts';
import type { Log } from '../../src/base/log.ts';
import type { Asset, NetworkId, Token } from '../../src/money/asset.ts';
import type { BlockReference, Movement, NetworkDriver } from '../../src/networks/network.ts';
import { reconcile, type Reconciler } from '../../src/settlement/reconcile.ts';
import { findReconciliations, type Reconciliation } from '../../src/settlement/reconciliation.ts';
import { findNetworkState, noteFinal, openNetwork } from '../../src/settlement/network-state.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { createManualClock, type ManualClock } from './manual-clock.ts';
import { testIds } from './world.ts';

/** A chain as reconciliation sees it, written by the test: what its blocks hold and who denies what. */
export interface ScriptedLedger {
  latest: bigint;
  final: bigint;
  /** The payer's units before the first movement, by token. */
  readonly opening: Map<Token, bigint>;
  readonly movements: (Movement & { readonly token: Token })[];
  /** Units that came (or went, below zero) at a block without a transfer. */
  readonly silent: { readonly token: Token; readonly block: bigint; readonly units: bigint }[];
  /** What `holds` answers; the rest is held. */
  readonly answers: Map<string, 'no' | 'unknown'>;
  /** What was asked for, as "USDT 5-9" and "USDT @9". */
  readonly asked: string[];
}

export interface BooksWorld {
  readonly db: TestDatabase;
  readonly network: NetworkId;
  readonly payer: string;
  readonly chain: ScriptedLedger;
  readonly clock: ManualClock;
  readonly log: { level: string; fields: Record<string, unknown>; message: string }[];
  readonly alarms: () => string[];
  readonly settlement: (changes?: Partial<NetworkDriver>) => Reconciler;
  /** A transfer in a block, of a transaction of its own unless one is named. */
  readonly move: (movement: TestMovement) => Movement;
  /** An attempt with its orders, as settlement records them. */
  readonly attempt: (attempt: TestAttempt) => Promise<RecordedTestAttempt>;
  /** Judges an attempt as following does. */
  readonly judge: (attempt: RecordedTestAttempt, end: TestEnd) => Promise<void>;
  /** One round of reconciliation, with a final block as watching would have noted it. */
  readonly round: (final: bigint, changes?: Partial<NetworkDriver>) => Promise<void>;
  readonly row: (token?: Token) => Promise<Reconciliation>;
  readonly stoppedFor: () => Promise<string | null | undefined>;
  readonly close: () => Promise<void>;
}

export interface TestMovement {
  readonly kind?: Movement['kind'];
  readonly direction: 'in' | 'out';
  readonly units: bigint;
  readonly block: bigint;
  readonly counterparty?: string;
  readonly token?: Token;
  readonly transactionHash?: string;
  readonly carried?: Movement['carried'];
}

export interface TestAttempt {
  readonly items: readonly { readonly units: bigint; readonly to: string }[];
  readonly token?: Token;
  readonly state?: 'OPEN' | 'DEAD';
}

export interface RecordedTestAttempt {
  readonly attemptId: string;
  /** As the transaction that carries it out shows it. */
  readonly carried: { readonly fence: string; readonly authorityHash: string };
  readonly payoutIds: readonly string[];
}

export interface TestEnd {
  readonly block: bigint;
  readonly transactionHash: string;
  /** By position. */
  readonly fates: readonly ('PAID' | 'REFUSED')[];
}

export const TEST_PAYER = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266';

export function hashOfBlock(number: bigint): string {
  return `0x${number.toString(16).padStart(64, 'b')}`;
}

export function blockAt(number: bigint): BlockReference {
  return { number, hash: hashOfBlock(number) };
}

/** 18 decimals of USDT, to show that nothing assumes 6; USDC has 6. */
export const BOOKS_ASSETS: readonly Asset[] = (
  [
    ['USDT', 18],
    ['USDC', 6],
  ] as const
).map(([token, decimals]) => ({
  network: 'BSC_MAINNET',
  token,
  contract: null,
  decimals,
  minimumUnits: 1n,
  payoutsEnabled: true,
}));

let last = 0;
function unique(): string {
  last += 1;
  return last.toString(16);
}

/** Settlement's tables on a real database, beside a scripted chain; the network is open. */
export async function createBooksWorld(): Promise<BooksWorld> {
  const db = await createTestDatabase();
  const clock = createManualClock();
  const network: NetworkId = 'BSC_MAINNET';
  const log: BooksWorld['log'] = [];
  const chain: ScriptedLedger = {
    latest: 100n,
    final: 90n,
    opening: new Map([
      ['USDT', 1_000_000n],
      ['USDC', 500_000n],
    ]),
    movements: [],
    silent: [],
    answers: new Map(),
    asked: [],
  };
  await openNetwork(db.database, { network, payer: TEST_PAYER, at: clock.now() });
  const { database } = db;
  const world: BooksWorld = {
    db,
    network,
    payer: TEST_PAYER,
    chain,
    clock,
    log,
    alarms: () => log.filter(({ fields }) => fields['alarm'] === true).map((it) => it.message),
    settlement: (changes = {}) => ({
      database,
      driver: { ...scriptedDriver(chain), ...changes },
      assetOf: (id, token) => BOOKS_ASSETS.find((it) => it.network === id && it.token === token),
      clock,
      log: keepingLog(log),
    }),
    move: (movement) => addMovement(chain, movement),
    attempt: async (attempt) => await recordAttempt(db, clock, attempt),
    judge: async (attempt, end) => {
      await judge(db, clock, { attempt, end });
    },
    round: async (final, changes) => {
      await noteFinal(database, { network, block: blockAt(final), at: clock.now() });
      await reconcile(world.settlement(changes));
    },
    row: async (token = 'USDT') => {
      const rows = await findReconciliations(database, network);
      return present(
        rows.find((row) => row.token === token),
        `${token} has a row`,
      );
    },
    stoppedFor: async () => (await findNetworkState(database, network))?.stoppedFor,
    close: async () => {
      await db.drop();
    },
  };
  return world;
}

const refuse = async (): Promise<never> =>
  await Promise.reject(new Error('reconciliation asks for nothing else'));

function scriptedDriver(chain: ScriptedLedger): NetworkDriver {
  return {
    network: 'BSC_MAINNET',
    treasury: TEST_PAYER,
    gasAccounts: [],
    lanes: 'ordered',
    replaces: true,
    limits: { ordersPerAttempt: 1_000, waitingTransactions: 16, validForMs: null },
    status: refuse,
    verifyAssets: refuse,
    inspect: refuse,
    sign: refuse,
    carry: refuse,
    replace: refuse,
    broadcast: refuse,
    track: refuse,
    sequences: refuse,
    upkeep: refuse,
    signChore: refuse,
    head: async () =>
      await Promise.resolve({
        latest: blockAt(chain.latest),
        final: blockAt(chain.final),
        finalTime: new Date(0),
      }),
    holds: async ({ hash }) => await Promise.resolve(chain.answers.get(hash) ?? 'yes'),
    movements: async (asset, { from, to }) => {
      chain.asked.push(`${asset.token} ${from}-${to}`);
      const within = chain.movements.filter(
        ({ token, block }) => token === asset.token && block.number >= from && block.number <= to,
      );
      return await Promise.resolve(within);
    },
    unitsAt: async (asset, block) => {
      chain.asked.push(`${asset.token} @${block}`);
      return await Promise.resolve(unitsAt(chain, asset.token, block));
    },
  };
}

function unitsAt(chain: ScriptedLedger, token: Token, block: bigint): bigint {
  const moved = chain.movements
    .filter((it) => it.token === token && it.block.number <= block)
    .map(({ direction, units }) => (direction === 'in' ? units : -units));
  const silent = chain.silent.filter((it) => it.token === token && it.block <= block);
  return [...moved, ...silent.map(({ units }) => units)].reduce(
    (sum, units) => sum + units,
    chain.opening.get(token) ?? 0n,
  );
}

function addMovement(chain: ScriptedLedger, movement: TestMovement): Movement {
  const {
    token = 'USDT',
    transactionHash = `0x${unique().padStart(64, 'e')}`,
    counterparty = `0x${unique().padStart(40, 'c')}`,
    carried = null,
    kind = 'transfer',
  } = movement;
  const { direction, units, block } = movement;
  const logIndex = BigInt(chain.movements.length);
  const added = { kind, direction, units, counterparty, transactionHash, logIndex, carried };
  chain.movements.push({ ...added, block: blockAt(block), token });
  return { ...added, block: blockAt(block) };
}

async function recordAttempt(
  { database }: TestDatabase,
  clock: ManualClock,
  attempt: TestAttempt,
): Promise<RecordedTestAttempt> {
  const { items, token = 'USDT', state = 'OPEN' } = attempt;
  const [attemptId, number, at] = [testIds.next(), unique(), clock.now()];
  const fence = `${TEST_PAYER.toLowerCase()}:batch:${number}`;
  const authorityHash = `0x${number.padStart(64, 'd')}`;
  const proof = state === 'DEAD' ? '{}' : null;
  await database.query(
    `INSERT INTO settlement_attempts
       (network, attempt_id, fence, payer, authority, authority_hash, since_block, state, proof,
        next_check_at, created_at, updated_at)
     VALUES ('BSC_MAINNET', $1, $2, $3, '\\x00', $4, 0, $5, $6, $7, $7, $7)`,
    [attemptId, fence, TEST_PAYER, authorityHash, state, proof, at],
  );
  const payoutIds = items.map(() => testIds.next());
  for (const [position, { units, to }] of items.entries()) {
    await database.query(
      `INSERT INTO settlement_orders
         (network, payout_id, business_id, token, units, to_address, state, fence, available_at,
          claim_token, version, reported_version, created_at, updated_at)
       VALUES ('BSC_MAINNET', $1, $2, $3, $4, $5, 'IN_FLIGHT', $6, $7, 0, 1, 0, $7, $7)`,
      [payoutIds[position], testIds.next(), token, units, to, fence, at],
    );
    await database.query(
      `INSERT INTO settlement_attempt_items (network, attempt_id, payout_id, position, fate, proof)
       VALUES ('BSC_MAINNET', $1, $2, $3, $4, $5)`,
      [attemptId, payoutIds[position], position, state, proof],
    );
  }
  return { attemptId, carried: { fence, authorityHash }, payoutIds };
}

async function judge(
  { database }: TestDatabase,
  clock: ManualClock,
  judgement: { attempt: RecordedTestAttempt; end: TestEnd },
): Promise<void> {
  const { attempt, end } = judgement;
  const { attemptId, payoutIds } = attempt;
  await database.query(
    `UPDATE settlement_attempts
     SET state = 'LANDED', proof = '{}', transaction_hash = $2, block_number = $3, block_hash = $4,
         updated_at = $5
     WHERE attempt_id = $1`,
    [attemptId, end.transactionHash, end.block, hashOfBlock(end.block), clock.now()],
  );
  for (const [position, fate] of end.fates.entries()) {
    await database.query(
      `UPDATE settlement_attempt_items SET fate = $3, proof = '{}'
       WHERE attempt_id = $1 AND payout_id = $2`,
      [attemptId, payoutIds[position], fate],
    );
    await database.query(
      `UPDATE settlement_orders
       SET state = $2, proof = '{}', info = 'a reason', transaction_hash = $3, version = version + 1
       WHERE payout_id = $1`,
      [payoutIds[position], fate, end.transactionHash],
    );
  }
}

function keepingLog(lines: BooksWorld['log']): Log {
  const keep =
    (level: string) =>
    (fields: object, message: string): void => {
      lines.push({ level, fields: { ...fields }, message });
    };
  const log: Log = {
    debug: keep('debug'),
    info: keep('info'),
    warn: keep('warn'),
    error: keep('error'),
    child: () => log,
  };
  return log;
}
