import type { NetworkId } from '../money/asset.ts';

/**
 * How many blocks below the newest one a block must lie for its disappearance to be no mishap of the
 * network but a broken one. Finality decides about payouts; this catches a chain whose finality stalls
 * or whose nodes lie about it. Shallower reorganisations are followed like anything else.
 */
const DEPTHS: Readonly<Record<NetworkId, bigint>> = {
  /** Two epochs: what lies deeper is final, unless more than a third of the stake is at odds. */
  ETHEREUM_MAINNET: 64n,
  /** 157 blocks were reorganised in February 2023, before milestones; the next power of two. */
  MATIC_MAINNET: 256n,
  /** 21 validators take turns; votes make a block final after two. Half as much again as one turn. */
  BSC_MAINNET: 32n,
  /** Two turns of the 27 witnesses; 18 blocks later a block is solidified. */
  TRON_MAINNET: 54n,
  /** Slots. As many as a blockhash lives; a block is final after about 32. */
  SOL_MAINNET: 150n,
  /** What most services wait for. With fewer confirmations a block is final before. */
  BITCOIN_MAINNET: 6n,
};

/** In blocks. */
export function deepReorgBlocks(network: NetworkId): bigint {
  return DEPTHS[network];
}
