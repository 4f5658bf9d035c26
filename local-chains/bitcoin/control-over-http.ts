import { scriptOfAddress } from './address.ts';
import type {
  BitcoinChain,
  BitcoinSnapshot,
  BlockTemplate,
  FaultKind,
  NodeFaults,
  Outpoint,
} from './bitcoin-chain.ts';
import { FAUCET_SCRIPT } from './faucet.ts';
import { isRecord } from './question.ts';

/** A control was asked for in a way that it does not understand. */
export class ControlMistake extends Error {
  override readonly name = 'ControlMistake';
}

/** Controls by name, each with a JSON object; units go both ways as decimal text. */
export interface Controls {
  carryOut(what: string, wish: unknown): unknown;
}

type Wish = Readonly<Record<string, unknown>>;

export function createControls(chain: BitcoinChain): Controls {
  const snapshots: BitcoinSnapshot[] = [];
  const controls: Readonly<Record<string, (wish: Wish) => unknown>> = {
    ...makingBlocks(chain),
    ...nodeControls(chain),
    ...truthControls(chain),
    evict: (wish) => done(chain.evict(textOf(wish, 'txid'), namesOf(wish, 'from'))),
    deliver: (wish) => chain.deliver(textOf(wish, 'rawHex'), namesOf(wish, 'to')),
    everSeen: () => chain.everSeen(),
    rawOf: (wish) => chain.rawOf(textOf(wish, 'txid')),
    pool: () => chain.pool(),
    setFeeEstimate: (wish) =>
      done(chain.setFeeEstimate(wish['satPerKvb'] === null ? null : unitsOf(wish, 'satPerKvb'))),
    faultCounts: () => chain.faultCounts(),
    snapshot: () => ({ snapshot: snapshots.push(chain.snapshot()) - 1 }),
    restore(wish) {
      const snapshot = snapshots[countOf(wish, 'snapshot')];
      if (snapshot === undefined) throw new ControlMistake('There is no such snapshot.');
      return done(chain.restore(snapshot));
    },
  };
  return {
    carryOut(what, wish) {
      const control = Object.hasOwn(controls, what) ? controls[what] : undefined;
      if (control === undefined) throw new ControlMistake(`There is no control "${what}".`);
      try {
        return plain(control(isRecord(wish) ? wish : {}));
      } catch (error) {
        if (error instanceof ControlMistake) throw error;
        throw new ControlMistake(error instanceof Error ? error.message : String(error));
      }
    },
  };
}

function makingBlocks(chain: BitcoinChain): Readonly<Record<string, (wish: Wish) => unknown>> {
  return {
    produceBlock: (wish) => chain.produceBlock(templateOf(wish)),
    produceBlocks: (wish) => chain.produceBlocks(countOf(wish, 'count'), templateOf(wish)),
    fund: (wish) => chain.fund(scriptOf(wish), unitsOf(wish, 'units')),
    reorganise(wish) {
      const { transactions = 'return' } = wish;
      if (transactions !== 'return' && transactions !== 'forget' && transactions !== 'remine') {
        throw new ControlMistake('"transactions" is one of return, forget, remine.');
      }
      const blocks = wish['blocks'] === undefined ? {} : { blocks: countOf(wish, 'blocks') };
      const { include, exclude } = templateOf(wish);
      return chain.reorganise({
        depth: countOf(wish, 'depth'),
        transactions,
        ...blocks,
        ...(include === undefined ? {} : { include }),
        ...(exclude === undefined ? {} : { exclude }),
      });
    },
  };
}

const FAULT_KINDS: readonly FaultKind[] = ['silence', 'lost-answer', 'error', 'busy', 'malformed'];

