import type { Json } from '../../src/base/json.ts';
import type { NetworkId, Token } from '../../src/money/asset.ts';

/** The networks whose chains are of `local-chains/`. */
export type LocalNetworkId = 'TRON_MAINNET' | 'SOL_MAINNET' | 'BITCOIN_MAINNET';

/** What left the treasury for somebody else. */
export interface PaidOut {
  readonly to: string;
  /** Of the asset. */
  readonly units: bigint;
  readonly transactionHash: string;
}

/** What is shorter for workers on a fast chain than on the real one, in the JSON of KNIT_TEST_TIMES. */
export interface RehearsedTimes {
  readonly timeoutMs?: number;
  /** Of a transaction on Tron. */
  readonly lifetimeSeconds?: number;
  /**
   * In the place of the limit of that name, whose margins are for clocks apart and slow days: here one
   * clock is everybody's. No database is restored from a backup, which is what a worker waits for so long.
   */
  readonly validForMs?: number;
}

/** A chain with a funded treasury, and its own word on what was paid. */
export interface PayingChain {
  readonly network: NetworkId;
  /** Of a node that nothing is wrong with. */
  readonly rpcUrl: string;
  /** As the assets file has it. */
  readonly registryEntry: Json;
  readonly tokens: readonly Token[];
  /** Of one token. */
  readonly decimals: number;
  readonly treasury: string;
  /** Further settings of the processes that work on it. */
  readonly settings: Readonly<Record<string, string>>;
  /** On the branch that stands now, oldest first, final or not. */
  paidOut(token: Token): Promise<readonly PaidOut[]>;
  stop(): Promise<void>;
}

/** One of `local-chains/`, with its controls. */
export interface LocalPayingChain extends PayingChain {
  readonly network: LocalNetworkId;
  /** The same chain as another node sees it. */
  nodeUrl(name: string): string;
  control(what: string, body: Json): Promise<unknown>;
}
