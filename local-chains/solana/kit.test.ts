import {
  findAssociatedTokenPda,
  getCreateAssociatedTokenIdempotentInstruction,
  getTransferCheckedInstruction,
  TOKEN_PROGRAM_ADDRESS,
} from '@solana-program/token';
import {
  address,
  appendTransactionMessageInstructions,
  createKeyPairSignerFromPrivateKeyBytes,
  createSolanaRpc,
  createTransactionMessage,
  getBase64EncodedWireTransaction,
  getSignatureFromTransaction,
  isSolanaError,
  lamports,
  pipe,
  setTransactionMessageFeePayerSigner,
  setTransactionMessageLifetimeUsingBlockhash,
  signTransactionMessageWithSigners,
  SOLANA_ERROR__JSON_RPC__SERVER_ERROR_SEND_TRANSACTION_PREFLIGHT_FAILURE,
  SOLANA_ERROR__JSON_RPC__SERVER_ERROR_TRANSACTION_SIGNATURE_VERIFICATION_FAILURE,
  type Address,
  type Instruction,
  type KeyPairSigner,
  type Rpc,
  type SolanaRpcApi,
  type Signature,
} from '@solana/kit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SolanaChain } from './chain-interface.ts';
import { serveSolanaChain, type ServedChain } from './serve.ts';
import { createSolanaChain } from './solana-chain.ts';

// An unmodified client of others, over HTTP: what it can read and do, any client can.

let nowMs: number;
let chain: SolanaChain;
let served: ServedChain;
let rpc: Rpc<SolanaRpcApi>;
let payer: KeyPairSigner;
let usdt: Address;

beforeEach(async () => {
  nowMs = Date.UTC(2026, 0, 1);
  chain = createSolanaChain({ now: () => nowMs, finalizedAfterSlots: 4, skipEvery: 0 });
  served = await serveSolanaChain(chain, { port: 0 });
  rpc = createSolanaRpc(served.rpcUrl);
  payer = await createKeyPairSignerFromPrivateKeyBytes(new Uint8Array(32).fill(1));
  usdt = address(chain.tokens.USDT.address);
});
afterEach(async () => await served.close());

function produce(count = 1): void {
  for (let index = 0; index < count; index += 1) {
    nowMs += 400;
    chain.produceBlock();
  }
}

async function sign(instructions: readonly Instruction[], feePayer: KeyPairSigner = payer) {
  const { value: lifetime } = await rpc.getLatestBlockhash({ commitment: 'confirmed' }).send();
  const message = pipe(
    createTransactionMessage({ version: 0 }),
    (draft) => setTransactionMessageFeePayerSigner(feePayer, draft),
    (draft) => setTransactionMessageLifetimeUsingBlockhash(lifetime, draft),
    (draft) => appendTransactionMessageInstructions(instructions, draft),
  );
  const transaction = await signTransactionMessageWithSigners(message);
  const wire = getBase64EncodedWireTransaction(transaction);
  return { wire, signature: getSignatureFromTransaction(transaction), lifetime };
}

async function send(wire: Awaited<ReturnType<typeof sign>>['wire']): Promise<Signature> {
  return await rpc
    .sendTransaction(wire, { encoding: 'base64', preflightCommitment: 'confirmed' })
    .send();
}

const MEMO = address('MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr');
const recipient = address('B8UwBUUnKwCyKuGMbFKWaG7exYdDk2ozZrPg72NyVbfj');

async function placeOf(owner: Address): Promise<Address> {
  const seeds = { owner, mint: usdt, tokenProgram: TOKEN_PROGRAM_ADDRESS };
  const [place] = await findAssociatedTokenPda(seeds);
  return place;
}

async function payment(amount: bigint, memo: string): Promise<readonly Instruction[]> {
  const [source, destination] = [await placeOf(payer.address), await placeOf(recipient)];
  return [
    getCreateAssociatedTokenIdempotentInstruction({
      payer,
      ata: destination,
      owner: recipient,
      mint: usdt,
    }),
    getTransferCheckedInstruction({
      source,
      mint: usdt,
      destination,
      authority: payer,
      amount,
      decimals: 6,
    }),
    { programAddress: MEMO, data: new TextEncoder().encode(memo) },
  ];
}

