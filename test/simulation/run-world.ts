import type { Database } from '../../src/database/database.ts';
import { checkBooks } from '../../src/ledger/check-books.ts';
import { FINDING_KINDS, type FindingKind } from './findings.ts';
import { loadWhatLoadsLate } from './load-late.ts';
import { quiet } from './scheduler.ts';
import { checkEnds, checkHolds } from './watch-books.ts';
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

const STOPPED_FOR_MS = 120_000;

/** Trouble goes on for so long, in simulated time, after the last payout was ordered. */
const LAST_TROUBLE_MS = 120_000;

/** After all trouble has ceased: several times what was ever needed. */
const MOST_CALM_STEPS = 60_000;

const OPEN_CHECK_STEPS = 64;
const LOOK_STEPS = 512;

/** Runs a world until every payout has its end, or the bound is passed, or something is found. */
export async function runWorld(
  options: WorldOptions & { readonly stopAtFirst: boolean },
): Promise<WorldResult> {
  await loadWhatLoadsLate();
  const world = await createWorld(options);
  const { scheduler, findings, watch } = world;
  await quiet();
  let troubleUntilMs = Infinity;
  let calmSince: { readonly steps: number; readonly ms: number } | null = null;
  let hasStopped = false;
  const isStopped = watchForStop(world, options);
  while (await scheduler.step()) {
    if (world.failure() !== undefined) throw world.failure();
    await world.check();
    if (options.stopAtFirst && findings.total() > 0) break;
    if (troubleUntilMs === Infinity && world.isOrdered()) {
      const { slowness, catchUpMs } = world.chain;
      troubleUntilMs = scheduler.now() + LAST_TROUBLE_MS * slowness + catchUpMs;
    }
    if (calmSince === null && scheduler.now() >= troubleUntilMs) {
      world.calm();
      calmSince = { steps: scheduler.steps(), ms: scheduler.now() };
    }
    if (scheduler.steps() % LOOK_STEPS === 0) await world.look();
    if (calmSince === null || scheduler.steps() % OPEN_CHECK_STEPS !== 0) continue;
    hasStopped = await isStopped();
    // What broke when everything had ended has to be noticed as well, and a calm chain gives the time for it.
    const isNoticed = !world.hasDeepReorg() || scheduler.now() - calmSince.ms > STOPPED_FOR_MS;
    if (hasStopped || (watch.openCount() === 0 && isNoticed)) break;
    if (scheduler.steps() - calmSince.steps > MOST_CALM_STEPS) break;
  }
  if (!options.stopAtFirst || findings.total() === 0) {
    await judgeEnd(world, options, hasStopped);
  }
  return resultOf(world);
}

/**
 * The right end after a reorganisation beyond finality: the network has stopped, and whatever was under way
 * has had its time. Nothing may be signed for payouts meanwhile.
 */
function watchForStop(world: World, { real }: WorldOptions): () => Promise<boolean> {
  let stopped: { readonly sinceMs: number; readonly attempts: bigint } | null = null;
  return async () => {
    if (!world.hasDeepReorg()) return false;
    const [row] = await real.query<{ is_stopped: boolean; attempts: bigint }>(
      `SELECT EXISTS (SELECT 1 FROM settlement_networks WHERE stopped_for IS NOT NULL) AS is_stopped,
         (SELECT count(*) FROM settlement_attempts) AS attempts`,
    );
    if (row === undefined || !row.is_stopped) return false;
    const nowMs = world.scheduler.now();
    stopped ??= { sinceMs: nowMs, attempts: row.attempts };
    if (row.attempts !== stopped.attempts) {
      world.findings.add('duplicates', 'the network', 'is stopped and goes on signing');
    }
    return nowMs - stopped.sinceMs > STOPPED_FOR_MS;
  };
}

async function judgeEnd(world: World, { real }: WorldOptions, hasStopped: boolean): Promise<void> {
  const { findings, watch, scheduler } = world;
  if (!hasStopped) {
    await checkNeedOfStop(world, real);
    for (const payoutId of watch.openIds()) {
      findings.add('unterminated', payoutId, `has no end after ${scheduler.steps()} steps`);
    }
  }
  await watch.onEverythingDone();
  await checkHolds(real, findings);
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

/** Whoever goes on after a reorganisation beyond finality has built nothing on what is gone. */
async function checkNeedOfStop(world: World, real: Database): Promise<void> {
  if (!world.hasDeepReorg()) return;
  const stopped = await real.query(
    'SELECT network FROM settlement_networks WHERE stopped_for IS NOT NULL',
  );
  if (stopped.length > 0) return;
  const rows = await real.query<{ number: bigint; hash: string }>(
    `SELECT block_number AS number, block_hash AS hash FROM settlement_attempts WHERE state = 'LANDED'
     UNION SELECT final_number, final_hash FROM settlement_networks WHERE final_number IS NOT NULL`,
  );
  for (const { number, hash } of rows) {
    if (await world.chain.holds({ number, hash })) continue;
    world.findings.add(
      'imbalances',
      `block ${number}`,
      'was final, is gone, and nothing has stopped',
    );
  }
}

function resultOf(world: World): WorldResult {
  const { scheduler, faults, findings, chain, log } = world;
  const answers = Object.entries(chain.answerFaults()).map(
    ([kind, count]) => [`answer-${kind}`, count] as const,
  );
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
