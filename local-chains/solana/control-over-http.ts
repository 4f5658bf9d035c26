import { decodeAddress } from './address.ts';
import type {
  Commitment,
  Json,
  SolanaAccount,
  SolanaBlock,
  SolanaChain,
  SolanaFaultKind,
  TokenTransfer,
} from './chain-interface.ts';
import { isRecord } from './question.ts';

/** The control was asked for something that it cannot do. */
export class ControlMistake extends Error {
  override readonly name = 'ControlMistake';
}

/** One of `POST /control/WHAT`, with its JSON body. Units and lamports are decimal strings both ways. */
export function carryOut(chain: SolanaChain, what: string, body: Json | undefined): Json {
  const act = ACTS.get(what);
  if (act === undefined) {
    throw new ControlMistake(`There is no control "${what}": ${[...ACTS.keys()].join(', ')}.`);
  }
  if (body !== undefined && !isRecord(body)) throw new ControlMistake('The body is no object.');
  try {
    return act(chain, body ?? {});
  } catch (error) {
    throw new ControlMistake(error instanceof Error ? error.message : String(error));
  }
}

type Body = { readonly [name: string]: Json };
type Act = (chain: SolanaChain, body: Body) => Json;

const ACTS: ReadonlyMap<string, Act> = new Map<string, Act>([
  [
    'fund',
    (chain, body) => done(chain.control.fund(address(body, 'owner'), units(body, 'lamports'))),
  ],
  [
    'mintTo',
    (chain, body) =>
      done(chain.control.mintTo(mint(chain, body), address(body, 'owner'), units(body, 'units'))),
  ],
  [
    'openTokenAccount',
    (chain, body) =>
      done(chain.control.openTokenAccount(mint(chain, body), address(body, 'owner'))),
  ],
  ['freeze', (chain, body) => done(chain.control.freeze(address(body, 'tokenAccount')))],
  ['thaw', (chain, body) => done(chain.control.thaw(address(body, 'tokenAccount')))],
  ['createMint', createMint],
  [
    'setAccount',
    (chain, body) =>
      done(chain.control.setAccount(address(body, 'address'), account(body['account']))),
  ],
  [
    'produceBlock',
    (chain, body) => showBlock(chain.produceBlock({ skip: count(body, 'skip', 0) })),
  ],
  ['reorg', reorg],
  ['drop', (chain, body) => done(chain.drop(optionalText(body, 'signature')))],
  [
    'holdBack',
    (chain, body) => done(chain.holdBack(text(body, 'signature'), blocksOrLast(body, 'blocks'))),
  ],
  ['setFinality', setFinality],
  ['node', changeNode],
  ['head', (chain, body) => showBlock(chain.head(commitment(body)))],
  ['pool', (chain) => chain.pool().map((each) => ({ ...each }))],
  ['transfers', showTransfers],
  ['transaction', showTransaction],
  [
    'balances',
    (chain, body) => ({
      lamports: chain.lamportsOf(address(body, 'owner')).toString(),
      units: chain.unitsOf(mint(chain, body), address(body, 'owner')).toString(),
    }),
  ],
  ['faults', (chain) => ({ ...chain.faultCounts() })],
]);

function done(_nothing: void): Json {
  return { done: true };
}

function createMint(chain: SolanaChain, body: Body): Json {
  const program = text(body, 'program');
  if (program !== 'token' && program !== 'token-2022') {
    throw new ControlMistake('"program" is neither token nor token-2022.');
  }
  const decimals = count(body, 'decimals', 6);
  const at = body['address'] === undefined ? {} : { address: address(body, 'address') };
  return { address: chain.control.createMint({ program, decimals, ...at }) };
}

function reorg(chain: SolanaChain, body: Body): Json {
  const transactions = optionalText(body, 'transactions') ?? 'return';
  if (transactions !== 'return' && transactions !== 'drop' && transactions !== 'later') {
    throw new ControlMistake('"transactions" is none of return, drop, later.');
  }
  const later = body['laterBlocks'] === undefined ? 3 : blocksOrLast(body, 'laterBlocks');
  const { abandoned, block } = chain.reorg({
    depth: count(body, 'depth'),
    transactions,
    laterBlocks: later,
    pastFinal: body['pastFinal'] === true,
  });
  return { abandoned: abandoned.map(showBlock), block: block === null ? null : showBlock(block) };
}

