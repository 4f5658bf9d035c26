import type { Json } from '../../../src/base/json.ts';
import { isSpentIn, spentSlotOf } from '../../../src/networks/evm/spent-slot.ts';
import type {
  AttemptToFollow,
  BlockReference,
  ItemFate,
  NetworkDriver,
  Sighting,
} from '../../../src/networks/network.ts';
import type { Plant } from '../plant.ts';
import type { NodeEndpoint } from '../simulated-network.ts';

function noProof(block: BlockReference): Json {
  return { planted: true, blockNumber: block.number.toString() };
}

const ZERO_WORD = `0x${'0'.repeat(64)}`;

/** What a careless reader takes an error for. */
const ABSENCE: Readonly<Record<string, unknown>> = {
  eth_getTransactionReceipt: null,
  eth_getTransactionByHash: null,
  eth_getLogs: [],
  eth_getStorageAt: ZERO_WORD,
};

export const rpcErrorAsAbsence: Plant = {
  name: 'rpc-error-as-absence',
  family: 'evm',
  mistake:
    'A node that does not answer is taken for one that says "there is none": of a receipt, a transaction, an event, a spent bit; and what is not there after its deadline is dead. Removes the third answer (unknown) from every read, on every node, and the final block that a death is proven by. The first half alone is seen through: a death needs a final block, and a quorum.',
  nodes: (endpoints) => ({
    endpoints: endpoints.map((endpoint) => ({
      label: endpoint.label,
      request: async (method, params) => {
        try {
          return await endpoint.request(method, params);
        } catch (error) {
          if (method in ABSENCE) return ABSENCE[method];
          throw error;
        }
      },
    })),
  }),
  driver: (driver, { now }) => ({
    ...driver,
    status: async (attempt) => {
      const sighting = await driver.status(attempt);
      const isAbsent = sighting.kind === 'unknown' || sighting.kind === 'unseen';
      if (!isAbsent || attempt.validUntil === null || attempt.validUntil > now()) return sighting;
      return {
        kind: 'dead',
        reason: 'It was not there after its deadline.',
        proof: noProof((await driver.head()).final),
        takenBy: null,
      };
    },
  }),
};

export const proofFromOneLaggingProvider: Plant = {
  name: 'proof-from-one-lagging-provider',
  family: 'evm',
  mistake:
    'Whether a batch is dead is asked of one provider before anything else, behind whose address are two nodes: the first tells the time of the final block, the second, as of its own newest block, whether the id is spent. Removes the quorum for a death, and the rule that all answers of a proof are of one node at one block. A single node that lags, but is asked everything, does no harm: it is late with the time too.',
  driver: (driver, { endpoints: [fresh, other] }) => ({
    ...driver,
    status: async (attempt) => {
      if (fresh === undefined || other === undefined) return await driver.status(attempt);
      const death = await deathByHalves(attempt, { fresh, other });
      return death ?? (await driver.status(attempt));
    },
  }),
};

/** Null where it is not dead, or where one of the two does not answer. */
async function deathByHalves(
  { fence, payer, validUntil }: AttemptToFollow,
  nodes: { readonly fresh: NodeEndpoint; readonly other: NodeEndpoint },
): Promise<Sighting | null> {
  const place = spentSlotOf(BigInt(fence.split(':').at(-1) ?? ''));
  try {
    const block = await nodes.fresh.request('eth_getBlockByNumber', ['finalized', false]);
    const { number, hash, timestamp } = block as Record<'number' | 'hash' | 'timestamp', string>;
    if (validUntil === null || BigInt(timestamp) * 1_000n <= validUntil.getTime()) return null;
    const word = await nodes.other.request('eth_getStorageAt', [payer, place.slot, 'latest']);
    if (isSpentIn(BigInt(String(word)), place)) return null;
    const proof = noProof({ number: BigInt(number), hash });
    return { kind: 'dead', reason: 'Its deadline has passed.', proof, takenBy: null };
  } catch {
    return null;
  }
}

export const blockHashNotChecked: Plant = {
  name: 'block-hash-not-checked',
  family: 'evm',
  mistake:
    'What was once seen in a block is paid when that height is final, whatever block is there by then. Removes the second look, the comparison of hashes and the quorum for what is final.',
  driver: (driver) => {
    const seen = new Map<string, BlockReference>();
    return {
      ...driver,
      status: async (attempt) => {
        const block = seen.get(attempt.authorityHash);
        if (block !== undefined && (await driver.head()).final.number >= block.number) {
          return paid(attempt, block);
        }
        const sighting = await driver.status(attempt);
        if (sighting.kind === 'included') seen.set(attempt.authorityHash, sighting.block);
        return sighting;
      },
    };
  },
};

function paid(attempt: AttemptToFollow, block: BlockReference): Sighting {
  return {
    kind: 'final',
    transactionHash: attempt.transactionHashes[0] ?? '',
    block,
    feeUnits: 0n,
    fates: attempt.orders.map((order): ItemFate => {
      return { kind: 'paid', payoutId: order.payoutId, proof: noProof(block) };
    }),
  };
}

export const successByReceiptStatus: Plant = {
  name: 'success-by-receipt-status',
  family: 'evm',
  mistake:
    "A final transaction that succeeded has paid everything in it. Removes the reading of its events: the token's transfers and the treasury's failures.",
  driver: (driver) => ({
    ...driver,
    status: async (attempt) => {
      const sighting = await driver.status(attempt);
      if (sighting.kind !== 'final') return sighting;
      return { ...paid(attempt, sighting.block), transactionHash: sighting.transactionHash };
    },
  }),
};

const PATIENCE = 6;

export const failedWithoutProof: Plant = {
  name: 'failed-without-proof',
  family: 'evm',
  mistake:
    'After six looks in vain a payout is FAILED and its hold released. Removes the proof that FAILED needs: a final block.',
  driver: (driver) => {
    const looks = new Map<string, number>();
    return {
      ...driver,
      status: async (attempt) => {
        const sighting = await driver.status(attempt);
        if (!['unknown', 'unseen', 'waiting'].includes(sighting.kind)) return sighting;
        const count = (looks.get(attempt.authorityHash) ?? 0) + 1;
        looks.set(attempt.authorityHash, count);
        return count < PATIENCE ? sighting : await givenUp(driver, attempt);
      },
    };
  },
};

async function givenUp(driver: NetworkDriver, attempt: AttemptToFollow): Promise<Sighting> {
  const block = (await driver.head()).final;
  return {
    kind: 'final',
    transactionHash: attempt.transactionHashes[0] ?? '',
    block,
    feeUnits: 0n,
    fates: attempt.orders.map((order): ItemFate => {
      const reason = 'It was not seen in time.';
      return { kind: 'refused', payoutId: order.payoutId, reason, proof: noProof(block) };
    }),
  };
}