function fundPayer(): void {
  chain.control.fund(payer.address, 1_000_000_000n);
  chain.control.mintTo(usdt, payer.address, 5_000_000n);
  produce(2);
}

test('is given lamports, opens a token account, pays, and reads it all back', async () => {
  const airdrop = await rpc.requestAirdrop(payer.address, lamports(1_000_000_000n)).send();
  chain.control.mintTo(usdt, payer.address, 5_000_000n);
  produce(6);
  const { value: funded } = await rpc.getBalance(payer.address).send();
  expect(funded).toBe(1_000_000_000n);
  const status = await rpc.getSignatureStatuses([airdrop]).send();
  expect(status.value[0]).toMatchObject({ confirmationStatus: 'finalized', err: null });

  const { wire, signature } = await sign(await payment(1_250_000n, 'payout 7'));
  expect(await send(wire)).toBe(signature);
  produce(2);
  const confirmed = await rpc.getSignatureStatuses([signature]).send();
  expect(confirmed.value[0]).toMatchObject({
    confirmationStatus: 'confirmed',
    confirmations: 1n,
  });
  produce(4);
  const place = await placeOf(recipient);
  const { value: balance } = await rpc.getTokenAccountBalance(place).send();
  expect(balance).toEqual({
    amount: '1250000',
    decimals: 6,
    uiAmount: 1.25,
    uiAmountString: '1.25',
  });

  const config = { encoding: 'jsonParsed', maxSupportedTransactionVersion: 0 } as const;
  const read = await rpc.getTransaction(signature, config).send();
  expect(read?.version).toBe(0);
  const unaware: unknown = await rpc
    .getTransaction(signature)
    .send()
    .catch((error: unknown) => error);
  expect(unaware).toMatchObject({ context: { __code: -32_015 } });
  expect(read?.meta).toMatchObject({
    err: null,
    fee: 5_000n,
    preTokenBalances: [{ owner: payer.address, uiTokenAmount: { amount: '5000000' } }],
    postTokenBalances: expect.arrayContaining([
      expect.objectContaining({
        owner: recipient,
        mint: usdt,
        programId: TOKEN_PROGRAM_ADDRESS,
        uiTokenAmount: expect.objectContaining({ amount: '1250000' }) as unknown,
      }),
    ]) as unknown,
  });
  expect(read?.transaction.message.instructions).toMatchObject([
    { program: 'spl-associated-token-account', parsed: { type: 'createIdempotent' } },
    { program: 'spl-token', parsed: { type: 'transferChecked', info: { destination: place } } },
    { program: 'spl-memo', parsed: 'payout 7' },
  ]);
});

test('a payment costs its fee and the rent that it pays for others, and is found by its address', async () => {
  fundPayer();
  const { wire, signature } = await sign(await payment(1_250_000n, 'payout 7'));
  await send(wire);
  produce(6);
  const place = await placeOf(recipient);
  const [info] = await rpc.getSignaturesForAddress(recipient, { limit: 1 }).send();
  expect(info).toMatchObject({
    signature,
    memo: '[8] payout 7',
    confirmationStatus: 'finalized',
  });
  // What the payer lost is the fee and the rent of the account that it opened.
  const { value: left } = await rpc.getBalance(payer.address).send();
  const rent = await rpc.getMinimumBalanceForRentExemption(165n).send();
  expect(rent).toBe(2_039_280n);
  expect(left).toBe(1_000_000_000n - 5_000n - rent);
  expect(chain.transfersOf(usdt)).toMatchObject([
    {
      signature,
      from: { owner: payer.address },
      to: { owner: recipient, tokenAccount: place },
      units: 1_250_000n,
      memos: ['payout 7'],
      finalized: true,
      canonical: true,
    },
  ]);
});

