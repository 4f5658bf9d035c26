import { shownState, tipOf } from './node-view.ts';
import {
  addressIn,
  jsonNumber,
  showAddress,
  withoutDefaults,
  type JsonObject,
  type Question,
} from './question.ts';
import { slotAt, usedNow } from './resources.ts';
import { accountOf, contractOf, parameterOf, type Account } from './state.ts';

/** What all accounts of mainnet together have staked, in TRX: only ratios to it matter. */
const TOTAL_WEIGHT = 19_000_000_000;
const WINDOW_MS = 86_400_000;
const ACTIVE_OPERATIONS = '7fff1fc0033e03000000000000000000'.padEnd(64, '0');

/** `{}` where the account has never been activated. */
export async function answerAccount(question: Question): Promise<JsonObject> {
  const { core, node, body, visible, solidity } = question;
  const address = addressIn(body, 'address', visible);
  const state = await question.serial(async () => await shownState(core, node, solidity));
  const account = accountOf(state, address);
  if (account === undefined) return {};
  const shown = showAddress(address, visible);
  const keys = [{ address: shown, weight: 1 }];
  return withoutDefaults({
    address: shown,
    type: contractOf(state, address) === undefined ? undefined : 'Contract',
    balance: jsonNumber(account.sun),
    create_time: account.createdAtMs,
    latest_opration_time: account.operatedAtMs,
    net_usage: account.bandwidth.used,
    free_net_usage: account.freeBandwidth.used,
    latest_consume_time: account.bandwidth.slot,
    latest_consume_free_time: account.freeBandwidth.slot,
    net_window_size: WINDOW_MS,
    net_window_optimized: true,
    account_resource: withoutDefaults({
      energy_usage: account.energy.used,
      latest_consume_time_for_energy: account.energy.slot,
      energy_window_size: WINDOW_MS,
      energy_window_optimized: true,
    }),
    owner_permission: { permission_name: 'owner', threshold: 1, keys },
    active_permission: [
      {
        type: 'Active',
        id: 2,
        permission_name: 'active',
        threshold: 1,
        operations: ACTIVE_OPERATIONS,
        keys,
      },
    ],
    frozenV2: frozenOf(account, parametersOf(state)),
    asset_optimized: true,
  });
}

export async function answerResources(question: Question): Promise<JsonObject> {
  const { core, node, body, visible, solidity } = question;
  const address = addressIn(body, 'address', visible);
  const state = await question.serial(async () => await shownState(core, node, solidity));
  const account = accountOf(state, address);
  if (account === undefined) return {};
  const slot = slotAt(tipOf(core, node, solidity).timestampMs);
  return withoutDefaults({
    freeNetUsed: usedNow(account.freeBandwidth, slot),
    freeNetLimit: parameterOf(state, 'getFreeNetLimit'),
    NetUsed: usedNow(account.bandwidth, slot),
    NetLimit: account.bandwidthLimit,
    TotalNetLimit: parametersOf(state).bandwidth,
    TotalNetWeight: TOTAL_WEIGHT,
    EnergyUsed: usedNow(account.energy, slot),
    EnergyLimit: account.energyLimit,
    TotalEnergyLimit: parametersOf(state).energy,
    TotalEnergyWeight: TOTAL_WEIGHT,
  });
}

export async function answerParameters(question: Question): Promise<JsonObject> {
  const { core, node, solidity } = question;
  const state = await question.serial(async () => await shownState(core, node, solidity));
  return {
    chainParameter: Object.entries(state.parameters)
      .filter(([key]) => !state.unshown.includes(key))
      // protobuf's JSON leaves a 0 out.
      .map(([key, value]) => (value === 0 ? { key } : { key, value })),
  };
}

interface Totals {
  readonly energy: number;
  readonly bandwidth: number;
}

function parametersOf(state: Parameters<typeof parameterOf>[0]): Totals {
  return {
    energy: parameterOf(state, 'getTotalEnergyCurrentLimit'),
    bandwidth: parameterOf(state, 'getTotalNetLimit'),
  };
}

/** The stakes that would give such limits. */
function frozenOf(account: Account, totals: Totals): readonly JsonObject[] {
  const sun = (limit: number, total: number): number =>
    Math.ceil((limit / total) * TOTAL_WEIGHT) * 1_000_000;
  return [
    withoutDefaults({ amount: sun(account.bandwidthLimit, totals.bandwidth) }),
    withoutDefaults({ type: 'ENERGY', amount: sun(account.energyLimit, totals.energy) }),
    { type: 'TRON_POWER' },
  ];
}
