import type { Json } from '../../../src/base/json.ts';
import type { AttemptToFollow, ItemFate, Sighting } from '../../../src/networks/network.ts';
import type { Plant, PlantTools } from '../plant.ts';

function dead(reason: string): Sighting {
  return { kind: 'dead', reason, proof: { planted: true }, takenBy: null };
}

/** Of whichever node a provider's address leads to. Null where it does not answer. */
function asking({ endpoints, random }: PlantTools) {
  return async <T>(method: string, params: readonly Json[]): Promise<T | null> => {
    const answer = await random
      .pick(endpoints)
      .request(method, params)
      .catch(() => null);
    return answer as T | null;
  };
}

interface Statuses {
  readonly value: readonly ({
    readonly err: unknown;
    readonly confirmationStatus: string;
    readonly slot: number;
  } | null)[];
}

export const nullStatusAsDeath: Plant = {
  name: 'solana-null-status-as-death',
  family: 'solana',
  mistake:
    'A signature that the status cache of a node does not know after its last block is final is dead. Removes the search in the history, the look at whether the node has one, the slot at which it was asked, and the quorum.',
  driver: (driver, tools) => {
    const ask = asking(tools);
    return {
      ...driver,
      status: async (attempt) => {
        const { authorityHash, validUntilBlock } = attempt;
        const height = await ask<number>('getBlockHeight', [{ commitment: 'finalized' }]);
        const isOver = height !== null && BigInt(height) > (validUntilBlock ?? 0n);
        if (!isOver) return await driver.status(attempt);
        const statuses = await ask<Statuses>('getSignatureStatuses', [[authorityHash]]);
        if (statuses?.value?.[0] === null) return dead('Its blockhash has expired.');
        return await driver.status(attempt);
      },
    };
  },
};

export const heightNotFinalized: Plant = {
  name: 'solana-height-not-finalized',
  family: 'solana',
  mistake:
    'The height that a blockhash lives to is compared with the newest block of one node, and the status is asked of another. Removes the finalized height, the slot at which a status was asked, and the quorum; the history is searched.',
  driver: (driver, tools) => {
    const ask = asking(tools);
    return {
      ...driver,
      status: async (attempt) => {
        const { authorityHash, validUntilBlock } = attempt;
        const height = await ask<number>('getBlockHeight', [{ commitment: 'processed' }]);
        const isOver = height !== null && BigInt(height) > (validUntilBlock ?? 0n);
        if (!isOver) return await driver.status(attempt);
        const question = { searchTransactionHistory: true };
        const statuses = await ask<Statuses>('getSignatureStatuses', [[authorityHash], question]);
        if (statuses?.value?.[0] === null) return dead('Its blockhash has expired.');
        return await driver.status(attempt);
      },
    };
  },
};

const PATIENCE_MS = 45_000;

export const oldSignatureNotChecked: Plant = {
  name: 'solana-old-signature-not-checked',
  family: 'solana',
  mistake:
    'What is in no block three quarters of a minute after it was first looked for is signed for anew, with a fresh blockhash, and the old signature is looked at no more. Removes the fence and the proof of death.',
  driver: (driver, { now }) => {
    const since = new Map<string, number>();
    return {
      ...driver,
      status: async (attempt) => {
        const sighting = await driver.status(attempt);
        if (!['unknown', 'unseen', 'waiting'].includes(sighting.kind)) return sighting;
        const first = since.get(attempt.authorityHash) ?? now().getTime();
        since.set(attempt.authorityHash, first);
        if (now().getTime() - first < PATIENCE_MS) return sighting;
        return dead('It has taken too long.');
      },
    };
  },
};

export const successByNoError: Plant = {
  name: 'solana-success-by-no-error',
  family: 'solana',
  mistake:
    'A status without an error, of one node, has paid everything in the transaction. Removes the commitment that it has, the block, the transaction itself with its balances, and the quorum.',
  driver: (driver, tools) => {
    const ask = asking(tools);
    return {
      ...driver,
      status: async (attempt) => {
        const statuses = await ask<Statuses>('getSignatureStatuses', [[attempt.authorityHash]]);
        const status = statuses?.value?.[0];
        if (status === undefined || status === null || status.err !== null) {
          return await driver.status(attempt);
        }
        return paid(attempt, BigInt(status.slot));
      },
    };
  },
};

function paid(attempt: AttemptToFollow, slot: bigint): Sighting {
  return {
    kind: 'final',
    transactionHash: attempt.authorityHash,
    block: { number: slot, hash: attempt.authorityHash },
    feeUnits: 0n,
    fates: attempt.orders.map(({ payoutId }): ItemFate => {
      return { kind: 'paid', payoutId, proof: { planted: true } };
    }),
  };
}
