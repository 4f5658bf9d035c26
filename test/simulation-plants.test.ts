import { describe, expect, it, vi } from 'vitest';
import { usualNetworkOf } from './simulation/arguments.ts';
import { PLANTS } from './simulation/plants.ts';
import { simulate } from './simulation/small-worlds.ts';

// A bound for a machine that is busy with something else; a quiet one needs a small part of it.
vi.setConfig({ testTimeout: 300_000 });

/**
 * The seed by which each mistake was found first; docs/decisions/0014 and 0019 tell more. It is tried first, and
 * then all up to the bound: another version of the code has another history.
 */
const FOUND_BY: Readonly<Record<string, number>> = {
  'rpc-error-as-absence': 6,
  'broadcast-before-record': 1,
  'sign-again-on-timeout': 3,
  'nonce-from-pending-count': 1,
  'failed-without-proof': 21,
  'success-by-receipt-status': 23,
  'lease-without-fencing': 3,
  'hold-released-twice': 23,
  'block-hash-not-checked': 4,
  'proof-from-one-lagging-provider': 4,
  'tron-busy-as-refusal': 4,
  'tron-absence-before-solid': 3,
  'tron-expired-by-one-node': 3,
  'tron-fate-by-result': 5,
  'solana-null-status-as-death': 11,
  'solana-height-not-finalized': 20,
  'solana-old-signature-not-checked': 16,
  'solana-success-by-no-error': 32,
  'bitcoin-replacement-with-other-coins': 39,
  'bitcoin-unconfirmed-conflict-as-death': 20,
  'bitcoin-coins-not-locked': 4,
};
const BOUND = 60;

describe('a planted mistake', () => {
  it.each(PLANTS.map((plant) => ({ plant, name: plant.name })))(
    '$name is found',
    async ({ plant, name }) => {
      const seeds = [
        FOUND_BY[name] ?? 1,
        ...Array.from({ length: BOUND }, (_, index) => index + 1),
      ];
      for (const seed of seeds) {
        const { sentences } = await simulate({ seed, plant, network: usualNetworkOf(plant) });
        if (sentences.length > 0) return;
      }
      expect.fail(`${name} was not found with ${BOUND} seeds`);
    },
  );
});
