import { accessOf } from '../config.ts';
import { formatUnits } from '../money/amount.ts';
import { NetworkUnreachable } from '../networks/account-reader.ts';
import { sameAddress } from '../networks/address.ts';
import {
  fine,
  warning,
  wrong,
  type Finding,
  type NetworkExaminer,
} from '../networks/examination.ts';
import { ChainMismatch } from '../networks/network.ts';
import { openAccountReader } from '../networks/open-account-reader.ts';
import { listLanes } from '../settlement/lanes.ts';
import { findNetworkState } from '../settlement/network-state.ts';
import { treasuryAddressOf } from '../treasury/treasury-address.ts';
import type { NetworkToExamine } from './network-to-examine.ts';

/** Whose account pays, whether the keys are its keys, and what it holds. */
export async function examineTreasury(
  it: NetworkToExamine,
  examiner: NetworkExaminer,
): Promise<readonly Finding[]> {
  const { network, database } = it;
  const state = database === null ? undefined : await findNetworkState(database, network);
  const own = addressOfKeys(it);
  const treasury = state?.payer ?? own;
  if (treasury === undefined) {
    const what = 'the treasury is not known yet: the worker has not run on this network';
    return [
      warning(what, 'start knit worker once; knit treasury show then names the address to fund'),
    ];
  }
  if (own !== undefined && !sameAddress(network, own, treasury)) {
    const what = `the mnemonic is of ${own}, and the network was opened with ${treasury}`;
    const mend =
      'give the worker the mnemonic (or KNIT_BITCOIN_ADDRESS_TYPE) that it was opened with';
    return [wrong(what, mend)];
  }
  const lanes = database === null ? [] : await listLanes(database);
  const gasAccounts = lanes
    .filter((lane) => lane.network === network && lane.role === 'GAS')
    .map(({ sender }) => sender);
  return [
    ...(await examineTokens(it, treasury)),
    ...(await examiner.examineTreasury({ treasury, gasAccounts })),
  ];
}

function addressOfKeys({ network, readable }: NetworkToExamine): string | undefined {
  const { keys, settling } = readable;
  if (keys === undefined || settling === undefined) return undefined;
  return treasuryAddressOf(network, keys, settling.bitcoinAddressType);
}

async function examineTokens(
  { network, config }: NetworkToExamine,
  treasury: string,
): Promise<Finding[]> {
  const assets = config.registry.assets(network).filter(({ payoutsEnabled }) => payoutsEnabled);
  try {
    const reader = openAccountReader(network, accessOf(config, network));
    const { tokens } = await reader.holdings(treasury, assets);
    return tokens.map(({ asset, units }) => {
      const what = `the treasury ${treasury} holds ${formatUnits(units, asset.decimals)} ${asset.token}`;
      return units > 0n ? fine(what) : warning(what, `send ${asset.token} to it`);
    });
  } catch (error) {
    if (!(error instanceof NetworkUnreachable) && !(error instanceof ChainMismatch)) throw error;
    return [wrong(error.message, 'see what is said of the nodes')];
  }
}
