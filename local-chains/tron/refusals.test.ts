import { expect, test } from 'vitest';
import type { Block } from './block.ts';
import { checkAgainst } from './check-transaction.ts';
import {
  ALICE,
  BOB,
  broadcast,
  CAROL,
  createWorld,
  resigned,
  sunTransfer,
  tokenTransfer,
  TRX,
  wholeHex,
  type SignedJson,
  type World,
} from './testing/world.ts';
import { decodeTransaction } from './transaction.ts';

interface Case {
  readonly name: string;
  readonly code: string;
  readonly says: string | RegExp;
  readonly make: (world: World) => Promise<SignedJson>;
}

const DAY_MS = 86_400_000;

const cases: readonly Case[] = [
  {
    name: 'a signature of another account',
    code: 'SIGERROR',
    says: /is signed by T\w{33} but it is not contained of permission/,
    make: async (world) => resigned(await tokenTransfer(world, world.usdt), {}, BOB),
  },
  {
    name: 'a signature that is cut short',
    code: 'SIGERROR',
    says: 'Validate signature error: Signature size is 64',
    make: async (world) => {
      const signed = await tokenTransfer(world, world.usdt);
      return { ...signed, signature: signed.signature.map((each) => each.slice(0, 128)) };
    },
  },
  {
    name: 'no signature',
    code: 'SIGERROR',
    says: 'Validate signature error: miss sig or contract',
    make: async (world) => ({ ...(await tokenTransfer(world, world.usdt)), signature: [] }),
  },
  {
    name: 'raw data changed after signing',
    code: 'SIGERROR',
    says: /is signed by/,
    make: async (world) => {
      const signed = await tokenTransfer(world, world.usdt);
      return { ...signed, raw_data: { ...signed.raw_data, fee_limit: 19_000_000 } };
    },
  },
  {
    name: 'a reference to a block that is not of the chain',
    code: 'TAPOS_ERROR',
    says: 'Tapos check error.',
    make: async (world) =>
      resigned(await tokenTransfer(world, world.usdt), { ref_block_hash: '0011223344556677' }),
  },
  {
    name: 'a reference to a number that is still to come',
    code: 'TAPOS_ERROR',
    says: 'Tapos check error.',
    make: async (world) => {
      const signed = await tokenTransfer(world, world.usdt);
      return resigned(signed, { ref_block_bytes: '0002' });
    },
  },
  {
    name: 'an expiration in the next slot',
    code: 'TRANSACTION_EXPIRATION_ERROR',
    says: 'Transaction expired',
    make: async (world) => await tokenTransfer(world, world.usdt, { livesMs: 2_999 }),
  },
  {
    name: 'an expiration more than a day away',
    code: 'TRANSACTION_EXPIRATION_ERROR',
    says: 'Transaction expired',
    make: async (world) => await tokenTransfer(world, world.usdt, { livesMs: DAY_MS + 1 }),
  },
  {
    name: 'an account that was never activated',
    code: 'CONTRACT_VALIDATE_ERROR',
    says: /account \[41[0-9a-f]{40}\] does not exist/,
    make: async (world) => await tokenTransfer(world, world.usdt, { from: CAROL }),
  },
  {
    name: 'a contract that is none',
    code: 'CONTRACT_VALIDATE_ERROR',
    says: /No contract or not a smart contract/,
    make: async (world) => await tokenTransfer(world, BOB.address),
  },
  {
    name: 'a fee limit above the maximum',
    code: 'CONTRACT_VALIDATE_ERROR',
    says: /feeLimit must be >= 0 and <= 15000000000/,
    make: async (world) => await tokenTransfer(world, world.usdt, { feeLimit: 15_000_000_001 }),
  },
  {
    name: 'more TRX than there is',
    code: 'CONTRACT_VALIDATE_ERROR',
    says: /balance is not sufficient/,
    make: async (world) => await sunTransfer(world, 999_000_000n),
  },
  {
    name: 'two contracts',
    code: 'OTHER_ERROR',
    says: /act size should be exactly 1/,
    make: async (world) => {
      const signed = await tokenTransfer(world, world.usdt);
      const { contract } = signed.raw_data;
      return { ...signed, raw_data: { ...signed.raw_data, contract: [...contract, ...contract] } };
    },
  },
  {
    name: 'a transaction that is too big',
    code: 'TOO_BIG_TRANSACTION_ERROR',
    says: 'Transaction size is too big.',
    make: async (world) =>
      resigned(await tokenTransfer(world, world.usdt), { data: '61'.repeat(500 * 1_024) }),
  },
];

