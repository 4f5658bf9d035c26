import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  blockAt,
  createBooksWorld,
  hashOfBlock,
  type BooksWorld,
} from '../../test/harness/books-world.ts';
import { noteFinal } from './network-state.ts';
import { reconcile } from './reconcile.ts';

const ALICE = '0x56adfcc254ab3b8142a275c1837bcffaff5aa38b';
const BOB = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8';
const HASH = `0x${'a1'.repeat(32)}`;

let world: BooksWorld;
beforeEach(async () => {
  world = await createBooksWorld();
  await world.round(90n);
});
afterEach(async () => {
  await world.close();
});

async function expectClean(): Promise<void> {
  expect(await world.stoppedFor()).toBeNull();
  expect(world.alarms()).toEqual([]);
}

describe('reconciliation', () => {
  test('begins at the first final block with what the payer holds there', async () => {
    expect(await world.row()).toMatchObject({
      openedNumber: 90n,
      openingUnits: 1_000_000n,
      scannedNumber: 90n,
      scannedHash: hashOfBlock(90n),
      inUnits: 0n,
      outUnits: 0n,
    });
    expect(await world.row('USDC')).toMatchObject({ openingUnits: 500_000n });
    expect(world.chain.asked).toEqual(['USDT @90', 'USDC @90']);
  });

  test('waits for a final block, and for a network that is open', async () => {
    const other = await createBooksWorld();
    await reconcile(other.settlement());
    await other.db.database.query('DELETE FROM settlement_networks');
    await reconcile(other.settlement());
    expect(other.chain.asked).toEqual([]);
    await other.close();
  });

  test.each(['fail', 'are not sure'])(
    'tells a person when nodes %s for half an hour',
    async (what) => {
      if (what === 'are not sure') world.chain.answers.set(hashOfBlock(90n), 'unknown');
      const movements = async (): Promise<never> => await Promise.reject(new Error('no answer'));
      world.clock.advance(30 * 60_000 - 1);
      await world.round(91n, { movements });
      expect(world.alarms()).toEqual([]);
      world.clock.advance(1);
      await world.round(91n, { movements });
      expect(world.alarms()).toHaveLength(2);
      expect(world.alarms()[0]).toContain('after block 90 has not been looked at');
      world.chain.answers.clear();
      await world.round(91n);
      await world.round(91n);
      expect(world.alarms()).toHaveLength(2);
    },
  );

  test('books each transfer once, in its own asset, and goes on from where it stood', async () => {
    const attempt = await world.attempt({ items: [{ units: 30n, to: ALICE }] });
    world.move({ direction: 'in', units: 7n, block: 91n });
    world.move({
      direction: 'out',
      units: 30n,
      block: 92n,
      counterparty: ALICE,
      carried: attempt.carried,
    });
    world.move({ direction: 'in', units: 5n, block: 92n, token: 'USDC' });
    await world.round(92n);
    await world.round(92n);
    await world.round(95n);
    expect(await world.row()).toMatchObject({
      scannedNumber: 95n,
      inUnits: 7n,
      outUnits: 30n,
      paidUnits: 0n,
      chainUnits: 999_977n,
      differenceUnits: 0n,
    });
    expect(await world.row('USDC')).toMatchObject({ inUnits: 5n, outUnits: 0n });
    expect(world.chain.asked.filter((it) => /^USDT \d+-/.test(it))).toEqual([
      'USDT 91-92',
      'USDT 93-95',
    ]);
    await expectClean();
  });

  test('does not count what was there before it began', async () => {
    world.move({ direction: 'out', units: 99n, block: 80n });
    await world.round(90n);
    world.chain.opening.set('USDT', 1_000_099n);
    await world.round(91n);
    await expectClean();
  });

  test('by several workers at once books everything once', async () => {
    for (let block = 91n; block <= 110n; block += 1n) {
      world.move({ direction: 'in', units: block, block });
    }
    await noteFinal(world.db.database, {
      network: world.network,
      block: blockAt(110n),
      at: world.clock.now(),
    });
    await Promise.all(
      Array.from({ length: 6 }, async () => {
        await reconcile(world.settlement());
      }),
    );
    expect(await world.row()).toMatchObject({ inUnits: 2_010n, scannedNumber: 110n });
    await expectClean();
  });

  test('is not put back by a worker that was slow', async () => {
    world.move({ direction: 'in', units: 7n, block: 91n });
    world.move({ direction: 'in', units: 9n, block: 94n });
    const { driver } = world.settlement();
    let isOvertaken = false;
    await world.round(92n, {
      movements: async (...question) => {
        const seen = await driver.movements(...question);
        if (!isOvertaken) {
          isOvertaken = true;
          await world.round(95n);
        }
        return seen;
      },
    });
    expect(await world.row()).toMatchObject({ scannedNumber: 95n, inUnits: 16n });
    await world.round(96n);
    expect(await world.row()).toMatchObject({ scannedNumber: 96n, inUnits: 16n });
    await expectClean();
  });

  test('books more at once than one statement takes', async () => {
    const attempt = await world.attempt({ items: [] });
    for (let count = 0; count < 5_001; count += 1) {
      world.move({ direction: 'in', units: 1n, block: 91n });
    }
    const unexplained = {
      direction: 'out',
      units: 1n,
      block: 91n,
      carried: attempt.carried,
    } as const;
    world.move(unexplained);
    await world.round(91n);
    expect(await world.row()).toMatchObject({ inUnits: 5_001n, outUnits: 1n, scannedNumber: 91n });
  });

  test('reads a long gap in bounded ranges, and asks for units at its end only', async () => {
    world.move({ direction: 'in', units: 1n, block: 1_090n });
    world.move({ direction: 'in', units: 2n, block: 1_091n });
    world.move({ direction: 'in', units: 4n, block: 2_500n });
    world.chain.asked.length = 0;
    await world.round(2_500n);
    expect(world.chain.asked.filter((it) => it.startsWith('USDT'))).toEqual([
      'USDT 91-1090',
      'USDT 1091-2090',
      'USDT 2091-2500',
      'USDT @2500',
    ]);
    expect(await world.row()).toMatchObject({ inUnits: 7n, scannedHash: hashOfBlock(2_500n) });
    await expectClean();
  });

  test('goes on where it was cut off', async () => {
    world.move({ direction: 'in', units: 1n, block: 1_090n });
    world.move({ direction: 'in', units: 4n, block: 1_091n });
    let calls = 0;
    const { driver } = world.settlement();
    await world.round(1_100n, {
      movements: async (...question) => {
        calls += 1;
        if (calls > 1) throw new Error('no answer');
        return await driver.movements(...question);
      },
    });
    expect(await world.row()).toMatchObject({
      scannedNumber: 1_090n,
      scannedHash: null,
      inUnits: 1n,
    });
    await world.round(1_100n);
    expect(await world.row()).toMatchObject({ scannedNumber: 1_100n, inUnits: 5n });
    await expectClean();
  });

  test('of one asset is not kept back by another', async () => {
    world.move({ direction: 'in', units: 5n, block: 91n, token: 'USDC' });
    const { driver } = world.settlement();
    await world.round(91n, {
      movements: async (asset, blocks) => {
        if (asset.token === 'USDT') throw new Error('no answer');
        return await driver.movements(asset, blocks);
      },
    });
    expect(await world.row()).toMatchObject({ scannedNumber: 90n });
    expect(await world.row('USDC')).toMatchObject({ scannedNumber: 91n, inUnits: 5n });
  });

  test('is not moved by transfers of nothing, which anybody can announce', async () => {
    world.move({ direction: 'out', units: 0n, block: 91n });
    await world.round(91n);
    expect(await world.row()).toMatchObject({ scannedNumber: 91n });
    await expectClean();
  });
});

