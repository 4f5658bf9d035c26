import { expect, test } from 'vitest';
import {
  addressBytes,
  associatedTokenAddress,
  COMPUTE_BUDGET_PROGRAM,
  SYSTEM_PROGRAM,
  TOKEN_2022_PROGRAM,
  TOKEN_PROGRAM,
} from './address.ts';
import type { Json } from './chain-interface.ts';
import { transferLamports, writeMemo } from './programs.ts';
import { createSigner, signTransaction, type Instruction } from './sign-transaction.ts';
import {
  openFor,
  openWorld,
  refusalOf,
  RECIPIENT,
  transferUnits,
  type SolanaWorld,
} from './world-for-tests.ts';

const STRANGER = createSigner(new Uint8Array(32).fill(5));

interface Case {
  readonly name: string;
  readonly prepare?: (world: SolanaWorld) => void;
  readonly instructions: (world: SolanaWorld) => readonly Instruction[];
  readonly error: Json;
  readonly text: string;
}

/** What the real programs say to a payment that cannot be. */
const CASES: readonly Case[] = [
  {
    name: 'more units than there are',
    instructions: (world) => [pay(world, 1_000_000_001n)],
    error: { InstructionError: [0, { Custom: 1 }] },
    text: 'Error processing Instruction 0: custom program error: 0x1',
  },
  {
    name: 'to an account that is not there',
    instructions: (world) => [pay(world, 1n), pay(world, 1n, STRANGER.address)],
    error: { InstructionError: [1, 'InvalidAccountData'] },
    text: 'Error processing Instruction 1: invalid account data for instruction',
  },
  {
    name: 'to a frozen account',
    prepare: ({ chain, mint }) => chain.control.freeze(placeOf(RECIPIENT, mint)),
    instructions: (world) => [pay(world, 1n)],
    error: { InstructionError: [0, { Custom: 17 }] },
    text: 'Error processing Instruction 0: custom program error: 0x11',
  },
  {
    name: 'to an account that was closed',
    prepare: ({ chain, mint }) => chain.control.setAccount(placeOf(RECIPIENT, mint), null),
    instructions: (world) => [pay(world, 1n)],
    error: { InstructionError: [0, 'InvalidAccountData'] },
    text: 'Error processing Instruction 0: invalid account data for instruction',
  },
  {
    name: 'to an account of another mint',
    prepare: ({ chain }) => chain.control.mintTo(chain.tokens.USDC.address, RECIPIENT, 1n),
    instructions: ({ payer, mint, chain }) => {
      const payment = transferUnits({ from: payer.address, to: RECIPIENT, mint, units: 1n });
      const wrong = placeOf(RECIPIENT, chain.tokens.USDC.address);
      const accounts = payment.accounts.map((each, index) =>
        index === 2 ? { ...each, address: wrong } : each,
      );
      return [{ ...payment, accounts }];
    },
    error: { InstructionError: [0, { Custom: 3 }] },
    text: 'Error processing Instruction 0: custom program error: 0x3',
  },
  {
    name: 'more lamports than there are',
    instructions: ({ payer }) => [transferLamports(payer.address, RECIPIENT, 10n ** 15n)],
    error: { InstructionError: [0, { Custom: 1 }] },
    text: 'Error processing Instruction 0: custom program error: 0x1',
  },
  {
    name: 'so few lamports to a new account that it cannot be',
    instructions: ({ payer }) => [transferLamports(payer.address, STRANGER.address, 1n)],
    error: { InsufficientFundsForRent: { account_index: 1 } },
    text: 'Transaction results in an account (1) with insufficient funds for rent',
  },
];

for (const { name, prepare, instructions, error, text } of CASES) {
  test(`preflight refuses, and a block charges for, a payment: ${name}`, async () => {
    const world = openWorld();
    prepare?.(world);
    world.produce(2);
    const signed = world.sign(instructions(world));
    const refusal = await refusalOf(world.send(signed));
    expect(refusal.code).toBe(-32_002);
    expect(refusal.message).toBe(`Transaction simulation failed: ${text}`);
    expect(refusal.data).toMatchObject({ err: error });
    const [units, lamports] = holdings(world);
    await world.send(signed, { skipPreflight: true });
    world.produce();
    expect(world.chain.transaction(signed.signature)?.error).toEqual(error);
    expect(holdings(world)).toEqual([units, lamports - 5_000n]);
  });
}

