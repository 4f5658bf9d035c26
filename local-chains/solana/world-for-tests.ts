import { associatedTokenAddress, TOKEN_PROGRAM } from './address.ts';
import type { Json, SolanaChain, SolanaChainOptions, SolanaNode } from './chain-interface.ts';
import { openTokenAccount, writeMemo } from './programs.ts';
import { isRecord } from './question.ts';
import { RpcRefusal } from './rpc-error.ts';
import {
  createSigner,
  signTransaction,
  type Instruction,
  type LocalSigner,
} from './sign-transaction.ts';
import { readTransaction } from './wire-transaction.ts';
import { createSolanaChain } from './solana-chain.ts';

/** A chain with a payer who has lamports and 1,000 USDT, for the tests of this room. */
export interface SolanaWorld {
  readonly chain: SolanaChain;
  readonly node: SolanaNode;
  readonly payer: LocalSigner;
  readonly mint: string;
  /** Lets a slot's time pass before each block. */
  produce(count?: number): void;
  ask(method: string, ...params: readonly Json[]): Promise<Json>;
  /** `value` of an answer in a context. */
  askValue(method: string, ...params: readonly Json[]): Promise<Json>;
  /** A payment, signed: base64 and its signature. */
  pay(payment: Partial<Payment>): Signed;
  sign(instructions: readonly Instruction[], blockhash?: string): Signed;
  send(signed: Signed, options?: { readonly [name: string]: Json }, to?: SolanaNode): Promise<Json>;
}

export interface Payment {
  readonly to: string;
  readonly units: bigint;
  readonly blockhash: string;
  readonly memo: string;
}

export interface Signed {
  readonly wire: string;
  readonly signature: string;
}

/** The public key of RFC 8032, section 7.1, test 1. */
export const RECIPIENT = 'FVen3X669xLzsi6N2V91DoiyzHzg1uAgqiT8jZ9nS96Z';

export function openWorld(options: Partial<SolanaChainOptions> = {}): SolanaWorld {
  let nowMs = Date.UTC(2026, 0, 1);
  const chain = createSolanaChain({
    now: () => nowMs,
    finalizedAfterSlots: 8,
    skipEvery: 0,
    ...options,
  });
  const node = chain.openNode('main');
  const payer = createSigner(new Uint8Array(32).fill(9));
  const mint = chain.tokens.USDT.address;
  const sign = (
    instructions: readonly Instruction[],
    blockhash = chain.head().blockhash,
  ): Signed => {
    const bytes = signTransaction({ signers: [payer], instructions, blockhash });
    const { signature } = readTransaction(bytes);
    return { wire: Buffer.from(bytes).toString('base64'), signature };
  };
  const produce = (count = 1): void => {
    for (let index = 0; index < count; index += 1) {
      nowMs += 400;
      chain.produceBlock();
    }
  };
  const ask = async (method: string, ...params: readonly Json[]): Promise<Json> =>
    await node.request(method, params);
  chain.control.fund(payer.address, 10_000_000_000n);
  chain.control.mintTo(mint, payer.address, 1_000_000_000n);
  chain.control.openTokenAccount(mint, RECIPIENT);
  produce();
  return {
    chain,
    node,
    payer,
    mint,
    produce,
    ask,
    async askValue(method, ...params) {
      const answer = await ask(method, ...params);
      return isRecord(answer) ? (answer['value'] ?? null) : null;
    },
    pay({ to = RECIPIENT, units = 1_000_000n, memo = 'payment', blockhash }) {
      const transfer = transferUnits({ from: payer.address, to, mint, units });
      return sign([transfer, writeMemo(memo)], blockhash);
    },
    sign,
    send: async ({ wire }, sendOptions = {}, to = node) =>
      await to.request('sendTransaction', [
        wire,
        { encoding: 'base64', preflightCommitment: 'processed', ...sendOptions },
      ]),
  };
}

/** TransferChecked between the associated token accounts of two owners. */
export function transferUnits(transfer: {
  readonly from: string;
  readonly to: string;
  readonly mint: string;
  readonly units: bigint;
  readonly program?: string;
}): Instruction {
  const { from, to, mint, units, program = TOKEN_PROGRAM } = transfer;
  const data = Buffer.alloc(10);
  data.writeUInt8(12, 0);
  data.writeBigUInt64LE(units, 1);
  data.writeUInt8(6, 9);
  const accounts = [
    { address: associatedTokenAddress({ owner: from, mint, program }), writable: true },
    { address: mint },
    { address: associatedTokenAddress({ owner: to, mint, program }), writable: true },
    { address: from, signs: true },
  ];
  return { program, accounts, data };
}

export function openFor(payer: string, owner: string, mint: string): Instruction {
  return openTokenAccount(payer, { owner, mint, program: TOKEN_PROGRAM });
}

/** The refusal that a question ends in; fails where it is answered. */
export async function refusalOf(answer: Promise<Json>): Promise<RpcRefusal> {
  try {
    await answer;
  } catch (error) {
    if (error instanceof RpcRefusal) return error;
    throw error;
  }
  throw new Error('It was answered.');
}