function nodeControls(chain: BitcoinChain): Readonly<Record<string, (wish: Wish) => unknown>> {
  const nodeOf = (wish: Wish) => chain.openNode(textOf(wish, 'node'));
  return {
    openNode: (wish) => ({ name: nodeOf(wish).name }),
    nodes: () => chain.nodes().map(({ name, faults }) => ({ name, faults })),
    setNode: (wish) => done(nodeOf(wish).set(faultsOf(wish['faults']))),
    heal: (wish) => done(nodeOf(wish).heal()),
    failNext(wish) {
      const kind = FAULT_KINDS.find((each) => each === wish['kind']);
      if (kind === undefined) throw new ControlMistake(`"kind" is one of ${FAULT_KINDS.join()}.`);
      return done(nodeOf(wish).failNext(textOf(wish, 'method'), kind));
    },
    mempool: (wish) => nodeOf(wish).mempool(),
    asked: (wish) => nodeOf(wish).asked(),
  };
}

function truthControls(chain: BitcoinChain): Readonly<Record<string, (wish: Wish) => unknown>> {
  const { truth } = chain;
  return {
    tip: () => truth.tip(),
    blockAt: (wish) => truth.blockAt(countOf(wish, 'height')),
    outputsTo: (wish) => truth.outputsTo(scriptOf(wish)),
    everPaidTo: (wish) => truth.everPaidTo(scriptOf(wish)),
    spendsFrom: (wish) => truth.spendsFrom(scriptOf(wish)),
    spendOf: (wish) => truth.spendOf(outpointOf(wish)),
    placeOf: (wish) => truth.placeOf(textOf(wish, 'txid')),
    unitsOf: (wish) => ({ units: truth.unitsOf(scriptOf(wish)) }),
    faucet: () => ({ scriptHex: FAUCET_SCRIPT, units: truth.unitsOf(FAUCET_SCRIPT) }),
  };
}

function faultsOf(given: unknown): Partial<NodeFaults> {
  if (!isRecord(given)) throw new ControlMistake('"faults" is an object.');
  const { mempoolMinSatPerKvb, ...faults } = given;
  if (mempoolMinSatPerKvb === undefined) return faults;
  return { ...faults, mempoolMinSatPerKvb: unitsOf(given, 'mempoolMinSatPerKvb') };
}

function templateOf(wish: Wish): BlockTemplate {
  const include = namesOf(wish, 'include');
  const exclude = namesOf(wish, 'exclude');
  const { coinbaseScriptHex } = wish;
  return {
    only: wish['only'] === true,
    ...(include === undefined ? {} : { include }),
    ...(exclude === undefined ? {} : { exclude }),
    ...(typeof coinbaseScriptHex === 'string' ? { coinbaseScriptHex } : {}),
  };
}

/** Of "scriptHex", or of an "address" in regtest's form. */
function scriptOf(wish: Wish): string {
  const { address } = wish;
  const script = typeof address === 'string' ? scriptOfAddress(address) : textOf(wish, 'scriptHex');
  if (script === undefined) throw new ControlMistake('"address" is none of regtest.');
  return script;
}

function outpointOf(wish: Wish): Outpoint {
  return { txid: textOf(wish, 'txid'), vout: countOf(wish, 'vout') };
}

function textOf(wish: Wish, name: string): string {
  const value = wish[name];
  if (typeof value !== 'string') throw new ControlMistake(`"${name}" is a text.`);
  return value;
}

function countOf(wish: Wish, name: string): number {
  const value = wish[name];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new ControlMistake(`"${name}" is a whole number.`);
  }
  return value;
}

function unitsOf(wish: Wish, name: string): bigint {
  const text = textOf(wish, name);
  if (!/^\d{1,16}$/.test(text)) throw new ControlMistake(`"${name}" is a decimal text.`);
  return BigInt(text);
}

function namesOf(wish: Wish, name: string): readonly string[] | undefined {
  const value = wish[name];
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'string')) {
    throw new ControlMistake(`"${name}" is a list of texts.`);
  }
  return value;
}

function done(nothing: void): unknown {
  return nothing ?? {};
}

/** Bigints as decimal text. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value ?? null, (_, each: unknown) =>
      typeof each === 'bigint' ? each.toString() : each,
    ),
  ) as unknown;
}
