import type { Asset } from '../money/asset.ts';

/** What an address holds at the newest block. */
export interface Holdings {
  /** The coin that pays for transactions, for people: "ETH". */
  readonly coin: string;
  readonly coinDecimals: number;
  readonly coinUnits: bigint;
  /** In units of each asset on this network, in the order asked. */
  readonly tokens: readonly { readonly asset: Asset; readonly units: bigint }[];
}

/** How many transactions of a sender the chain counts. */
export interface SequenceCount {
  readonly latest: bigint;
  /** Of them, those that no reorganisation takes back. */
  readonly final: bigint;
}

/** Asks a network about an account, without a key. Throws {@link NetworkUnreachable}. */
export interface AccountReader {
  holdings(address: string, assets: readonly Asset[]): Promise<Holdings>;
  sequence(sender: string): Promise<SequenceCount>;
}

/** No node of the network gave a usable answer. The message shows no URL. */
export class NetworkUnreachable extends Error {
  override readonly name = 'NetworkUnreachable';
}