test.each(cases)('refuses $name: $code', async ({ code, says, make }) => {
  const world = await createWorld();
  const transaction = await make(world);
  const answer = await broadcast(world.node, transaction);
  expect(answer['code']).toBe(code);
  expect(answer['result']).toBeUndefined();
  const said = Buffer.from(String(answer['message']), 'hex').toString('utf8');
  if (typeof says === 'string') expect(said).toBe(says);
  else expect(said).toMatch(says);
  await world.produce();
  expect(world.chain.truth.transaction(transaction.txID)).toBeNull();
  expect(world.chain.truth.pooled()).toEqual([]);
  expect(world.chain.truth.sunOf(ALICE.address)).toBe(1_000n * TRX);
});

test('takes the same transactions as they should be, in JSON and as bytes', async () => {
  const world = await createWorld();
  const first = await tokenTransfer(world, world.usdt, { livesMs: 3_000 });
  expect(await broadcast(world.node, first)).toEqual({ result: true, txid: first.txID });
  const second = await tokenTransfer(world, world.usdc, { livesMs: DAY_MS });
  const answer = await world.node.post('/wallet/broadcasthex', { transaction: wholeHex(second) });
  expect(answer).toMatchObject({ result: true, code: 'SUCCESS', txid: second.txID });
  await world.produce();
  expect(world.chain.truth.transaction(first.txID)?.result).toBe('SUCCESS');
  expect(world.chain.truth.transaction(second.txID)?.result).toBe('SUCCESS');
});

test('refuses a transaction that is pooled or in a block, however it comes', async () => {
  const world = await createWorld();
  const transaction = await tokenTransfer(world, world.usdt);
  await broadcast(world.node, transaction);
  expect((await broadcast(world.node, transaction))['code']).toBe('DUP_TRANSACTION_ERROR');
  const other = world.chain.openNode('other');
  expect((await broadcast(other, transaction))['code']).toBe('DUP_TRANSACTION_ERROR');
  await world.produce();
  expect((await broadcast(other, transaction))['code']).toBe('DUP_TRANSACTION_ERROR');
  expect(world.chain.truth.transfersOf(world.usdt)).toHaveLength(2);
});

test('is busy while too much waits', async () => {
  const world = await createWorld({ mostPooled: 1 });
  await broadcast(world.node, await tokenTransfer(world, world.usdt));
  const second = await tokenTransfer(world, world.usdc);
  expect((await broadcast(world.node, second))['code']).toBe('SERVER_BUSY');
  await world.produce();
  expect(await broadcast(world.node, second)).toMatchObject({ result: true });
});

test('two equal transfers in one millisecond are one transaction', async () => {
  const world = await createWorld();
  const first = await tokenTransfer(world, world.usdt, { timestamp: 5 });
  const second = await tokenTransfer(world, world.usdt, { timestamp: 5 });
  expect(second.txID).toBe(first.txID);
});

test('refuses what cannot pay for its bytes', async () => {
  const world = await createWorld();
  world.chain.controls.giveSun(CAROL.address, 1n);
  await world.produce();
  const first = await tokenTransfer(world, world.usdt, { from: CAROL });
  expect(await broadcast(world.node, first)).toMatchObject({ result: true });
  await world.produce();
  const second = await tokenTransfer(world, world.usdt, { from: CAROL });
  expect((await broadcast(world.node, second))['code']).toBe('BANDWITH_ERROR');
});

test('a reference may be 65,535 blocks old and no older', async () => {
  const world = await createWorld();
  const { transaction } = decoded(await tokenTransfer(world, world.usdt));
  const named = world.chain.truth.head();
  const block = { id: named.blockId, timestampMs: named.timestampMs } as Block;
  const judgedAt = (number: number) => (): void => {
    // Of 70,000 blocks only the one that is named is there to be looked at.
    const head = { ...block, number } as Block;
    checkAgainst(transaction, head, (asked) => (asked === named.number ? block : undefined));
  };
  expect(judgedAt(named.number + 65_535)).not.toThrow();
  expect(judgedAt(named.number + 65_536)).toThrow('Tapos check error.');
});

test('a transaction expires with the time of the block before', async () => {
  const world = await createWorld();
  const { transaction } = decoded(await tokenTransfer(world, world.usdt, { livesMs: 9_000 }));
  const named = world.chain.truth.head();
  const judgedAfter = (lateMs: number) => (): void => {
    const head = { ...named, id: named.blockId, timestampMs: named.timestampMs + lateMs };
    checkAgainst(transaction, head as unknown as Block, () => head as unknown as Block);
  };
  expect(judgedAfter(8_999)).not.toThrow();
  expect(judgedAfter(9_000)).toThrow('Transaction expired');
});

function decoded(signed: SignedJson) {
  return { transaction: decodeTransaction(Buffer.from(wholeHex(signed), 'hex')) };
}
