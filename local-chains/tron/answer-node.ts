import { tipOf } from './node-view.ts';
import { readAddress } from './address.ts';
import type { JsonObject, Question } from './question.ts';

export function answerNodeInfo({ core, node }: Question): JsonObject {
  const tip = tipOf(core, node, false);
  const solid = tipOf(core, node, true);
  return {
    beginSyncNum: tip.number,
    block: `Num:${tip.number},ID:${tip.id}`,
    solidityBlock: `Num:${solid.number},ID:${solid.id}`,
    currentConnectCount: 30,
    activeConnectCount: 15,
    passiveConnectCount: 15,
    totalFlow: 0,
    peerList: [],
    configNodeInfo: { codeVersion: '4.8.0', p2pVersion: '11111', supportConstant: true },
    machineInfo: {},
  };
}

export function answerEnergyPrices({ core }: Question): JsonObject {
  return { prices: `0:${core.blocks.at(-1)?.state.parameters['getEnergyFee'] ?? 0}` };
}

export function answerBandwidthPrices({ core }: Question): JsonObject {
  return { prices: `0:${core.blocks.at(-1)?.state.parameters['getTransactionFee'] ?? 0}` };
}

export function answerAddressCheck({ body }: Question): JsonObject {
  const address = body['address'];
  const valid = typeof address === 'string' && readAddress(address) !== undefined;
  return valid ? { result: true, message: 'Hex string format' } : { result: false, message: '' };
}
