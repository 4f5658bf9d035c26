import { formatUnits } from '../../money/amount.ts';
import type { NetworkId } from '../../money/asset.ts';
import type { AssetRegistry, ListedAsset, NetworkInfo } from '../../networks/registry.ts';
import { success } from '../answer.ts';
import type { AnswerData } from '../answer-schemas.ts';
import { contractOf, type PublicOperation } from '../operation.ts';

export const listNetworksContract = contractOf({
  operationId: 'listNetworks',
  method: 'GET',
  path: '/api/v1/networks',
  tag: 'Networks',
  summary: 'List the networks and their tokens',
  description: 'Every network, whether it is enabled or not, with the tokens that live on it.',
  access: 'PUBLIC',
  success: {
    status: 200,
    description: 'The networks.',
    message: 'Networks fetched successfully',
    schema: 'Network',
    list: 'PLAIN',
    example: {
      id: '01a20515-d2ce-7c26-95b9-11d40b270a47',
      name: 'Polygon',
      identifier: 'MATIC_MAINNET',
      payoutStatus: 'ACTIVE',
      tokens: [
        {
          id: '01a20515-d2ce-75ae-843f-6d3ef7b3e0c9',
          name: 'Tether USD',
          symbol: 'USDT',
          address: '0xc2132D05D31c914a87C6611C10748AEb04B58e8F',
          decimals: 6,
          minimum: '0.01',
          payoutStatus: 'ACTIVE',
        },
      ],
    },
  },
  faults: [],
});

export interface ListNetworksDeps {
  readonly registry: AssetRegistry;
  readonly enabledNetworks: readonly NetworkId[];
}

export function listNetworksOperation(deps: ListNetworksDeps): PublicOperation {
  const data = deps.registry.networks().map((network) => networkData(deps, network));
  const { message } = listNetworksContract.success;
  return {
    contract: listNetworksContract,
    handle: () => success({ status: 200, message, data }),
  };
}

function networkData(deps: ListNetworksDeps, network: NetworkInfo): AnswerData<'Network'> {
  const { id, name, identifier } = network;
  const isEnabled = deps.enabledNetworks.includes(identifier);
  return {
    id,
    name,
    identifier,
    payoutStatus: isEnabled ? 'ACTIVE' : 'INACTIVE',
    tokens: deps.registry.assets(identifier).map((asset) => tokenData(asset, isEnabled)),
  };
}

function tokenData(
  asset: ListedAsset,
  isNetworkEnabled: boolean,
): AnswerData<'Network'>['tokens'][number] {
  return {
    id: asset.id,
    name: asset.name,
    symbol: asset.symbol,
    address: asset.contract,
    decimals: asset.decimals,
    minimum: formatUnits(asset.minimumUnits, asset.decimals),
    payoutStatus: isNetworkEnabled && asset.payoutsEnabled ? 'ACTIVE' : 'INACTIVE',
  };
}
