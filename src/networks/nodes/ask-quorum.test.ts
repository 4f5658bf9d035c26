import { describe, expect, it } from 'vitest';
import { ACCOUNT, callWitnesses, type Court } from '../../../test/harness/witnesses.ts';
import { askQuorum, type QuorumAnswer } from './ask-quorum.ts';
import type { EvmNode } from '../evm/node.ts';
import { AGREEING_TO_RETURN_MS, AGREEMENTS_TO_RETURN } from './node-standing.ts';

/** What each witness says: a balance, or silence. */
type Testimony = readonly (bigint | 'silent')[];

async function ask(court: Court): Promise<QuorumAnswer<EvmNode, bigint>> {
  const balance = async (node: EvmNode): Promise<bigint> => await node.balance(ACCOUNT);
  return await askQuorum(court.pool, balance, (a, b) => a === b);
}

function testify(court: Court, testimony: Testimony): void {
  for (const [index, said] of testimony.entries()) {
    const witness = court.witness(index);
    witness.mood = said === 'silent' ? 'silent' : 'well';
    if (said !== 'silent') witness.balance = `0x${said.toString(16)}`;
  }
}

function court(testimony: Testimony): Court {
  const it = callWitnesses(testimony.length);
  testify(it, testimony);
  return it;
}

describe('an answer is', () => {
  it.each<[Testimony, string]>([
    [[1n], '1 by 1'],
    [[1n, 1n], '1 by 1,2'],
    [[1n, 1n, 1n], '1 by 1,2,3'],
    [[1n, 1n, 2n], '1 by 1,2 against 3'],
    [[2n, 1n, 1n], '1 by 2,3 against 1'],
    [[1n, 'silent', 1n], '1 by 1,3'],
    [[1n, 2n, 1n, 3n, 1n], '1 by 1,3,5 against 2,4'],
  ])('agreed of %o', async (testimony, expected) => {
    const answer = await ask(court(testimony));
    if (answer.kind !== 'agreed') throw new Error(answer.kind);
    const numbers = (labels: readonly string[]): string =>
      labels.map((label) => label.slice('node '.length, 'node 1'.length)).join();
    const against = numbers(answer.against.map(({ node }) => node.label));
    const words = `${answer.value} by ${numbers(answer.by)}`;
    expect(against === '' ? words : `${words} against ${against}`).toBe(expected);
  });

  it.each<[Testimony]>([
    [[1n, 2n]],
    [[1n, 2n, 3n]],
    [[1n, 2n, 'silent']],
    [[1n, 1n, 2n, 2n]],
    [[1n, 1n, 2n, 'silent']],
  ])('contradicted of %o', async (testimony) => {
    const answer = await ask(court(testimony));
    if (answer.kind !== 'contradicted') throw new Error(answer.kind);
    expect(answer.answers.map(({ value }) => value)).toEqual([
      ...new Set(testimony.filter((said) => said !== 'silent')),
    ]);
  });

  it.each<[Testimony]>([
    [['silent']],
    [[1n, 'silent']],
    [['silent', 1n, 'silent']],
    [[1n, 1n, 'silent', 'silent']],
  ])('not enough of %o', async (testimony) => {
    const answer = await ask(court(testimony));
    if (answer.kind !== 'not enough') throw new Error(answer.kind);
    expect(answer.reasons).toHaveLength(testimony.filter((said) => said === 'silent').length);
  });

  it('not enough where one of two is in quarantine, though both say the same', async () => {
    const it = court([1n, 1n]);
    it.pool.quarantine(it.node(1), 'a lie');
    expect(await ask(it)).toEqual({
      kind: 'not enough',
      reasons: ['node 2 of 2 is in quarantine'],
    });
  });

  it('agreed by the others where one of three is in quarantine, whatever it says', async () => {
    const it = court([1n, 1n, 2n]);
    it.pool.quarantine(it.node(2), 'a lie');
    expect(await ask(it)).toMatchObject({ kind: 'agreed', value: 1n });
    testify(it, [1n, 3n, 1n]);
    expect(await ask(it)).toMatchObject({ kind: 'contradicted' });
  });
});

describe('quarantine', () => {
  const lines = (it: Court): string[] => it.lines.map(({ message }) => message);
  const askTimes = async (it: Court, times: number, everyMs: number): Promise<void> => {
    for (let round = 0; round < times; round += 1) {
      it.clock.advance(everyMs);
      await ask(it);
    }
  };
  const suspect = (): Court => {
    const it = court([1n, 1n, 1n]);
    it.pool.quarantine(it.node(0), 'block 7 is another');
    return it;
  };

  it('is named once, with its reason, as an alarm', () => {
    const it = suspect();
    it.pool.quarantine(it.node(0), 'block 8 is another too');
    expect(it.lines).toEqual([
      {
        level: 'error',
        alarm: true,
        message: 'node 1 of 3 is in quarantine, its word counts for nothing: block 7 is another',
      },
    ]);
  });

  it('asks the node last for reads', async () => {
    const it = suspect();
    const label = async (): Promise<string> =>
      await it.pool.onOne(async (node) => {
        await node.balance(ACCOUNT);
        return node.label;
      });
    expect(await label()).toBe('node 2 of 3');
    testify(it, [1n, 'silent', 'silent']);
    expect(await label()).toBe('node 1 of 3');
    testify(it, [1n, 1n, 1n]);
    expect(await label()).not.toBe('node 1 of 3');
  });

  it('ends after so many agreements over so long', async () => {
    const it = suspect();
    await askTimes(it, AGREEMENTS_TO_RETURN - 1, AGREEING_TO_RETURN_MS);
    expect(it.pool.counts(it.node(0))).toBe(false);
    await askTimes(it, 1, 1);
    expect(it.pool.counts(it.node(0))).toBe(true);
    expect(lines(it).at(-1)).toMatch(
      /^node 1 of 3 is out of quarantine: it agreed 20 times in \d+ minutes$/,
    );
  });

  it('does not end sooner by many questions at once', async () => {
    const it = suspect();
    await askTimes(it, 1_000, AGREEING_TO_RETURN_MS / 1_000);
    expect(it.pool.counts(it.node(0))).toBe(false);
    await askTimes(it, 1, AGREEING_TO_RETURN_MS / 1_000);
    expect(it.pool.counts(it.node(0))).toBe(true);
  });

  it.each<[string, (it: Court) => Promise<void> | void]>([
    [
      'one other answer',
      async (it) => {
        testify(it, [2n, 1n, 1n]);
        await ask(it);
        testify(it, [1n, 1n, 1n]);
      },
    ],
    ['another lie', (it) => it.pool.quarantine(it.node(0), 'again')],
  ])('begins anew with %s', async (_, misbehave) => {
    const it = suspect();
    await askTimes(it, AGREEMENTS_TO_RETURN - 1, AGREEING_TO_RETURN_MS);
    await misbehave(it);
    await askTimes(it, AGREEMENTS_TO_RETURN - 1, AGREEING_TO_RETURN_MS);
    expect(it.pool.counts(it.node(0))).toBe(false);
    await askTimes(it, 1, AGREEING_TO_RETURN_MS);
    expect(it.pool.counts(it.node(0))).toBe(true);
  });

  it('does not end where there is no quorum to agree with', async () => {
    const it = court([1n, 1n]);
    it.pool.quarantine(it.node(0), 'a lie');
    await askTimes(it, 100, AGREEING_TO_RETURN_MS);
    expect(it.pool.counts(it.node(0))).toBe(false);
  });
});
