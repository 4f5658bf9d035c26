import type { Clock } from '../base/clock.ts';
import type { NetworkConfig } from '../config.ts';
import type { Database } from '../database/database.ts';
import type { NetworkId } from '../money/asset.ts';
import type { ReadableSettings } from './examine-settings.ts';

/** What is looked at: one enabled network whose settings can be read. */
export interface NetworkToExamine {
  readonly network: NetworkId;
  readonly config: NetworkConfig;
  readonly readable: ReadableSettings;
  /** Null where it cannot be used. */
  readonly database: Database | null;
  readonly clock: Clock;
}
