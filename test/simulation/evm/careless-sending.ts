import { keccak256 } from 'viem';
import type { Row } from '../../../src/database/database.ts';
import type { Plant } from '../plant.ts';

export const broadcastBeforeRecord: Plant = {
  name: 'broadcast-before-record',
  family: 'evm',
  mistake:
    'What is signed is sent at once, and recorded afterwards. Removes the order of record and broadcast.',
  driver: (driver) => ({
    ...driver,
    sign: async (order) => {
      const signed = await driver.sign(order);
      await driver.broadcast(signed.transaction.rawTransaction);
      return signed;
    },
  }),
};

export const signAgainOnTimeout: Plant = {
  name: 'sign-again-on-timeout',
  family: 'evm',
  mistake:
    'A broadcast that no node answers with its hash has failed: the payouts are signed for anew. Removes the proof of death before another signature.',
  driver: (driver) => {
    const failed = new Set<string>();
    return {
      ...driver,
      broadcast: async (rawTransaction) => {
        const answer = await driver.broadcast(rawTransaction);
        if (answer.kind === 'look') failed.add(keccak256(rawTransaction));
        return answer;
      },
      status: async (attempt) => {
        const isLost = attempt.transactionHashes.some((hash) => failed.has(hash));
        if (!isLost) return await driver.status(attempt);
        return {
          kind: 'dead',
          reason: 'The broadcast has failed.',
          proof: { planted: true },
          takenBy: null,
        };
      },
    };
  },
};

export const nonceFromPendingCount: Plant = {
  name: 'nonce-from-pending-count',
  family: 'evm',
  mistake:
    "The next nonce is what the first node counts, its pool included. Removes the lane's own row as the source of nonces.",
  database: (database, { endpoints }) => ({
    ...database,
    query: async <R extends object = Row>(text: string, values?: readonly unknown[]) => {
      const rows = await database.query<R>(text, values);
      const takesLane = /UPDATE settlement_lanes\s+SET holder_id = \$3/.test(text);
      const [endpoint] = endpoints;
      if (!takesLane || rows.length === 0 || endpoint === undefined) return rows;
      const [network, sender] = values ?? [];
      const counted = await endpoint.request('eth_getTransactionCount', [
        String(sender),
        'pending',
      ]);
      const sequence = BigInt(String(counted));
      await database.query(
        'UPDATE settlement_lanes SET next_sequence = $3 WHERE network = $1 AND sender = $2',
        [network, sender, sequence],
      );
      return rows.map((row) => ({ ...row, next_sequence: sequence }));
    },
  }),
};
