import { assert, present } from '../base/assert.ts';
import type { IdSource } from '../base/id.ts';
import type { Tx } from '../database/database.ts';
import { postAndRelease } from '../ledger/post-and-release.ts';
import { appendAll, type NewItem } from '../outbox/outbox.ts';
import {
  keyOf,
  readStandings,
  updatePayouts,
  writeFirstLines,
  writeLaterLines,
} from './internal/advance-store.ts';
import { decideAdvance, type Advance } from './internal/decide-advance.ts';
import { EVENT_TOPIC, type PayoutEventType } from './outbox-topics.ts';
import type { News, PayoutKey } from './progress.ts';

/**
 * The one place that changes a payout's state. In the caller's transaction, for any number of payouts
 * of any businesses: the state, its history, the ledger (COMPLETED posts the hold, FAILED releases it)
 * and the event for webhooks. Two pieces of news of one payout are heard in the order given, as if
 * each had come alone. Gives for each piece whether it changed anything: what the payout has heard
 * already does not. Asserts that a final state is never left; then nothing of it all may be committed.
 *
 * Reporters of one payout take turns at its history: each writes the line after the last that it has
 * read, in the order of (business, payout), and who finds the line taken reads again and decides anew.
 * One statement does so for many businesses, which no lock of rows does on a distributed engine.
 */
export async function advancePayouts(
  tx: Tx,
  deps: { readonly ids: IdSource },
  news: readonly News[],
): Promise<readonly boolean[]> {
  const heard = news.map(() => false);
  const advances: Advance[] = [];
  for (const { advance, places } of await claimAdvances(tx, news)) {
    for (const [index, place] of places.entries()) heard[place] = advance.changed[index] === true;
    if (advance.lines.length > 0) advances.push(advance);
  }
  if (advances.length === 0) return heard;
  await writeLaterLines(tx, advances);
  await updatePayouts(tx, advances);
  const ends = advances.flatMap(({ from, end }) => (end === undefined ? [] : [{ from, ...end }]));
  await appendAll(
    tx,
    ends.map((end) => eventOf(deps.ids, end)),
  );
  // Accounts are what others wait for, so they are locked last.
  await postAndRelease(
    tx,
    deps.ids,
    ends.map(({ from: { businessId, payoutId }, status, at }) => ({
      businessId,
      payoutId,
      verb: status === 'COMPLETED' ? 'post' : 'release',
      at,
    })),
  );
  return heard;
}

/** The news of one payout, and where each piece stood in the caller's list. */
interface Group extends PayoutKey {
  readonly news: News[];
  readonly places: number[];
}

/** Another reporter has to commit for each turn after the first. */
const MAX_TURNS = 20;

/** Decides what becomes of each payout and writes the first line of it, which nobody else can then do. */
async function claimAdvances(
  tx: Tx,
  news: readonly News[],
): Promise<{ advance: Advance; places: readonly number[] }[]> {
  const claimed: { advance: Advance; places: readonly number[] }[] = [];
  let open = groupByPayout(news);
  for (let turn = 1; open.length > 0; turn += 1) {
    assert(turn <= MAX_TURNS, 'a reporter gets its turn');
    const standings = await readStandings(tx, open);
    const decided = open.map((group) => {
      const standing = standings.get(keyOf(group));
      const from = present(standing, `payout ${group.payoutId} exists`);
      return { group, advance: decideAdvance(from, group.news) };
    });
    const changing = decided.filter(({ advance }) => advance.lines.length > 0);
    const won = await writeFirstLines(
      tx,
      changing.map(({ advance }) => advance),
    );
    const lost = new Set(changing.map(({ group }) => group).filter((key) => !won.has(keyOf(key))));
    for (const { group, advance } of decided) {
      if (!lost.has(group)) claimed.push({ advance, places: group.places });
    }
    open = [...lost];
  }
  return claimed;
}

function groupByPayout(news: readonly News[]): Group[] {
  const groups = new Map<string, Group>();
  for (const [place, piece] of news.entries()) {
    const { businessId, payoutId } = piece;
    const group = groups.get(keyOf(piece)) ?? { businessId, payoutId, news: [], places: [] };
    group.news.push(piece);
    group.places.push(place);
    groups.set(keyOf(piece), group);
  }
  return [...groups.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

function eventOf(
  ids: IdSource,
  end: { from: PayoutKey; status: 'COMPLETED' | 'FAILED'; at: Date },
): NewItem {
  const { businessId, payoutId } = end.from;
  const eventType: PayoutEventType =
    end.status === 'COMPLETED' ? 'PAYOUT_SUCCESSFUL' : 'PAYOUT_FAILED';
  return {
    businessId,
    itemId: ids.next(),
    topic: EVENT_TOPIC,
    // No business waits behind the events of another.
    lane: businessId,
    payload: { eventType, payoutId },
    at: end.at,
  };
}
