import { BitcoinRpcError, type Exchange } from './bitcoin-chain.ts';
import { isRecord, type Method, type Methods } from './question.ts';
import { BLOCK_METHODS } from './rpc-blocks.ts';
import { CONTROL_METHODS } from './rpc-control.ts';
import { POOL_METHODS } from './rpc-pool.ts';
import { TRANSACTION_METHODS } from './rpc-transactions.ts';
import { WALLET_COIN_METHODS } from './rpc-wallet-coins.ts';
import { WALLET_HISTORY_METHODS } from './rpc-wallet-history.ts';
import { WALLET_METHODS } from './rpc-wallets.ts';

const METHODS: Methods = {
  ...BLOCK_METHODS,
  ...TRANSACTION_METHODS,
  ...POOL_METHODS,
  ...CONTROL_METHODS,
  ...WALLET_METHODS,
  ...WALLET_COIN_METHODS,
  ...WALLET_HISTORY_METHODS,
};

/** Answers one call, or throws {@link BitcoinRpcError}. */
export type Answerer = (method: string, params: readonly unknown[], wallet?: string) => Answered;

export type Answered =
  | { readonly kind: 'result'; readonly result: unknown }
  | { readonly kind: 'silence' }
  /** The work queue is full. */
  | { readonly kind: 'busy' };

export function methodNamed(name: string): Method {
  const method = Object.hasOwn(METHODS, name) ? METHODS[name] : undefined;
  if (method === undefined) throw new BitcoinRpcError(-32601, 'Method not found');
  return method;
}

/**
 * One HTTP exchange as bitcoind has it: JSON-RPC 2.0 where that is asked for, else its older dialect,
 * which tells errors by the HTTP status too.
 */
export function exchangeRpc(path: string, body: string, answer: Answerer): Exchange {
  const wallet = /^\/wallet\/(.*)$/.exec(path)?.[1];
  if (path !== '/' && wallet === undefined) return { kind: 'answer', status: 404, body: '' };
  let asked: unknown;
  try {
    asked = JSON.parse(body);
  } catch {
    return reply(500, failed(null, -32700, 'Parse error'));
  }
  const name = wallet === undefined ? undefined : decodeURIComponent(wallet);
  const single = (call: unknown): Outcome => answerOne(call, answer, name);
  if (!Array.isArray(asked)) {
    const outcome = single(asked);
    return 'exchange' in outcome ? outcome.exchange : reply(outcome.status, outcome.envelope);
  }
  const envelopes: unknown[] = [];
  for (const call of asked) {
    const outcome = single(call);
    if ('exchange' in outcome) return outcome.exchange;
    envelopes.push(outcome.envelope);
  }
  return reply(200, envelopes);
}

type Outcome =
  { readonly exchange: Exchange } | { readonly status: number; readonly envelope: unknown };

function answerOne(call: unknown, answer: Answerer, wallet: string | undefined): Outcome {
  if (!isRecord(call) || typeof call['method'] !== 'string') {
    return { status: 400, envelope: failed(null, -32600, 'Invalid Request object') };
  }
  const id = call['id'] ?? null;
  const isSecond = call['jsonrpc'] === '2.0';
  try {
    const params = placed(call['method'], call['params'] ?? []);
    const answered = answer(call['method'], params, wallet);
    if (answered.kind === 'silence') return { exchange: { kind: 'silence' } };
    if (answered.kind === 'busy') {
      const body = 'Work queue depth exceeded';
      return { exchange: { kind: 'answer', status: 503, body } };
    }
    const { result } = answered;
    const envelope = isSecond ? { jsonrpc: '2.0', result, id } : { result, error: null, id };
    return { status: 200, envelope };
  } catch (error) {
    if (!(error instanceof BitcoinRpcError)) throw error;
    const { code, message } = error;
    if (isSecond)
      return { status: 200, envelope: { jsonrpc: '2.0', error: { code, message }, id } };
    const status = code === -32601 ? 404 : code === -32600 ? 400 : 500;
    return { status, envelope: failed(id, code, message) };
  }
}

/** Named parameters in their places. */
function placed(method: string, given: unknown): readonly unknown[] {
  if (Array.isArray(given)) return given as readonly unknown[];
  if (!isRecord(given)) {
    throw new BitcoinRpcError(-32600, 'Params must be an array or object');
  }
  const { names } = methodNamed(method);
  const { args = [], ...named } = given;
  const params: unknown[] = Array.isArray(args) ? [...(args as readonly unknown[])] : [];
  for (const [name, value] of Object.entries(named)) {
    const place = names.findIndex((each) => each.split('|').includes(name));
    if (place === -1) throw new BitcoinRpcError(-8, `Unknown named parameter ${name}`);
    params[place] = value;
  }
  return params;
}

function failed(id: unknown, code: number, message: string): unknown {
  return { result: null, error: { code, message }, id };
}

function reply(status: number, envelope: unknown): Exchange {
  return { kind: 'answer', status, body: `${JSON.stringify(envelope)}\n` };
}
