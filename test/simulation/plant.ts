import type { Database } from '../../src/database/database.ts';
import type { NetworkFamily } from '../../src/networks/family.ts';
import type { NetworkDriver } from '../../src/networks/network.ts';
import type { SeededRandom } from '../harness/seeded-random.ts';
import type { NodeEndpoint } from './simulated-network.ts';

/**
 * A mistake that a careless engineer could make, put around the arguments that the road is given anyway.
 * Production code holds no switch for any of them.
 */
export interface Plant {
  readonly name: string;
  /** On whose networks it can be made. */
  readonly family: NetworkFamily;
  /** What is done wrongly, and which defences it takes away. */
  readonly mistake: string;
  /** The nodes as the careless driver reaches them, and how many of them it believes. */
  readonly nodes?: (
    endpoints: readonly NodeEndpoint[],
    tools: PlantTools,
  ) => {
    readonly endpoints: readonly NodeEndpoint[];
    readonly quorum?: number;
  };
  readonly driver?: (driver: NetworkDriver, tools: PlantTools) => NetworkDriver;
  /** Rewrites statements, or what becomes of them. */
  readonly database?: (database: Database, tools: PlantTools) => Database;
}

export interface PlantTools {
  readonly endpoints: readonly NodeEndpoint[];
  readonly now: () => Date;
  readonly random: SeededRandom;
}