test('reads token accounts and mints, parsed and as bytes', async () => {
  fundPayer();
  produce(4);
  const place = await placeOf(payer.address);
  const { value: parsed } = await rpc.getAccountInfo(place, { encoding: 'jsonParsed' }).send();
  expect(parsed?.data).toMatchObject({
    program: 'spl-token',
    parsed: {
      type: 'account',
      info: { mint: usdt, owner: payer.address, state: 'initialized', isNative: false },
    },
  });
  const { value: mint } = await rpc.getAccountInfo(usdt, { encoding: 'jsonParsed' }).send();
  expect(mint?.data).toMatchObject({
    parsed: {
      type: 'mint',
      info: { decimals: 6, supply: '5000000', mintAuthority: chain.authority },
    },
  });
  const { value: accounts } = await rpc
    .getMultipleAccounts([place, recipient], { encoding: 'base64' })
    .send();
  expect(accounts[0]).toMatchObject({ owner: TOKEN_PROGRAM_ADDRESS, space: 165n });
  expect(accounts[1]).toBeNull();
  expect(Buffer.from(accounts[0]?.data[0] ?? '', 'base64').readBigUInt64LE(64)).toBe(5_000_000n);
  const { value: owned } = await rpc
    .getTokenAccountsByOwner(payer.address, { mint: usdt }, { encoding: 'jsonParsed' })
    .send();
  expect(owned.map(({ pubkey }) => pubkey)).toEqual([place]);
  const { value: supply } = await rpc.getTokenSupply(usdt).send();
  expect(supply.amount).toBe('5000000');
});

test('reads blocks in every encoding, and the cluster', async () => {
  fundPayer();
  const { wire, signature } = await sign(await payment(1n, 'x'));
  await send(wire);
  produce(6);
  const { slot } = chain.transaction(signature) ?? { slot: 0 };
  const version = { maxSupportedTransactionVersion: 0 } as const;
  const at = BigInt(slot);
  const json = await rpc.getBlock(at, { encoding: 'json', ...version }).send();
  expect(json?.transactions[0]?.transaction.signatures).toEqual([signature]);
  expect(json?.transactions[0]?.meta?.innerInstructions[0]?.instructions).toHaveLength(4);
  const base64 = await rpc.getBlock(at, { encoding: 'base64', ...version }).send();
  expect(base64?.transactions[0]?.transaction[0]).toBe(wire);
  const brief = await rpc.getBlock(at, { transactionDetails: 'signatures' }).send();
  expect(brief?.signatures).toEqual([signature]);
  expect(await rpc.getBlocks(at - 1n, at).send()).toEqual([at - 1n, at]);
  expect(await rpc.getBlockTime(at).send()).toBe(json?.blockTime);
  expect(await rpc.getGenesisHash().send()).toBe(chain.genesisHash);
  expect(await rpc.getHealth().send()).toBe('ok');
  expect(await rpc.getVersion().send()).toHaveProperty('solana-core');
  const epoch = await rpc.getEpochInfo({ commitment: 'processed' }).send();
  expect(epoch.blockHeight).toBe(BigInt(chain.head().height));
  const fees = await rpc.getRecentPrioritizationFees([usdt]).send();
  expect(fees.at(-1)).toEqual({ slot: BigInt(chain.head().slot), prioritizationFee: 0n });
});

test('simulates: with a newer blockhash, without signatures, with the accounts after it', async () => {
  fundPayer();
  const { wire } = await sign(await payment(1n, 'x'));
  produce(200);
  const options = { encoding: 'base64', commitment: 'confirmed' } as const;
  const stale = await rpc.simulateTransaction(wire, options).send();
  expect(stale.value.err).toBe('BlockhashNotFound');
  const place = await placeOf(recipient);
  const { value } = await rpc
    .simulateTransaction(wire, {
      ...options,
      replaceRecentBlockhash: true,
      accounts: { addresses: [place], encoding: 'jsonParsed' },
    })
    .send();
  expect(value.err).toBeNull();
  expect(value.replacementBlockhash.blockhash).toBe(chain.head('confirmed').blockhash);
  expect(value.unitsConsumed).toBeGreaterThan(0n);
  expect(value.accounts[0]?.data).toMatchObject({
    parsed: { info: { tokenAmount: { amount: '1' } } },
  });
  expect(chain.account(place)).toBeNull();
});