function setFinality(chain: SolanaChain, body: Body): Json {
  chain.setFinality({
    ...(body['confirmedAfter'] === undefined
      ? {}
      : { confirmedAfter: count(body, 'confirmedAfter') }),
    ...(body['finalizedAfter'] === undefined
      ? {}
      : { finalizedAfter: count(body, 'finalizedAfter') }),
  });
  return { done: true };
}

/** `{"name":"b","set":{"lagBlocks":3},"heal":true,"stall":true,"failNext":{"method","kind"}}`. */
function changeNode(chain: SolanaChain, body: Body): Json {
  const node = chain.openNode(text(body, 'name'));
  if (body['heal'] === true) node.heal();
  const changes = body['set'];
  if (isRecord(changes)) {
    const unknown = Object.keys(changes).filter((name) => !(name in node.faults));
    if (unknown.length > 0) throw new ControlMistake(`No node has ${unknown.join(', ')}.`);
    node.set(changes);
  }
  if (body['stall'] === true) node.stall();
  const next = body['failNext'];
  if (isRecord(next)) node.failNext(text(next, 'method'), text(next, 'kind') as SolanaFaultKind);
  return {
    name: node.name,
    asked: { ...node.asked() },
    faults: JSON.parse(JSON.stringify(node.faults)) as Json,
  };
}

function showTransfers(chain: SolanaChain, body: Body): Json {
  const token = mint(chain, body);
  const slot = count(body, 'sinceSlot', 0);
  const transfers =
    body['everywhere'] === true
      ? chain.everTransferredOf(token)
      : chain.transfersOf(token, { slot });
  return transfers.map(showTransfer);
}

function showTransfer(transfer: TokenTransfer): Json {
  const { from, to, memos, units: amount } = transfer;
  return {
    ...transfer,
    from: { ...from },
    to: { ...to },
    memos: [...memos],
    units: amount.toString(),
  };
}

function showTransaction(chain: SolanaChain, body: Body): Json {
  const found = chain.transaction(text(body, 'signature'));
  if (found === null) return null;
  return {
    ...found,
    feeLamports: found.feeLamports.toString(),
    unitsConsumed: found.unitsConsumed.toString(),
  };
}

function showBlock(block: SolanaBlock): Json {
  return { ...block, signatures: [...block.signatures] };
}

function text(body: Body, name: string): string {
  const value = body[name];
  if (typeof value === 'string') return value;
  throw new ControlMistake(`"${name}" is no text.`);
}

function optionalText(body: Body, name: string): string | undefined {
  return body[name] === undefined ? undefined : text(body, name);
}

function address(body: Body, name: string): string {
  const value = text(body, name);
  if (decodeAddress(value) !== null) return value;
  throw new ControlMistake(`"${name}" is no address.`);
}

/** By its address, or by the name of one of the two tokens. */
function mint(chain: SolanaChain, body: Body): string {
  const token = body['token'];
  if (token === 'USDT' || token === 'USDC') return chain.tokens[token].address;
  return address(body, 'mint');
}

function units(body: Body, name: string): bigint {
  const value = body[name];
  if (typeof value === 'string' && /^\d{1,20}$/.test(value)) return BigInt(value);
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  throw new ControlMistake(`"${name}" is no whole number.`);
}

function count(body: Body, name: string, otherwise?: number): number {
  const value = body[name] ?? otherwise;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new ControlMistake(`"${name}" is no whole number.`);
}

function blocksOrLast(body: Body, name: string): number | 'last' {
  return body[name] === 'last' ? 'last' : count(body, name);
}

function commitment(body: Body): Commitment {
  const value = body['commitment'] ?? 'processed';
  if (value === 'processed' || value === 'confirmed' || value === 'finalized') return value;
  throw new ControlMistake('"commitment" is none of processed, confirmed, finalized.');
}

function account(value: Json | undefined): SolanaAccount | null {
  if (value === null) return null;
  if (!isRecord(value)) throw new ControlMistake('"account" is neither null nor an object.');
  return {
    lamports: units(value, 'lamports'),
    data: Buffer.from(text(value, 'data'), 'base64'),
    owner: address(value, 'owner'),
    executable: value['executable'] === true,
  };
}
