import type { NetworkReader } from '../network.ts';
import { assert } from '../../base/assert.ts';
import type { EvmNetworkId } from './evm-network.ts';
import { readAttempt } from './followed-transfer.ts';
import { connectNodes, type EvmConnection } from './nodes.ts';
import { reasonOf, sightOnNodes } from './sight-on-nodes.ts';

export interface EvmReaderOptions extends EvmConnection {
  readonly network: EvmNetworkId;
}

/**
 * What a process without keys may ask of Ethereum, Polygon or BSC. Needs no treasury: an attempt
 * names its own sender, and its bytes are signed by it.
 */
export function createEvmReader(options: EvmReaderOptions): NetworkReader {
  const { network, chainId } = options;
  const nodes = connectNodes(options).all;
  return {
    network,
    async status(attempt) {
      try {
        const transfer = await readAttempt(attempt, chainId);
        assert(transfer.order.asset.network === network, `the attempt is not of ${network}`);
        return await sightOnNodes(nodes, transfer);
      } catch (error) {
        return { kind: 'unknown', reason: reasonOf(error) };
      }
    },
  };
}
