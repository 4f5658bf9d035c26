import type { Hex } from '../../../src/networks/evm/read-answer.ts';
import type { BlockRecord } from './block.ts';
import { TOKEN_ADDRESSES } from './core.ts';
import type { SimulatedPayment, SimulatedTokenName } from './simulated-chain.ts';

/** Every Transfer of a token out of `payer` in these blocks, in their order. */
export function paymentsIn(
  blocks: readonly BlockRecord[],
  payer: Hex,
  isCanonical: (block: BlockRecord) => boolean,
): SimulatedPayment[] {
  return blocks.flatMap((block) =>
    block.transactions.flatMap(({ transaction, logs }) =>
      logs.flatMap((log): SimulatedPayment[] => {
        if (log.kind !== 'transfer' || log.from !== payer) return [];
        return [
          {
            token: tokenAt(log.address),
            recipient: log.to,
            units: log.units,
            batchId: log.paying?.batchId ?? null,
            item: log.paying?.item ?? null,
            transactionHash: transaction.hash,
            block: { number: BigInt(block.number), hash: block.hash },
            canonical: isCanonical(block),
          },
        ];
      }),
    ),
  );
}

function tokenAt(address: Hex): SimulatedTokenName {
  return address === TOKEN_ADDRESSES.USDT ? 'USDT' : 'USDC';
}