describe('a transfer out', () => {
  test('that no attempt explains stops the network, and is named', async () => {
    const units = 25n * 10n ** 17n;
    world.move({ direction: 'in', units, block: 91n });
    const hand = world.move({ direction: 'out', units, block: 91n, counterparty: BOB });
    await world.round(91n);
    const reason = `transaction ${hand.transactionHash} sent 2.5 USDT to ${BOB}, which no attempt explains`;
    expect(await world.stoppedFor()).toBe(reason);
    expect(world.alarms()).toEqual([`signing has stopped: ${reason}`]);
    await world.round(92n);
    expect(world.alarms()).toHaveLength(1);
    expect(await world.row()).toMatchObject({ outUnits: units, differenceUnits: 0n });
  });

  test('has its own alarm where the network is stopped already; the first reason stays', async () => {
    const out = { direction: 'out', units: 1n, counterparty: BOB } as const;
    const first = world.move({ ...out, block: 91n });
    await world.round(91n);
    const second = world.move({ ...out, block: 92n });
    await world.round(92n);
    expect(await world.stoppedFor()).toContain(first.transactionHash);
    expect(world.alarms()).toHaveLength(2);
    expect(world.alarms()[1]).toContain(second.transactionHash);
  });

  test('more than the attempt orders stops the network: each payout explains one', async () => {
    const attempt = await world.attempt({
      items: [
        { units: 30n, to: ALICE },
        { units: 30n, to: ALICE },
      ],
    });
    const out = {
      direction: 'out',
      units: 30n,
      counterparty: ALICE,
      transactionHash: HASH,
      carried: attempt.carried,
    } as const;
    world.move({ ...out, block: 91n });
    await world.round(91n);
    world.move({ ...out, block: 92n });
    await world.round(92n);
    await expectClean();
    world.move({ ...out, block: 93n });
    await world.round(93n);
    expect(await world.stoppedFor()).toContain(`transaction ${HASH} sent`);
  });

  test('of a dead attempt stops the network', async () => {
    const attempt = await world.attempt({ items: [{ units: 30n, to: ALICE }], state: 'DEAD' });
    world.move({
      direction: 'out',
      units: 30n,
      block: 91n,
      counterparty: ALICE,
      carried: attempt.carried,
    });
    await world.round(91n);
    expect(await world.stoppedFor()).toMatch(/which no attempt explains$/);
  });

  test('of another token than the attempt’s stops the network', async () => {
    const attempt = await world.attempt({ items: [{ units: 30n, to: ALICE }], token: 'USDC' });
    world.move({
      direction: 'out',
      units: 30n,
      block: 91n,
      counterparty: ALICE,
      carried: attempt.carried,
    });
    await world.round(91n);
    expect(await world.stoppedFor()).toMatch(/which no attempt explains$/);
  });
});

