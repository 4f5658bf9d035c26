import type { Database } from '../../src/database/database.ts';
import type { RpcEndpoint } from '../../src/networks/nodes/json-rpc.ts';
import type { NetworkDriver } from '../../src/networks/network.ts';
import type { SeededRandom } from './seeded-random.ts';

/**
 * A mistake that a careless engineer could make, put around the arguments that the road is given anyway.
 * Production code holds no switch for any of them.
 */
export interface Plant {
  readonly name: string;
  /** What is done wrongly, and which defences it takes away. */
  readonly mistake: string;
  /** The nodes as the careless driver reaches them, and how many of them it believes. */
  readonly nodes?: (endpoints: readonly RpcEndpoint[]) => {
    readonly endpoints: readonly RpcEndpoint[];
    readonly quorum?: number;
  };
  readonly driver?: (driver: NetworkDriver, tools: PlantTools) => NetworkDriver;
  /** Rewrites statements, or what becomes of them. */
  readonly database?: (database: Database, tools: PlantTools) => Database;
}

export interface PlantTools {
  readonly endpoints: readonly RpcEndpoint[];
  readonly now: () => Date;
  readonly random: SeededRandom;
}
