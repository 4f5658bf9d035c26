import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Movement } from '../networks/network.ts';
import { explainMovements, type Explanation } from './explain-movements.ts';

const TO = '0x56adfcc254ab3b8142a275c1837bcffaff5aa38b';
const OTHER = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8';
const carried = { fence: '0xf3:batch:7', authorityHash: '0x07' };

const MOVEMENT: Movement = {
  kind: 'transfer',
  direction: 'out',
  units: 5n,
  counterparty: TO,
  transactionHash: '0x1',
  logIndex: 0n,
  block: { number: 1n, hash: '0xb' },
  carried,
};

const OFFER: Explanation = {
  ...carried,
  attemptId: 'attempt',
  payoutId: 'payout',
  toAddress: TO,
  units: 5n,
  fate: 'OPEN',
};

function explain(movement: Partial<Movement>, offer: Partial<Explanation>): boolean {
  const explained = explainMovements(
    'BSC_MAINNET',
    [{ ...MOVEMENT, ...movement }],
    [{ ...OFFER, ...offer }],
  );
  return explained.size === 1;
}

describe('a transfer out is explained', () => {
  test.each<[string, Partial<Movement>, Partial<Explanation>]>([
    ['by an open payout of the attempt', {}, {}],
    ['by a payout that is known to be paid', {}, { fate: 'PAID' }],
    ['whatever the spelling of the recipient', { counterparty: TO.toUpperCase() }, {}],
    [
      'by the payout that it names, whoever is paid',
      { counterparty: OTHER, payoutId: 'payout' },
      {},
    ],
  ])('%s', (_, movement, offer) => {
    expect(explain(movement, offer)).toBe(true);
  });
});

describe('a transfer is not explained', () => {
  test.each<[string, Partial<Movement>, Partial<Explanation>]>([
    ['where it comes in', { direction: 'in' }, {}],
    ['where its transaction carried nothing of ours', { carried: null }, {}],
    ['by an attempt with another fence', {}, { fence: '0xf3:batch:8' }],
    ['by other bytes under the same fence', {}, { authorityHash: '0x08' }],
    ['by a payout to another recipient', { counterparty: OTHER }, {}],
    ['by a payout of another amount', { units: 6n }, {}],
    ['by another payout than it names', { payoutId: 'another' }, {}],
    ['by a payout that was refused', {}, { fate: 'REFUSED' }],
    ['by a payout of a dead attempt', {}, { fate: 'DEAD' }],
  ])('%s', (_, movement, offer) => {
    expect(explain(movement, offer)).toBe(false);
  });

  test('twice by one payout', () => {
    const twice = [MOVEMENT, { ...MOVEMENT, logIndex: 1n }];
    const explained = explainMovements('BSC_MAINNET', twice, [OFFER]);
    expect([...explained.keys()]).toEqual([twice[0]]);
  });
});

test('as many transfers are explained as there are payouts like them, each by another', () => {
  const units = fc.bigInt({ min: 1n, max: 3n });
  const pairs = fc.array(fc.record({ units, counterparty: fc.constantFrom(TO, OTHER) }), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(pairs, pairs, (moved, ordered) => {
      const movements = moved.map((it, index) => ({
        ...MOVEMENT,
        ...it,
        logIndex: BigInt(index),
      }));
      const offers = ordered.map((it, index) => ({
        ...OFFER,
        units: it.units,
        toAddress: it.counterparty,
        payoutId: String(index),
      }));
      const explained = explainMovements('BSC_MAINNET', movements, offers);
      const payouts = [...explained.values()].map(({ payoutId }) => payoutId);
      expect(new Set(payouts).size).toBe(payouts.length);
      for (const [movement, offer] of explained) {
        expect([movement.units, movement.counterparty]).toEqual([offer.units, offer.toAddress]);
      }
      const alike = (to: string, amount: bigint): number =>
        Math.min(
          moved.filter((it) => it.counterparty === to && it.units === amount).length,
          ordered.filter((it) => it.counterparty === to && it.units === amount).length,
        );
      const most = [TO, OTHER].flatMap((to) => [1n, 2n, 3n].map((amount) => alike(to, amount)));
      expect(payouts.length).toBe(most.reduce((sum, count) => sum + count, 0));
    }),
  );
});
