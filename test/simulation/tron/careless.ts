import type { Json } from '../../../src/base/json.ts';
import type {
  AttemptToFollow,
  ItemFate,
  NetworkDriver,
  Sighting,
} from '../../../src/networks/network.ts';
import { decodeTransaction } from '../../../local-chains/tron/transaction.ts';
import type { Plant, PlantTools } from '../plant.ts';
import type { NodeEndpoint } from '../simulated-network.ts';

function dead(reason: string): Sighting {
  return { kind: 'dead', reason, proof: { planted: true }, takenBy: null };
}

/** A driver that asks this first, and is asked itself where it gives null. */
function before(
  driver: NetworkDriver,
  judge: (attempt: AttemptToFollow) => Promise<Sighting | null>,
): NetworkDriver {
  return {
    ...driver,
    status: async (attempt) => (await judge(attempt)) ?? (await driver.status(attempt)),
  };
}

/** What a careless client has made of the answers to its broadcasts: ids that it takes for refused. */
const refusedBy = new WeakMap<PlantTools, Set<string>>();

function refusedOf(tools: PlantTools): Set<string> {
  const known = refusedBy.get(tools) ?? new Set();
  refusedBy.set(tools, known);
  return known;
}

/** Nodes whose answers to broadcasts are read by their codes. */
function readingCodes(
  endpoints: readonly NodeEndpoint[],
  tools: PlantTools,
  codes: readonly string[],
): { readonly endpoints: readonly NodeEndpoint[] } {
  const read = (answer: unknown, body: Json): void => {
    const { code } = answer as { code?: unknown };
    if (typeof code !== 'string' || !codes.includes(code)) return;
    const { transaction } = body as { transaction: string };
    refusedOf(tools).add(decodeTransaction(Buffer.from(transaction, 'hex')).txid);
  };
  return {
    endpoints: endpoints.map((endpoint) => ({
      label: endpoint.label,
      request: async (path, body) => {
        const answer = await endpoint.request(path, body);
        if (path === 'wallet/broadcasthex' && typeof answer === 'object' && answer !== null) {
          read(answer, body);
        }
        return answer;
      },
    })),
  };
}

export const busyAsRefusal: Plant = {
  name: 'tron-busy-as-refusal',
  family: 'tron',
  mistake:
    'A node that answers a broadcast with SERVER_BUSY, NO_CONNECTION or OTHER_ERROR has refused it: the payout is signed for anew. Removes the rule that every answer but acceptance means look, and the proof of death before another signature.',
  nodes: (endpoints, tools) =>
    readingCodes(endpoints, tools, ['SERVER_BUSY', 'NO_CONNECTION', 'OTHER_ERROR']),
  driver: (driver, tools) =>
    before(driver, async ({ authorityHash }) => {
      const isRefused = refusedOf(tools).has(authorityHash);
      return await Promise.resolve(isRefused ? dead('The node has refused it.') : null);
    }),
};

export const expiredByOneNode: Plant = {
  name: 'tron-expired-by-one-node',
  family: 'tron',
  mistake:
    "A node that says TRANSACTION_EXPIRATION_ERROR is believed: the payout is signed for anew. Removes the chain's own time as the judge of an expiration, and the quorum.",
  nodes: (endpoints, tools) => readingCodes(endpoints, tools, ['TRANSACTION_EXPIRATION_ERROR']),
  driver: (driver, tools) =>
    before(driver, async ({ authorityHash }) => {
      const isExpired = refusedOf(tools).has(authorityHash);
      return await Promise.resolve(isExpired ? dead('The node says that it has expired.') : null);
    }),
};

export const absenceBeforeSolid: Plant = {
  name: 'tron-absence-before-solid',
  family: 'tron',
  mistake:
    "What a full node does not know after the time of its newest block is past the expiration is dead. Removes the solidified view, of the time and of the transaction, the look for the transaction without its info, and the quorum: each question goes to whichever node a provider's address leads to.",
  driver: (driver, { endpoints, random }) =>
    before(driver, async ({ authorityHash, validUntil }) => {
      const ask = async (path: string, body: Json): Promise<unknown> =>
        await random.pick(endpoints).request(path, body);
      try {
        const newest = (await ask('wallet/getblock', { detail: false })) as NewestBlock;
        if (newest.block_header.raw_data.timestamp <= (validUntil?.getTime() ?? 0)) return null;
        const info = await ask('wallet/gettransactioninfobyid', { value: authorityHash });
        return Object.keys(info as object).length === 0 ? dead('It has expired unseen.') : null;
      } catch {
        return null;
      }
    }),
};

interface NewestBlock {
  readonly block_header: { readonly raw_data: { readonly timestamp: number } };
}

export const fateByResult: Plant = {
  name: 'tron-fate-by-result',
  family: 'tron',
  mistake:
    "A final transfer has been made where the contract has answered true, and has failed elsewhere. Removes the reading of the token's Transfer event: USDT answers false to a transfer that it has made.",
  driver: (driver, { endpoints: [endpoint] }) => ({
    ...driver,
    status: async (attempt) => {
      const sighting = await driver.status(attempt);
      if (sighting.kind !== 'final' || endpoint === undefined) return sighting;
      const body = { value: attempt.authorityHash };
      const info = await endpoint
        .request('walletsolidity/gettransactioninfobyid', body)
        .catch(() => null);
      const [answered] =
        (info as { contractResult?: readonly string[] } | null)?.contractResult ?? [];
      if (answered === undefined || answered === '' || BigInt(`0x${answered}`) === 1n) {
        return sighting;
      }
      const fates = attempt.orders.map(({ payoutId }): ItemFate => {
        const reason = 'The contract has answered false.';
        return { kind: 'undone', payoutId, reason, proof: { planted: true } };
      });
      return { ...sighting, fates };
    },
  }),
};
