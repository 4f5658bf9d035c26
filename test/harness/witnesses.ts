import type { Log } from '../../src/base/log.ts';
import { RpcErrorAnswer, RpcFailure, RpcSilence } from '../../src/networks/nodes/json-rpc.ts';
import type { EvmNode } from '../../src/networks/evm/node.ts';
import { connectNodes, type EvmPool } from '../../src/networks/evm/nodes.ts';
import { present } from '../../src/base/assert.ts';
import { createManualClock, type ManualClock } from './manual-clock.ts';

/** A node that says and does what a test has set. */
export interface Witness {
  chainId: string;
  /** What it says a balance is. */
  balance: unknown;
  head: number;
  /** Of every contract; `none`: there is no contract. */
  decimals: number | 'none';
  mood: 'well' | 'silent' | 'failing' | 'refusing';
  /** Methods, in the order of the questions. */
  asked: string[];
}

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly alarm: boolean;
}

/** A pool over witnesses, in memory, with a clock that stands still. */
export interface Court {
  readonly pool: EvmPool;
  readonly clock: ManualClock;
  readonly lines: LogLine[];
  witness(index: number): Witness;
  node(index: number): EvmNode;
}

export const ACCOUNT = `0x${'11'.repeat(20)}` as const;

export function callWitnesses(count: number, quorum?: number): Court {
  const clock = createManualClock();
  const lines: LogLine[] = [];
  const witnesses = Array.from({ length: count }, newWitness);
  const pool = connectNodes({
    chainId: 1,
    clock,
    log: logInto(lines),
    endpoints: witnesses.map((witness, index) => ({
      label: `node ${index + 1} of ${count}`,
      request: async (method) =>
        await Promise.resolve(testify(witness, `node ${index + 1}`, method)),
    })),
    ...(quorum === undefined ? {} : { quorum }),
  });
  return {
    pool,
    clock,
    lines,
    witness: (index) => present(witnesses[index], 'the witness was called'),
    node: (index) => present(pool.all[index], 'the node is there'),
  };
}

function newWitness(): Witness {
  return { chainId: '0x1', balance: '0x1', head: 100, decimals: 6, mood: 'well', asked: [] };
}

function testify(witness: Witness, label: string, method: string): unknown {
  witness.asked.push(method);
  switch (witness.mood) {
    case 'silent':
      throw new RpcSilence(`${label}: no answer within 1 ms`);
    case 'failing':
      throw new RpcFailure(`${label}: the answer is not JSON`);
    case 'refusing':
      throw new RpcErrorAnswer(label, method, { code: -32005, message: 'limit', data: undefined });
    case 'well':
      break;
  }
  if (method === 'eth_chainId') return witness.chainId;
  if (method === 'eth_getBalance') return witness.balance;
  if (method === 'eth_getCode') return witness.decimals === 'none' ? '0x' : '0x60';
  if (method === 'eth_call') return `0x${witness.decimals.toString(16).padStart(64, '0')}`;
  const number = `0x${witness.head.toString(16)}`;
  const hash = `0x${witness.head.toString(16).padStart(64, '0')}`;
  return { number, hash, timestamp: '0x1', transactions: [] };
}

function logInto(lines: LogLine[]): Log {
  const add =
    (level: LogLine['level']) =>
    (fields: object, message: string): void => {
      lines.push({ level, message, alarm: 'alarm' in fields && fields.alarm === true });
    };
  const log: Log = {
    debug: add('debug'),
    info: add('info'),
    warn: add('warn'),
    error: add('error'),
    child: () => log,
  };
  return log;
}
