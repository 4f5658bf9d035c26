import { formatUnits } from '../../money/amount.ts';
import { SigningPostponed, type Chore, type Upkeep } from '../network.ts';
import type { EvmNetworkId } from './evm-network.ts';
import { quoteFees } from './fees.ts';
import type { EvmNode } from './node.ts';
import type { Payer, SigningAccount } from './payer.ts';
import { DEPLOYMENT_PROXY, readSetUp, TREASURY_CODE } from './treasury-code.ts';

/** A batch of about 100 recipients that have never had the token, or of 250 others. */
export const BATCH_GAS = 3_000_000n;

/** A gas account is topped up when it holds the cost of fewer batches than the first, to the second. */
const FEW_BATCHES = 20n;
const MANY_BATCHES = 60n;

/** A top-up of less is not worth its fee. */
const LEAST_BATCHES = 2n;

/** What the treasury keeps of its coins: a deployment, and a few delegations and top-ups. */
const RESERVE_GAS = 1_500_000n;

const TOP_UP_GAS = 21_000n;

const COIN = 10n ** 18n;
const COIN_DECIMALS = 18;

/** No gas account is filled beyond this, whatever fees may say: its key is worth no more. In wei. */
export const MOST_WEI: Readonly<Record<EvmNetworkId, bigint>> = {
  ETHEREUM_MAINNET: 2n * COIN,
  MATIC_MAINNET: 500n * COIN,
  BSC_MAINNET: 2n * COIN,
};

export const COINS: Readonly<Record<EvmNetworkId, string>> = {
  ETHEREUM_MAINNET: 'ETH',
  MATIC_MAINNET: 'POL',
  BSC_MAINNET: 'BNB',
};

/** What the treasury and the gas accounts need at the newest block. Throws RpcFailure where none tells. */
export async function findUpkeep(payer: Payer): Promise<Upkeep> {
  try {
    return await payer.pool.onOne(async (node) => {
      const [set, filled] = [await findSetUp(payer, node), await findTopUps(payer, node)];
      return {
        chores: [...set.chores, ...filled.chores],
        alarms: [...set.alarms, ...filled.alarms],
      };
    });
  } catch (error) {
    if (!(error instanceof SigningPostponed)) throw error;
    return { chores: [], alarms: [error.message] };
  }
}

async function findSetUp(payer: Payer, node: EvmNode): Promise<Upkeep> {
  const setUp = await readSetUp(node, payer.place.treasury);
  switch (setUp.kind) {
    case 'ready':
      return { chores: [], alarms: [] };
    case 'strange':
      return { chores: [], alarms: [`${payer.network}: ${setUp.reason}`] };
    case 'not delegated':
      return { chores: [delegation(payer)], alarms: [] };
    case 'not deployed':
      if ((await node.code(DEPLOYMENT_PROXY)) !== '0x') {
        return { chores: [deployment()], alarms: [] };
      }
      return {
        chores: [],
        alarms: [`${payer.network} has no deployment proxy at ${DEPLOYMENT_PROXY}`],
      };
  }
}

/** The delegation follows when the code is there: until then it would lend nothing. */
function deployment(): Chore {
  const what = `deploys the treasury's code to ${TREASURY_CODE}`;
  return { purpose: 'DEPLOY', what, takes: 1n, fills: null, details: {} };
}

/** The authorization is of the account that sends it, so it takes the sequence after the transaction's. */
function delegation({ treasury }: Payer): Chore {
  const what = `delegates the treasury account ${treasury.address} to ${TREASURY_CODE}`;
  return { purpose: 'DELEGATE', what, takes: 2n, fills: null, details: {} };
}

interface Levels {
  readonly batchWei: bigint;
  readonly lowWei: bigint;
  readonly fullWei: bigint;
  readonly reserveWei: bigint;
  readonly topUpFeeWei: bigint;
}

async function findTopUps(payer: Payer, node: EvmNode): Promise<Upkeep> {
  const { network, treasury, gasAccounts } = payer;
  const { maxFeeWei } = quoteFees(await node.feeHistory(), payer.policy);
  const levels = levelsAt(network, maxFeeWei);
  const treasuryWei = await node.balance(treasury.sender);
  const alarms: string[] = [];
  const chores: Chore[] = [];
  if (treasuryWei < levels.reserveWei + levels.fullWei - levels.lowWei) {
    alarms.push(
      `the treasury account ${treasury.address} is low on coins: ${show(payer, treasuryWei)}`,
    );
  }
  let freeWei = treasuryWei - levels.reserveWei;
  for (const account of gasAccounts) {
    const heldWei = await node.balance(account.sender);
    if (heldWei >= levels.lowWei) continue;
    const wishedWei = levels.fullWei - heldWei;
    const affordableWei = freeWei - levels.topUpFeeWei;
    const wei = wishedWei < affordableWei ? wishedWei : affordableWei;
    if (wei < LEAST_BATCHES * levels.batchWei) {
      const batches = heldWei / levels.batchWei;
      const held = `${show(payer, heldWei)}, enough for about ${batches} batches`;
      alarms.push(
        `gas account ${account.address} holds ${held}, and the treasury cannot top it up`,
      );
      continue;
    }
    freeWei -= wei + levels.topUpFeeWei;
    chores.push(topUp(payer, account, { wei, fullWei: levels.fullWei }));
  }
  return { chores, alarms };
}

function levelsAt(network: EvmNetworkId, maxFeeWei: bigint): Levels {
  const batchWei = BATCH_GAS * maxFeeWei;
  const most = MOST_WEI[network];
  const fullWei = MANY_BATCHES * batchWei < most ? MANY_BATCHES * batchWei : most;
  const lowWei = (fullWei * FEW_BATCHES) / MANY_BATCHES;
  return {
    batchWei,
    fullWei,
    lowWei,
    reserveWei: RESERVE_GAS * maxFeeWei,
    topUpFeeWei: TOP_UP_GAS * maxFeeWei,
  };
}

function topUp(
  payer: Payer,
  { address }: SigningAccount,
  { wei, fullWei }: { wei: bigint; fullWei: bigint },
): Chore {
  return {
    purpose: 'TOP_UP',
    what: `tops gas account ${address} up with ${show(payer, wei)}`,
    takes: 1n,
    fills: address,
    details: { account: address, wei: wei.toString(), fullWei: fullWei.toString() },
  };
}

function show({ network }: Payer, wei: bigint): string {
  return `${formatUnits(wei, COIN_DECIMALS)} ${COINS[network]}`;
}