function holdings({ chain, mint, payer }: SolanaWorld): readonly [bigint, bigint] {
  return [chain.unitsOf(mint, payer.address), chain.lamportsOf(payer.address)];
}

function pay({ payer, mint }: SolanaWorld, units: bigint, to = RECIPIENT): Instruction {
  return transferUnits({ from: payer.address, to, mint, units });
}

function placeOf(owner: string, mint: string): string {
  return associatedTokenAddress({ owner, mint, program: TOKEN_PROGRAM });
}

test('who cannot pay the fee is in no block, until somebody helps', async () => {
  const world = openWorld();
  const sign = (lamports: bigint) => {
    const bytes = signTransaction({
      signers: [STRANGER],
      instructions: [transferLamports(STRANGER.address, RECIPIENT, lamports)],
      blockhash: world.chain.head().blockhash,
    });
    return { wire: Buffer.from(bytes).toString('base64'), signature: '' };
  };
  const refusal = await refusalOf(world.send(sign(2_000_000n)));
  expect(refusal.data).toMatchObject({ err: 'AccountNotFound' });
  expect(refusal.message).toBe(
    'Transaction simulation failed: Attempt to debit an account but found no record of a prior credit.',
  );
  await world.send(sign(2_000_000n), { skipPreflight: true });
  world.produce(3);
  expect(world.chain.pool()).toHaveLength(1);
  world.chain.control.fund(STRANGER.address, 2_000_000n + 1_000_000n);
  world.produce();
  expect(world.chain.pool()).toHaveLength(0);
  expect(world.chain.lamportsOf(STRANGER.address)).toBe(1_000_000n - 5_000n);
});

test('less than the fee is InsufficientFundsForFee', async () => {
  const world = openWorld();
  const poor = {
    lamports: 4_999n,
    data: new Uint8Array(0),
    owner: SYSTEM_PROGRAM,
    executable: false,
  };
  world.chain.control.setAccount(STRANGER.address, poor);
  world.produce();
  const bytes = signTransaction({
    signers: [STRANGER],
    instructions: [transferLamports(STRANGER.address, RECIPIENT, 1n)],
    blockhash: world.chain.head().blockhash,
  });
  const wire = Buffer.from(bytes).toString('base64');
  const refusal = await refusalOf(world.send({ wire, signature: '' }));
  expect(refusal.data).toMatchObject({ err: 'InsufficientFundsForFee' });
  expect(refusal.message).toBe('Transaction simulation failed: Insufficient funds for fee');
});

test('a transaction has 1,232 bytes at most', async () => {
  const world = openWorld();
  const ofSize = (size: number) => {
    const memo = (length: number) =>
      world.sign([{ program: SYSTEM_PROGRAM, accounts: [], data: Buffer.alloc(length, 65) }]);
    const overhead = Buffer.from(memo(1_000).wire, 'base64').length - 1_000;
    return memo(size - overhead);
  };
  expect(Buffer.from(ofSize(1_232).wire, 'base64')).toHaveLength(1_232);
  await world.send(ofSize(1_232), { skipPreflight: true });
  const refusal = await refusalOf(world.send(ofSize(1_233), { skipPreflight: true }));
  expect(refusal.code).toBe(-32_602);
  expect(refusal.message).toContain('too large: 1233 bytes (max: 1232 bytes)');
});

