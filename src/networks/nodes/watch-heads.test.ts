import { describe, expect, it } from 'vitest';
import { ACCOUNT, callWitnesses, type Court } from '../../../test/harness/witnesses.ts';
import type { EvmNode } from '../evm/node.ts';
import { boundsOf } from '../evm/nodes.ts';

const { lagBlocks, stillMs } = boundsOf(1);
const LAG = Number(lagBlocks);

/** The number of the node that a read goes to. */
async function reader(court: Court): Promise<number> {
  return await court.pool.onOne(async (node: EvmNode) => {
    await node.balance(ACCOUNT);
    return court.pool.all.indexOf(node);
  });
}

async function look(court: Court, heads: readonly number[]): Promise<void> {
  for (const [index, head] of heads.entries()) court.witness(index).head = head;
  court.clock.advance(5_000);
  await court.pool.watch();
}

describe('a node that lags behind', () => {
  it.each<[string, number[], number]>([
    ['by the bound is not passed over', [100, 100 + LAG, 100 + LAG], 0],
    ['by more is', [100, 101 + LAG, 101 + LAG], 1],
    ['of two is, whichever is right', [100, 101 + LAG], 1],
    ['behind one invention alone is not', [100, 1_000_000, 100], 0],
    ['behind one invention of five is not', [100, 101, 99, 1_000_000, 100], 0],
    ['and alone is still asked', [100], 0],
  ])('%s', async (_, heads, first) => {
    const court = callWitnesses(heads.length);
    await look(court, heads);
    expect(await reader(court)).toBe(first);
  });

  it('is named once, and once more when it keeps up again', async () => {
    const court = callWitnesses(3);
    for (let round = 0; round < 5; round += 1) await look(court, [100, 120, 120]);
    expect(court.lines).toEqual([
      {
        level: 'error',
        alarm: true,
        message:
          'node 1 of 3 lags behind: its newest block is 100, others have 120; it is passed over for reads',
      },
    ]);
    for (let round = 0; round < 5; round += 1) await look(court, [120, 120, 120]);
    expect(court.lines.slice(1)).toEqual([
      { level: 'info', alarm: false, message: 'node 1 of 3 keeps up again' },
    ]);
  });

  it('is asked where the others fail, before them where they have just failed', async () => {
    const court = callWitnesses(3);
    await look(court, [100, 120, 120]);
    court.witness(1).mood = 'silent';
    court.witness(2).mood = 'silent';
    expect(await reader(court)).toBe(0);
    const asked = court.witness(1).asked.length;
    expect(await reader(court)).toBe(0);
    expect(court.witness(1).asked.length).toBe(asked);
  });

  it('does not make late those that a node in quarantine is ahead of', async () => {
    const court = callWitnesses(2);
    court.pool.quarantine(court.node(1), 'a lie');
    await look(court, [100, 1_000_000]);
    expect(await reader(court)).toBe(0);
    expect(court.lines).toHaveLength(1);
  });
});

describe('a node that stands still', () => {
  const rounds = Math.ceil(stillMs / 5_000) + 1;

  it('while another moves is passed over and named once', async () => {
    const court = callWitnesses(2);
    // So slowly that it does not lag.
    for (let round = 0; round <= rounds; round += 1) {
      await look(court, [100, 100 + Math.floor(round / 6)]);
    }
    expect(await reader(court)).toBe(1);
    expect(court.lines).toMatchObject([{ level: 'error', alarm: true }]);
    expect(court.lines[0]?.message).toMatch(
      /^node 1 of 2 stands still: its newest block has been 100 for 9\d s; /,
    );
    await look(court, [104, 104]);
    expect(court.lines.at(-1)?.message).toBe('node 1 of 2 keeps up again');
  });

  it('with its chain is not, even if it saw the last block first', async () => {
    const court = callWitnesses(2);
    await look(court, [100, 99]);
    await look(court, [101, 100]);
    for (let round = 0; round < 100; round += 1) await look(court, [101, 101]);
    expect(await reader(court)).toBe(0);
    expect(court.lines).toEqual([]);
  });

  it('only because nobody asked it meanwhile is not', async () => {
    const court = callWitnesses(2);
    await look(court, [100, 100]);
    court.clock.advance(24 * 3_600_000);
    await look(court, [7_300, 7_299]);
    expect(await reader(court)).toBe(0);
    expect(court.lines).toEqual([]);
  });
});

describe('watching', () => {
  it('asks every 5 s at most, however often it is called', async () => {
    const court = callWitnesses(1);
    for (let round = 0; round < 20; round += 1) {
      await court.pool.watch();
      court.clock.advance(1_000);
    }
    const looks = court.witness(0).asked.filter((method) => method === 'eth_getBlockByNumber');
    expect(looks).toHaveLength(4);
  });

  it('never fails, and says nothing new of a node that does not answer', async () => {
    const court = callWitnesses(2);
    await look(court, [100, 120]);
    court.witness(0).mood = 'silent';
    court.witness(1).mood = 'failing';
    await look(court, [100, 120]);
    expect(court.lines).toHaveLength(1);
  });
});
