import { secp256k1 } from '@noble/curves/secp256k1.js';
import fc from 'fast-check';
import { bytesToHex, hexToBytes, toHex, type Hex } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBatchPayer, type BatchPayer } from '../../../test/harness/batch-payer.ts';
import { startTestChain, type TestChain } from '../../../test/harness/chain.ts';
import {
  digestOf,
  executeData,
  signBatch,
  testKey,
} from '../../../test/harness/treasury-contract.ts';
import { authorityOf, batchDigest, fenceOf, readAuthority, type Batch } from './batch.ts';

const key = testKey(0x11);
const place = { chainId: 137, treasury: key.address.toLowerCase() as Hex };

const address = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => toHex(bytes));
const word = fc.bigInt({ min: 0n, max: 2n ** 256n - 1n });
const batches: fc.Arbitrary<Batch> = fc.record({
  batchId: word,
  deadline: word,
  token: address,
  gasPerItem: word,
  items: fc.array(fc.record({ to: address, units: fc.bigInt({ min: 1n, max: 2n ** 96n - 1n }) }), {
    minLength: 1,
    maxLength: 12,
  }),
});

const batch: Batch = {
  batchId: 7n,
  deadline: 2_000_000_000n,
  token: '0xc2132d05d31c914a87c6611c10748aeb04b58e8f',
  gasPerItem: 100_000n,
  items: [
    { to: '0x70997970c51812dc3a010c7d01b50e0d17dc79c8', units: 20_000n },
    { to: '0x70997970c51812dc3a010c7d01b50e0d17dc79c8', units: 20_000n },
  ],
};

/** r, s and recovery id, as a signer of the treasury answers. */
function signature(of: Batch, at = place): Uint8Array {
  const secret = hexToBytes(`0x${'11'.repeat(32)}`);
  const digest = hexToBytes(batchDigest(of, at));
  const recovered = secp256k1.sign(digest, secret, { prehash: false, format: 'recovered' });
  return Uint8Array.from([...recovered.subarray(1), recovered[0] ?? 0]);
}

describe('a batch', () => {
  it('has the digest that EIP-712 gives it, wherever it counts', () => {
    fc.assert(
      fc.property(batches, fc.nat({ max: 2 ** 31 }), address, (it, chainId, treasury) => {
        const somewhere = { chainId, treasury };
        expect(batchDigest(it, somewhere)).toBe(digestOf(it, somewhere));
      }),
      { numRuns: 50 },
    );
  });

  it('comes back from its authority as it was signed', async () => {
    await fc.assert(
      fc.asyncProperty(batches, async (it) => {
        const authority = authorityOf(it, signature(it));
        expect(bytesToHex(authority)).toBe(executeData(it, await signBatch(key, it, place)));
        expect(await readAuthority(authority, place)).toEqual({
          batch: it,
          digest: batchDigest(it, place),
          signer: place.treasury,
        });
      }),
      { numRuns: 50 },
    );
  });

  it('is signed by somebody else elsewhere', async () => {
    const authority = authorityOf(batch, signature(batch));
    for (const elsewhere of [
      { ...place, chainId: 1 },
      { ...place, treasury: batch.token },
    ]) {
      expect((await readAuthority(authority, elsewhere)).signer).not.toBe(place.treasury);
    }
  });

  it.each<[string, Partial<Batch>]>([
    ['no items', { items: [] }],
    ['an item of nothing', { items: [{ to: batch.token, units: 0n }] }],
    ['an item of too much', { items: [{ to: batch.token, units: 2n ** 96n }] }],
    ['a negative amount', { items: [{ to: batch.token, units: -1n }] }],
    ['a recipient of another length', { items: [{ to: '0x12', units: 1n }] }],
    ['an id of 257 bits', { batchId: 2n ** 256n }],
  ])('with %s is not to be had', (_, changes) => {
    expect(() => authorityOf({ ...batch, ...changes }, signature(batch))).toThrow();
  });
});

describe('an authority', () => {
  it.each<[string, (bytes: Uint8Array) => Uint8Array]>([
    ['without signature parity', (bytes) => bytes.subarray(0, 64)],
    ['with a recovery id of 2', (bytes) => changed(bytes, 64, 2)],
    ['with a high s', (bytes) => changed(bytes, 32, 0xf0)],
  ])('is not made of a signature %s', (_, change) => {
    expect(() => authorityOf(batch, change(signature(batch)))).toThrow();
  });

  const words = (bytes: Uint8Array): Hex[] =>
    Array.from({ length: (bytes.length - 4) / 32 }, (_, index) =>
      toHex(bytes.subarray(4 + index * 32, 36 + index * 32)),
    );
  it('is found as the words say here', () => {
    const found = words(authorityOf(batch, signature(batch)));
    expect(found.length).toBe(10);
    expect(BigInt(found[4] ?? '0x')).toBe(7n * 32n);
    expect(BigInt(found[7] ?? '0x')).toBe(2n);
  });

  it.each<[string, (bytes: Uint8Array) => Uint8Array]>([
    ['nothing', () => new Uint8Array(0)],
    ['another function', (bytes) => changed(bytes, 0, 0)],
    ['one byte less', (bytes) => bytes.subarray(0, -1)],
    ['one byte more', (bytes) => Uint8Array.from([...bytes, 0])],
    ['one word more', (bytes) => Uint8Array.from([...bytes, ...new Uint8Array(32)])],
    ['a token with more than 20 bytes', (bytes) => changed(bytes, 4 + 2 * 32, 1)],
    ['more items than it holds', (bytes) => changed(bytes, 4 + 8 * 32 - 1, 3)],
    ['items elsewhere', (bytes) => changed(bytes, 4 + 5 * 32 - 1, 8 * 32 - 1)],
    ['a high s', (bytes) => Uint8Array.from(bytes).fill(0xff, 4 + 6 * 32, 4 + 7 * 32)],
    ['no items', (bytes) => changed(bytes, 4 + 8 * 32 - 1, 0)],
  ])('that is not exactly one call of execute is refused: %s', async (_, change) => {
    const bytes = change(authorityOf(batch, signature(batch)));
    await expect(readAuthority(bytes, place)).rejects.toThrow();
  });

  it('names its fence by treasury and id', () => {
    expect(fenceOf(place.treasury, 7n)).toBe(`${place.treasury}:batch:7`);
  });
});

describe('on a chain', () => {
  let chain: TestChain;
  let payer: BatchPayer;
  beforeAll(async () => {
    chain = await startTestChain({ network: 'MATIC_MAINNET' });
    payer = await createBatchPayer(chain);
  });
  afterAll(async () => await chain.stop());

  it('the treasury carries out an authority made here, by its digest', async () => {
    const here = { chainId: chain.chainId, treasury: payer.treasury.toLowerCase() as Hex };
    const wanted = payer.batchOf({ token: chain.tokens.USDT.address.toLowerCase() as Hex });
    const authority = authorityOf(wanted, signature(wanted, here));
    expect(await payer.refusal(toHex(authority))).toBeNull();
    const { report } = await payer.execute(wanted);
    expect(report).toMatchObject({ digest: batchDigest(wanted, here), failed: 0n });
  });
});

function changed(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = value;
  return copy;
}
