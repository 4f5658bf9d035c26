import type { Clock } from '../base/clock.ts';
import type { IdSource } from '../base/id.ts';
import type { CheckReadiness } from '../base/readiness.ts';
import type { Database } from '../database/database.ts';
import type { NetworkId } from '../money/asset.ts';
import type { AssetRegistry } from '../networks/registry.ts';
import type { PayoutRules } from '../payouts/check-payout-request.ts';
import type { Intake } from '../payouts/intake.ts';
import { openApiDocument } from './contract.ts';
import type { RateLimiter } from './limit-rate.ts';
import type { OperationContract, PublicOperation, TenantOperation } from './operation.ts';
import { checkHealthContract, checkHealthOperation } from './routes/check-health.ts';
import { checkReadinessContract, checkReadinessOperation } from './routes/check-readiness.ts';
import { createPayoutContract, createPayoutOperation } from './routes/create-payout.ts';
import {
  createPayoutWalletContract,
  createPayoutWalletOperation,
} from './routes/create-payout-wallet.ts';
import { getContractContract, getContractOperation } from './routes/get-contract.ts';
import { getPayoutContract, getPayoutOperation } from './routes/get-payout.ts';
import {
  getPayoutStatusContract,
  getPayoutStatusOperation,
  type ConfirmNow,
} from './routes/get-payout-status.ts';
import { getPayoutWalletContract, getPayoutWalletOperation } from './routes/get-payout-wallet.ts';
import { issueTokenContract, issueTokenOperation } from './routes/issue-token.ts';
import { listAttemptsContract, listAttemptsOperation } from './routes/list-attempts.ts';
import { listNetworksContract, listNetworksOperation } from './routes/list-networks.ts';
import {
  listPayoutWalletsContract,
  listPayoutWalletsOperation,
} from './routes/list-payout-wallets.ts';
import { listPayoutsContract, listPayoutsOperation } from './routes/list-payouts.ts';

/** Every operation of the API, in the order of the document. */
export const CONTRACTS: readonly OperationContract[] = [
  createPayoutContract,
  listPayoutsContract,
  getPayoutContract,
  getPayoutStatusContract,
  listAttemptsContract,
  createPayoutWalletContract,
  listPayoutWalletsContract,
  getPayoutWalletContract,
  listNetworksContract,
  issueTokenContract,
  getContractContract,
  checkHealthContract,
  checkReadinessContract,
];

/** What the operations work with. */
export interface OperationDeps {
  readonly database: Database;
  readonly intake: Pick<Intake, 'create'>;
  readonly registry: AssetRegistry;
  readonly enabledNetworks: readonly NetworkId[];
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly masterKey: Uint8Array;
  readonly isOwnWallet: PayoutRules['isOwnWallet'];
  readonly confirmNow: ConfirmNow;
  readonly readiness: CheckReadiness;
  /** Of the software, for the document and the health check. */
  readonly version: string;
}

export function tenantOperations(deps: OperationDeps): TenantOperation[] {
  const { registry, enabledNetworks, isOwnWallet } = deps;
  const assetOf: PayoutRules['assetOf'] = (network, token) => registry.asset(network, token);
  return [
    createPayoutOperation({ ...deps, rules: { enabledNetworks, assetOf, isOwnWallet } }),
    listPayoutsOperation(deps),
    getPayoutOperation(deps),
    getPayoutStatusOperation(deps),
    listAttemptsOperation(deps),
    createPayoutWalletOperation(deps),
    listPayoutWalletsOperation(deps),
    getPayoutWalletOperation(deps),
  ];
}

export function publicOperations(
  deps: OperationDeps & { readonly tokenRequests: RateLimiter },
): PublicOperation[] {
  return [
    listNetworksOperation(deps),
    issueTokenOperation({ ...deps, requests: deps.tokenRequests }),
    getContractOperation({ document: openApiDocument(CONTRACTS, deps.version) }),
    checkHealthOperation(deps),
    checkReadinessOperation(deps),
  ];
}

const SERVED_WHEN_BUSY: ReadonlySet<string> = new Set(
  [checkHealthContract, checkReadinessContract].map(({ path }) => path),
);

/** Whether a URL is served however many requests are: what asks how the process is. */
export function isServedWhenBusy(url: string): boolean {
  return SERVED_WHEN_BUSY.has(url.replace(/[?#].*$/s, '').replace(/\/$/, ''));
}