test('bytes that are no transaction are refused', async () => {
  const world = openWorld();
  const { wire } = world.pay({});
  const bytes = Buffer.from(wire, 'base64');
  const changed = (change: (copy: Buffer) => Buffer): string =>
    change(Buffer.from(bytes)).toString('base64');
  const broken: readonly (readonly [string, string])[] = [
    ['cut short', changed((copy) => copy.subarray(0, -1))],
    ['with a byte too many', changed((copy) => Buffer.concat([copy, Buffer.of(0)]))],
    [
      'with two signatures and one signer',
      changed((copy) => Buffer.concat([Buffer.of(2), copy.subarray(1, 65), copy.subarray(1)])),
    ],
    [
      'with more signers than accounts',
      changed((copy) => {
        copy.writeUInt8(99, 65);
        return copy;
      }),
    ],
    [
      'of which nobody pays',
      changed((copy) => {
        copy.writeUInt8(1, 66);
        return copy;
      }),
    ],
    ['not in base64', `${wire.slice(0, -4)}*${wire.slice(-3)}`],
  ];
  for (const [name, text] of broken) {
    const refusal = await refusalOf(
      world.ask('sendTransaction', text, { encoding: 'base64', skipPreflight: true }),
    );
    expect(refusal.code, name).toBe(-32_602);
  }
  const unasked = await refusalOf(world.ask('sendTransaction', wire, { encoding: 'hex' }));
  expect(unasked.message).toContain('unsupported encoding');
});

test('an account is opened once; idempotently as often as one likes', async () => {
  const world = openWorld();
  const open = openFor(world.payer.address, STRANGER.address, world.mint);
  const before = world.chain.lamportsOf(world.payer.address);
  await world.send(world.sign([open, open]));
  world.produce();
  await world.send(world.sign([open]));
  world.produce();
  expect(before - world.chain.lamportsOf(world.payer.address)).toBe(2_039_280n + 2n * 5_000n);
  const strict = { ...open, data: Uint8Array.of(0) };
  const refusal = await refusalOf(world.send(world.sign([strict])));
  expect(refusal.data).toMatchObject({ err: { InstructionError: [0, 'IllegalOwner'] } });
});

test('an account of Token-2022 is one, with its own program', async () => {
  const world = openWorld();
  const mint = world.chain.control.createMint({ program: 'token-2022', decimals: 6 });
  world.chain.control.mintTo(mint, world.payer.address, 100n);
  world.chain.control.openTokenAccount(mint, RECIPIENT);
  world.produce();
  const payment = { from: world.payer.address, to: RECIPIENT, mint, units: 40n };
  await world.send(world.sign([transferUnits({ ...payment, program: TOKEN_2022_PROGRAM })]));
  world.produce();
  expect(world.chain.unitsOf(mint, RECIPIENT)).toBe(40n);
  expect(world.chain.transfersOf(mint)).toMatchObject([{ units: 40n, to: { owner: RECIPIENT } }]);
  const place = associatedTokenAddress({ owner: RECIPIENT, mint, program: TOKEN_2022_PROGRAM });
  const parsed = await world.askValue('getAccountInfo', place, {
    encoding: 'jsonParsed',
    commitment: 'processed',
  });
  expect(parsed).toMatchObject({
    owner: TOKEN_2022_PROGRAM,
    data: {
      program: 'spl-token-2022',
      parsed: {
        type: 'account',
        info: { owner: RECIPIENT, extensions: [{ extension: 'immutableOwner' }] },
      },
    },
  });
});

test('the fee is what the machine charges, whatever limit is asked for or left out', async () => {
  const world = openWorld();
  const budget = (...bytes: readonly number[]): Instruction => ({
    program: COMPUTE_BUDGET_PROGRAM,
    accounts: [],
    data: Uint8Array.from(bytes),
  });
  const price = budget(3, 0x40, 0x42, 0x0f, 0, 0, 0, 0, 0);
  const limit = budget(2, 0x10, 0x27, 0, 0);
  const memo = writeMemo('x');
  const self = transferLamports(world.payer.address, world.payer.address, 1n);
  for (const [instructions, fee] of [
    [[memo], 5_000n],
    [[price, limit, memo], 5_000n + 10_000n],
    // 3,000 units for each of the validator's own programs, 200,000 for each other.
    [[price, memo], 5_000n + 203_000n],
    [[price, self, memo, memo], 5_000n + 406_000n],
    // 1,400,000 units at most.
    [[price, ...Array.from({ length: 9 }, () => memo)], 5_000n + 1_400_000n],
  ] as const) {
    const before = world.chain.lamportsOf(world.payer.address);
    const signed = world.sign(instructions);
    await world.send(signed);
    world.produce();
    expect(before - world.chain.lamportsOf(world.payer.address)).toBe(fee);
    expect(world.chain.transaction(signed.signature)).toMatchObject({
      feeLamports: fee,
      error: null,
    });
  }
});