describe('units that come or go without a transfer', () => {
  test('stop the network with all figures; the blocks are read again', async () => {
    world.move({ direction: 'in', units: 7n, block: 91n, token: 'USDC' });
    world.chain.silent.push({ token: 'USDC', block: 91n, units: -100_000n });
    await world.round(91n);
    const reason =
      'the payer holds 0.400007 USDC at block 91, and should hold 0.500007 USDC: 0.5 USDC at block 90, 0.000007 USDC in, 0 USDC out, 0 USDC adjusted; the difference is -0.1 USDC';
    expect(await world.stoppedFor()).toBe(reason);
    expect(await world.row('USDC')).toMatchObject({
      scannedNumber: 90n,
      inUnits: 0n,
      differenceUnits: -100_000n,
      checkedNumber: 91n,
    });
    await world.round(93n);
    expect(world.alarms()).toEqual([`signing has stopped: ${reason}`]);
    expect(world.chain.asked.at(-2)).toBe('USDC 91-93');
  });

  test('that a node only left out are found the second time: nothing stops', async () => {
    world.move({ direction: 'in', units: 7n, block: 91n });
    const { driver } = world.settlement();
    let calls = 0;
    await world.round(91n, {
      movements: async (...question) => {
        calls += 1;
        return calls === 1 ? [] : await driver.movements(...question);
      },
    });
    await expectClean();
    expect(await world.row()).toMatchObject({ inUnits: 7n, scannedNumber: 91n });
  });

  test('that nodes left out for long are no difference once they show them', async () => {
    world.move({ direction: 'in', units: 7n, block: 91n });
    await world.round(91n, { movements: async () => await Promise.resolve([]) });
    expect(await world.row()).toMatchObject({ differenceUnits: 7n });
    await world.round(92n);
    expect(await world.row()).toMatchObject({
      differenceUnits: 0n,
      inUnits: 7n,
      scannedNumber: 92n,
    });
    expect(await world.stoppedFor()).not.toBeNull();
  });
});

describe('a scanned block', () => {
  test('that the nodes deny stops the network, and nothing is compared with that chain', async () => {
    world.chain.answers.set(hashOfBlock(90n), 'no');
    world.chain.asked.length = 0;
    await world.round(91n);
    await world.round(92n);
    expect(await world.stoppedFor()).toMatch(/^block 90 .*final when USDT was reconciled/);
    expect(world.chain.asked).toEqual([]);
    expect(world.alarms()).toHaveLength(1);
  });

  test('is not even looked at while another block is denied', async () => {
    await world.db.database.query(
      `UPDATE settlement_networks SET denied_number = 91, denied_hash = 'x'`,
    );
    world.chain.asked.length = 0;
    await world.round(92n);
    expect(world.chain.asked).toEqual([]);
    expect(await world.row()).toMatchObject({ scannedNumber: 90n });
  });

  test('of which nobody is sure waits', async () => {
    world.chain.answers.set(hashOfBlock(90n), 'unknown');
    await world.round(91n);
    expect(await world.row()).toMatchObject({ scannedNumber: 90n });
    await expectClean();
  });
});

describe('what is signed for', () => {
  test('beyond what the treasury held is an alarm, once, and stops nothing', async () => {
    await world.attempt({ items: [{ units: 1_000_001n, to: ALICE }] });
    await world.round(91n);
    await world.round(92n);
    expect(world.alarms()).toEqual([
      'the treasury held 0.000000000001 USDT at block 91, and 0.000000000001000001 USDT are signed for and not found there',
    ]);
    expect(await world.stoppedFor()).toBeNull();
    expect(await world.row()).toMatchObject({ openUnits: 1_000_001n });
  });

  test('and lies in a scanned block is not counted twice', async () => {
    const attempt = await world.attempt({ items: [{ units: 900_000n, to: ALICE }] });
    world.move({
      direction: 'out',
      units: 900_000n,
      block: 91n,
      counterparty: ALICE,
      carried: attempt.carried,
    });
    await world.round(91n);
    expect(await world.row()).toMatchObject({ openUnits: 0n, chainUnits: 100_000n });
    await expectClean();
  });
});
