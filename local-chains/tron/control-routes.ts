import type { ForcedResult } from './controls.ts';
import { HONEST } from './node-view.ts';
import type { NodeSwitches } from './node-switches.ts';
import { readUnits } from './read-config.ts';
import type { TronChain } from './tron-chain.ts';

type Body = Readonly<Record<string, unknown>>;
type Control = (chain: TronChain, body: Body) => unknown;

/**
 * `POST /control/<name>`: the controls and the truth, for whoever runs the chain in another process.
 * Arguments by name; amounts are strings of digits both ways.
 */
const CONTROLS: Readonly<Record<string, Control>> = {
  produceBlock: async (chain) => await chain.produceBlock(),
  reorganise: async ({ controls }, body) => {
    const { blocks, transactions, replace } = body;
    await controls.reorganise({
      blocks: wholeNumber(blocks, 'blocks'),
      transactions: transactions === 'drop' ? 'drop' : 'return',
      replace: replace === true,
    });
  },
  dropFromPool: ({ controls }, body) => ({ dropped: controls.dropFromPool(text(body, 'txid')) }),
  holdBack: ({ controls }, body) => {
    controls.holdBack(text(body, 'txid'), body['held'] === true);
  },
  holdBackAll: ({ controls }, body) => {
    controls.holdBackAll(body['held'] === true);
  },
  giveSun: ({ controls }, body) => {
    controls.giveSun(text(body, 'address'), readUnits(body['sun'], 'sun'));
  },
  mint: ({ controls }, body) => {
    controls.mint(text(body, 'token'), text(body, 'to'), readUnits(body['units'], 'units'));
  },
  setBlacklisted: ({ controls }, body) => {
    const blacklisted = body['blacklisted'] === true;
    controls.setBlacklisted(text(body, 'token'), text(body, 'address'), blacklisted);
  },
  setPaused: ({ controls }, body) => {
    controls.setPaused(text(body, 'token'), body['paused'] === true);
  },
  setReturnsFalse: ({ controls }, body) => {
    controls.setReturnsFalse(text(body, 'token'), body['returnsFalse'] === true);
  },
  setFee: ({ controls }, body) => {
    controls.setFee(text(body, 'token'), {
      basisPoints: wholeNumber(body['basisPoints'], 'basisPoints'),
      maximumWholeTokens: wholeNumber(body['maximumWholeTokens'], 'maximumWholeTokens'),
    });
  },
  setResources: ({ controls }, body) => {
    const { energyLimit, bandwidthLimit } = body;
    controls.setResources(text(body, 'address'), {
      ...(energyLimit === undefined
        ? {}
        : { energyLimit: wholeNumber(energyLimit, 'energyLimit') }),
      ...(bandwidthLimit === undefined
        ? {}
        : { bandwidthLimit: wholeNumber(bandwidthLimit, 'bandwidthLimit') }),
    });
  },
  setEnergyFactor: ({ controls }, body) => {
    controls.setEnergyFactor(text(body, 'contract'), wholeNumber(body['factor'], 'factor'));
  },
  setParameter: ({ controls }, body) => {
    const value = body['value'] === null ? null : wholeNumber(body['value'], 'value');
    controls.setParameter(text(body, 'name'), value);
  },
  forceResult: ({ controls }, body) => {
    controls.forceResult(text(body, 'txid'), forcedResult(body));
  },
  forceNextResults: ({ controls }, body) => {
    const count = wholeNumber(body['count'], 'count');
    controls.forceNextResults(text(body, 'contract'), forcedResult(body), count);
  },
  node: (chain, body) => {
    const node = chain.openNode(text(body, 'name'));
    node.set(switchesIn(body['switches']));
    return node.switches;
  },
  truth: ({ truth }) => ({
    head: truth.head(),
    solidified: truth.solidified(),
    pooled: truth.pooled(),
    blocksDropped: truth.blocksDropped(),
  }),
  transfers: ({ truth }, body) => truth.transfersOf(text(body, 'token')),
  transaction: ({ truth }, body) => truth.transaction(text(body, 'txid')),
  units: async ({ truth }, body) => ({
    units: await truth.unitsOf(text(body, 'token'), text(body, 'address')),
  }),
  sun: ({ truth }, body) => ({ sun: truth.sunOf(text(body, 'address')) }),
};

/** Undefined where there is no such control. */
export function controlOf(name: string): Control | undefined {
  return new Map(Object.entries(CONTROLS)).get(name);
}

/** JSON with amounts as strings of digits. */
export function controlAnswer(answer: unknown): string {
  return JSON.stringify(answer ?? {}, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
}

/** Each switch has the type of its value when nothing is switched on. */
function switchesIn(value: unknown): Partial<NodeSwitches> {
  if (typeof value !== 'object' || value === null) throw new Error('switches is not an object');
  const known = new Map<string, unknown>(Object.entries(HONEST));
  for (const [name, given] of Object.entries(value)) {
    const honest = known.get(name);
    if (honest === undefined) throw new Error(`there is no switch ${name}`);
    const fits = honest === null || given === null || typeof given === typeof honest;
    if (!fits || Array.isArray(given) !== Array.isArray(honest)) {
      throw new Error(`${name} has the wrong type`);
    }
  }
  return value;
}

function forcedResult(body: Body): ForcedResult {
  const result = text(body, 'result');
  switch (result) {
    case 'REVERT':
    case 'OUT_OF_ENERGY':
    case 'OUT_OF_TIME':
    case 'BAD_JUMP_DESTINATION':
    case 'ILLEGAL_OPERATION':
    case 'UNKNOWN':
      return result;
    default:
      throw new Error(`${result} is not a result`);
  }
}

function text(body: Body, name: string): string {
  const value = body[name];
  if (typeof value === 'string') return value;
  throw new Error(`${name} is not a string`);
}

function wholeNumber(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new Error(`${name} is not a whole number`);
}