test('accounts come from look-up tables, each of them once', async () => {
  const world = openWorld();
  const { payer, mint, chain } = world;
  const table = STRANGER.address;
  const place = placeOf(RECIPIENT, mint);
  const data = Buffer.concat([Buffer.alloc(56), addressBytes(place), addressBytes(payer.address)]);
  // Kind 1: a table; never deactivated.
  data.writeUInt32LE(1, 0);
  data.writeBigUInt64LE(2n ** 64n - 1n, 4);
  chain.control.setAccount(table, {
    lamports: 10_000_000n,
    data,
    owner: LOOKUP_PROGRAM,
    executable: false,
  });
  world.produce();
  const wire = (index: number): string => {
    const message = Buffer.concat([
      Buffer.of(0x80, 1, 0, 2, 4),
      ...[payer.address, placeOf(payer.address, mint), mint, TOKEN_PROGRAM].map(addressBytes),
      addressBytes(chain.head().blockhash),
      // TransferChecked from account 1 to account 4, which is the first of the table's.
      Buffer.of(1, 3, 4, 1, 2, 4, 0, 10, 12, 9, 0, 0, 0, 0, 0, 0, 0, 6),
      Buffer.concat([Buffer.of(1), addressBytes(table), Buffer.of(1, index, 0)]),
    ]);
    return Buffer.concat([Buffer.of(1), payer.sign(message), message]).toString('base64');
  };
  await world.send({ wire: wire(0), signature: '' });
  world.produce();
  expect(chain.unitsOf(mint, RECIPIENT)).toBe(9n);
  expect(chain.transfersOf(mint)).toMatchObject([{ units: 9n, to: { tokenAccount: place } }]);
  const twice = await refusalOf(world.send({ wire: wire(1), signature: '' }));
  expect(twice.data).toMatchObject({ err: 'AccountLoadedTwice' });
  const nowhere = await refusalOf(world.send({ wire: wire(2), signature: '' }));
  expect(nowhere).toMatchObject({ code: -32_602 });
  expect(nowhere.message).toContain('address table lookup uses an invalid index');
  world.produce(10);
  const [{ transaction }] = (
    (await world.ask('getBlock', chain.transfersOf(mint)[0]?.slot ?? 0, {
      encoding: 'jsonParsed',
      transactionDetails: 'accounts',
      maxSupportedTransactionVersion: 0,
    })) as { transactions: [{ transaction: Json }] }
  ).transactions;
  expect(transaction).toMatchObject({
    accountKeys: [{}, {}, {}, {}, { pubkey: place, source: 'lookupTable', writable: true }],
  });
});

const LOOKUP_PROGRAM = 'AddressLookupTab1e1111111111111111111111111';

test('a method that is not there, and parameters that are none', async () => {
  const world = openWorld();
  expect(await refusalOf(world.ask('getNothing'))).toMatchObject({ code: -32_601 });
  for (const [method, ...params] of [
    ['getBalance', 'nonsense'],
    ['getBalance'],
    ['getBalance', RECIPIENT, { commitment: 'recent' }],
    ['getSignatureStatuses', ['nonsense']],
    ['getSignatureStatuses', Array.from({ length: 257 }, () => world.pay({}).signature)],
    ['getTokenAccountBalance', RECIPIENT],
    ['getTokenAccountBalance', world.mint],
    ['getTokenSupply', RECIPIENT],
    ['getSignaturesForAddress', RECIPIENT, { limit: 1_001 }],
    ['getBlock', 'one'],
    ['getMultipleAccounts', Array.from({ length: 101 }, () => RECIPIENT)],
    ['getTokenAccountsByOwner', RECIPIENT, { mint: RECIPIENT }],
  ] as const) {
    expect(await refusalOf(world.ask(method, ...params)), method).toMatchObject({ code: -32_602 });
  }
});
