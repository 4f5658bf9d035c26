import { parseTransaction } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import type {
  SimulatedChain,
  SimulatedNode,
} from '../../harness/simulated-chain/simulated-chain.ts';
import type { SeededRandom } from '../../harness/seeded-random.ts';

/** A stranger who sends what the treasury has signed, seen in the pool, by an account of their own. */
export interface FrontRunner {
  readonly address: `0x${string}`;
  readonly run: () => void;
}

const GWEI = 10n ** 9n;

export function createFrontRunner(place: {
  readonly chain: SimulatedChain;
  /** A node of the stranger's own. */
  readonly node: SimulatedNode;
  readonly treasury: `0x${string}`;
  readonly random: SeededRandom;
  readonly maxFeeWei: bigint;
}): FrontRunner {
  const { chain, node, treasury, random } = place;
  // Anybody's key: it signs for nothing but its own account on a chain in memory.
  const account = privateKeyToAccount(`0x${'5e'.repeat(32)}`);
  const send = async (raw: `0x${string}`): Promise<void> => {
    const { data, gas } = parseTransaction(raw);
    const nonce = await node.request('eth_getTransactionCount', [account.address, 'pending']);
    const signed = await account.signTransaction({
      type: 'eip1559',
      chainId: chain.chainId,
      nonce: Number(nonce),
      to: treasury,
      data: data ?? '0x',
      gas: gas ?? 1_000_000n,
      maxFeePerGas: place.maxFeeWei,
      maxPriorityFeePerGas: 40n * GWEI,
    });
    await node.request('eth_sendRawTransaction', [signed]);
  };
  return {
    address: account.address.toLowerCase() as `0x${string}`,
    run: () => {
      const seen = chain.pool().filter(({ to }) => to === treasury);
      if (seen.length === 0) return;
      // The pool may refuse it (a nonce that waits, a fee too low): then the stranger has tried.
      send(random.pick(seen).raw).catch(() => undefined);
    },
  };
}
