import { checkBooks } from '../../src/ledger/check-books.ts';
import { FINDING_KINDS, type FindingKind } from './findings.ts';
import { quiet } from './scheduler.ts';
import { checkEnds } from './watch-books.ts';
import { createWorld, type World, type WorldOptions } from './world.ts';

export interface WorldResult {
  readonly steps: number;
  readonly digest: string;
  readonly faults: Readonly<Record<string, number>>;
  readonly counts: Readonly<Record<FindingKind, number>>;
  /** What was found, a sentence each. */
  readonly sentences: readonly string[];
  /** The workers' newest warnings and errors. */
  readonly log: readonly string[];
}

/** Trouble goes on for so long, in simulated time, after the last payout was ordered. */
const LAST_TROUBLE_MS = 120_000;

/** After all trouble has ceased, for each worker and each ten payouts: far more than what is needed. */
const MOST_CALM_STEPS = 150_000;

const OPEN_CHECK_STEPS = 64;

/** Runs a world until every payout has its end, or the bound is passed, or something is found. */
export async function runWorld(
  options: WorldOptions & { readonly stopAtFirst: boolean },
): Promise<WorldResult> {
  const world = await createWorld(options);
  const { scheduler, findings, watch } = world;
  await quiet();
  let troubleUntilMs = Infinity;
  let calmSince: number | null = null;
  while (await scheduler.step()) {
    if (world.failure() !== undefined) throw world.failure();
    await world.check();
    if (options.stopAtFirst && findings.total() > 0) break;
    if (troubleUntilMs === Infinity && world.isOrdered()) {
      troubleUntilMs = scheduler.now() + LAST_TROUBLE_MS;
    }
    if (calmSince === null && scheduler.now() >= troubleUntilMs) {
      world.calm();
      calmSince = scheduler.steps();
    }
    if (calmSince === null || scheduler.steps() % OPEN_CHECK_STEPS !== 0) continue;
    if (watch.openCount() === 0 || (await hasStopped(world, options))) break;
    if (scheduler.steps() - calmSince > MOST_CALM_STEPS) break;
  }
  if (!options.stopAtFirst || findings.total() === 0) await judgeEnd(world, options);
  return resultOf(world);
}

/** The right end after a reorganisation beyond finality, once nothing of it is under way any more. */
async function hasStopped(world: World, { real }: WorldOptions): Promise<boolean> {
  if (!world.hasDeepReorg()) return false;
  const rows = await real.query<{ stopped_for: string | null }>(
    'SELECT stopped_for FROM settlement_networks',
  );
  const open = await real.query(
    `SELECT 1 FROM settlement_attempts WHERE state = 'OPEN'
     UNION ALL SELECT 1 FROM settlement_orders WHERE reported_version < version LIMIT 1`,
  );
  return open.length === 0 && rows.some(({ stopped_for }) => stopped_for !== null);
}

async function judgeEnd(world: World, { real }: WorldOptions): Promise<void> {
  const { findings, watch, scheduler } = world;
  if (!world.hasDeepReorg() || !(await hasStopped(world, { real } as WorldOptions))) {
    for (const payoutId of watch.openIds()) {
      findings.add('unterminated', payoutId, `has no end after ${scheduler.steps()} steps`);
    }
  }
  await watch.onEverythingDone();
  await checkEnds(real, findings);
  const businesses = await real.query<{ business_id: string }>(
    'SELECT business_id FROM businesses ORDER BY business_id',
  );
  for (const { business_id } of businesses) {
    for (const words of await checkBooks(real, business_id)) {
      findings.add('imbalances', business_id, words);
    }
  }
}

function resultOf(world: World): WorldResult {
  const { scheduler, faults, findings, chain, log } = world;
  const answers = Object.entries(chain.faultCounts())
    .filter(([kind]) => kind !== 'reorg')
    .map(([kind, count]) => [`answer-${kind}`, count] as const);
  return {
    steps: scheduler.steps(),
    digest: scheduler.digest(),
    faults: { ...faults.counts(), ...Object.fromEntries(answers) },
    counts: Object.fromEntries(FINDING_KINDS.map((kind) => [kind, findings.count(kind)])) as Record<
      FindingKind,
      number
    >,
    sentences: findings.sentences(),
    log: log.map(({ worker, level, fields, message }) => {
      const { err, ...rest } = fields;
      const words = err instanceof Error ? ` (${err.name}: ${err.message})` : '';
      return `${worker} ${level}: ${message}${words} ${JSON.stringify(rest)}`;
    }),
  };
}