test('is told of a failing instruction by its index and code, with the logs', async () => {
  fundPayer();
  const { wire, signature } = await sign(await payment(5_000_001n, 'too much'));
  const refusal: unknown = await send(wire).catch((error: unknown) => error);
  const code = SOLANA_ERROR__JSON_RPC__SERVER_ERROR_SEND_TRANSACTION_PREFLIGHT_FAILURE;
  if (!isSolanaError(refusal, code)) throw refusal;
  expect(refusal.context.logs).toContainEqual(expect.stringContaining('insufficient funds'));
  expect(refusal.cause).toMatchObject({ context: { code: 1, index: 1 } });
  // Sent all the same it is in a block, costs its fee, and moves nothing.
  await rpc.sendTransaction(wire, { encoding: 'base64', skipPreflight: true }).send();
  produce();
  const { value } = await rpc.getSignatureStatuses([signature]).send();
  expect(value[0]?.err).toEqual({ InstructionError: [1n, { Custom: 1n }] });
  expect(chain.transaction(signature)?.error).toEqual({ InstructionError: [1, { Custom: 1 }] });
  expect(chain.transfersOf(usdt)).toEqual([]);
  expect(chain.lamportsOf(payer.address)).toBe(1_000_000_000n - 5_000n);
});

test('is told that a signature is wrong, unless it skips the preflight', async () => {
  fundPayer();
  const { wire } = await sign(await payment(1n, 'x'));
  const bytes = Buffer.from(wire, 'base64');
  bytes[5] = (bytes[5] ?? 0) ^ 1;
  const forged = bytes.toString('base64') as typeof wire;
  const refusal: unknown = await send(forged).catch((error: unknown) => error);
  const code = SOLANA_ERROR__JSON_RPC__SERVER_ERROR_TRANSACTION_SIGNATURE_VERIFICATION_FAILURE;
  expect(isSolanaError(refusal, code)).toBe(true);
  await rpc.sendTransaction(forged, { encoding: 'base64', skipPreflight: true }).send();
  expect(chain.pool()).toHaveLength(1);
  produce();
  expect(chain.pool()).toHaveLength(0);
  expect(chain.transfersOf(usdt)).toEqual([]);
});

test('learns the fee of a message, priority included, as it is charged', async () => {
  fundPayer();
  const budget = address('ComputeBudget111111111111111111111111111111');
  const limit = Buffer.alloc(5);
  limit.writeUInt8(2, 0);
  limit.writeUInt32LE(60_001, 1);
  const price = Buffer.alloc(9);
  price.writeUInt8(3, 0);
  price.writeBigUInt64LE(50_000n, 1);
  const { wire, signature } = await sign([
    { programAddress: budget, data: limit },
    { programAddress: budget, data: price },
    ...(await payment(1n, 'x')),
  ]);
  const message = Buffer.from(wire, 'base64').subarray(65).toString('base64');
  const { value: fee } = await rpc
    .getFeeForMessage(message as Parameters<typeof rpc.getFeeForMessage>[0], {
      commitment: 'confirmed',
    })
    .send();
  expect(fee).toBe(5_000n + 3_001n);
  await send(wire);
  const before = chain.lamportsOf(payer.address);
  produce();
  expect(before - chain.lamportsOf(payer.address)).toBe(8_001n + 2_039_280n);
  expect(chain.transaction(signature)?.feeLamports).toBe(fee);
  const fees = await rpc.getRecentPrioritizationFees([await placeOf(recipient)]).send();
  expect(fees.at(-1)?.prioritizationFee).toBe(50_000n);
});
