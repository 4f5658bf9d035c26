import { secp256k1 } from '@noble/curves/secp256k1.js';
import {
  bytesToHex,
  hexToBytes,
  keccak256,
  serializeTransaction,
  toHex,
  type TransactionSerializable,
} from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { describe, expect, it } from 'vitest';
import { createMnemonicSigner } from '../../treasury/mnemonic-signer.ts';
import {
  delegationDigest,
  laneDigest,
  readLaneTransaction,
  signedBytesOf,
  type LaneTransaction,
} from './lane-transaction.ts';

const KEY = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';
const account = privateKeyToAccount(KEY);
const OTHER_KEY = '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d';
const other = privateKeyToAccount(OTHER_KEY);
const signer = createMnemonicSigner({
  mnemonic: 'test test test test test test test test test test test junk',
}).for('ETHEREUM_MAINNET');
const SENDER = '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266';
const CODE = '0x5fbdb2315678afecb367f032d93f642f64180aa3';

const call: LaneTransaction = {
  chainId: 137,
  nonce: 7n,
  to: '0xc2132d05d31c914a87c6611c10748aeb04b58e8f',
  valueWei: 0n,
  data: '0x7a5f1e00ff',
  gasLimit: 1_076_250n,
  maxFeeWei: 230_000_000_000n,
  tipWei: 30_000_000_000n,
  delegation: null,
};

async function signed(it: LaneTransaction): Promise<Uint8Array> {
  return signedBytesOf(it, await signer.sign(laneDigest(it)));
}

async function delegating(nonce = 8n): Promise<LaneTransaction> {
  const delegation = { chainId: 137, to: CODE, nonce } as const;
  const signature = await signer.sign(delegationDigest(delegation));
  return { ...call, data: '0x', delegation: { ...delegation, signature } };
}

/** The same fields, as an independent signer takes them. */
const fields = {
  type: 'eip1559',
  chainId: 137,
  nonce: 7,
  gas: 1_076_250n,
  maxFeePerGas: 230_000_000_000n,
  maxPriorityFeePerGas: 30_000_000_000n,
  to: call.to,
  data: call.data,
} as const;

describe('a transaction of type 2', () => {
  it.each<Partial<LaneTransaction>>([
    {},
    { nonce: 0n },
    { nonce: 128n, valueWei: 10n ** 18n, data: '0x' },
    { tipWei: 0n },
    { data: `0x${'00'.repeat(20_000)}` },
  ])('reads back as it was meant: %o', async (changes) => {
    const it = { ...call, ...changes };
    const bytes = await signed(it);
    expect(await readLaneTransaction(bytes)).toEqual({
      ...it,
      sender: SENDER,
      delegator: null,
      transactionHash: keccak256(bytes),
    });
  });

  it('is what an independent signer makes of the same fields', async () => {
    expect(bytesToHex(await signed(call))).toBe(await account.signTransaction(fields));
  });

  it('refuses a high s, a wrong recovery id, and a signature of another length', async () => {
    const signature = await signer.sign(laneDigest(call));
    const s = BigInt(bytesToHex(signature.subarray(32, 64)));
    const high = hexToBytes(toHex(secp256k1.Point.CURVE().n - s, { size: 32 }));
    const flipped = Uint8Array.of(...signature.subarray(0, 32), ...high, 0);
    expect(() => signedBytesOf(call, flipped)).toThrow('high s');
    expect(() => signedBytesOf(call, signature.with(64, 27))).toThrow('recovery id');
    expect(() => signedBytesOf(call, signature.subarray(0, 64))).toThrow('65 bytes');
  });
});

describe('a transaction of type 4', () => {
  it('reads back as it was meant, with whose account it delegates', async () => {
    for (let nonce = 1n; nonce < 40n; nonce += 1n) {
      const it = await delegating(nonce);
      const bytes = await signed(it);
      expect(await readLaneTransaction(bytes)).toEqual({
        ...it,
        sender: SENDER,
        delegator: SENDER,
        transactionHash: keccak256(bytes),
      });
    }
  });

  it('is what an independent signer makes of the same fields', async () => {
    const authorization = await account.signAuthorization({
      address: CODE,
      chainId: 137,
      nonce: 8,
    });
    const theirs = await account.signTransaction({
      ...fields,
      type: 'eip7702',
      data: '0x',
      authorizationList: [authorization],
    });
    expect(bytesToHex(await signed(await delegating()))).toBe(theirs);
  });

  it('never delegates for every chain', () => {
    expect(() => delegationDigest({ chainId: 0, to: CODE, nonce: 1n })).toThrow('chain');
  });

  it('shows whose delegation it carries where that is not the sender', async () => {
    const authorization = await other.signAuthorization({ address: CODE, chainId: 137, nonce: 8 });
    const raw = await account.signTransaction({
      ...fields,
      type: 'eip7702',
      authorizationList: [authorization],
    });
    expect(await readLaneTransaction(hexToBytes(raw))).toMatchObject({
      sender: SENDER,
      delegator: other.address.toLowerCase(),
    });
  });
});

describe('readLaneTransaction refuses', () => {
  it.each<[string, TransactionSerializable]>([
    ['an access list', { ...fields, accessList: [{ address: CODE, storageKeys: [] }] }],
    ['a new contract', { ...fields, to: null }],
    ['no delegation in type 4', { ...fields, type: 'eip7702', authorizationList: [] }],
    ['an older type', { type: 'legacy', chainId: 1, nonce: 1, gas: 9n, gasPrice: 1n, to: CODE }],
    [
      'the type before',
      { type: 'eip2930', chainId: 1, nonce: 1, gas: 9n, gasPrice: 1n, to: CODE, accessList: [] },
    ],
  ])('%s', async (_, it) => {
    const raw = await account.signTransaction(it);
    await expect(readLaneTransaction(hexToBytes(raw))).rejects.toThrow();
  });

  it('two delegations', async () => {
    const one = await account.signAuthorization({ address: CODE, chainId: 137, nonce: 8 });
    const two = await other.signAuthorization({ address: CODE, chainId: 137, nonce: 0 });
    const authorizationList = [one, two];
    const raw = await account.signTransaction({ ...fields, type: 'eip7702', authorizationList });
    await expect(readLaneTransaction(hexToBytes(raw))).rejects.toThrow('one delegation');
  });

  it('a high s, which nodes refuse too', async () => {
    const { r, s, yParity } = signatureOf(await signer.sign(laneDigest(call)));
    const high = toHex(secp256k1.Point.CURVE().n - s, { size: 32 });
    const raw = serializeTransaction(fields, { r, s: high, yParity: 1 - yParity });
    await expect(readLaneTransaction(hexToBytes(raw))).rejects.toThrow('high s');
  });

  it('surplus bytes, missing bytes, and no signature', async () => {
    const raw = bytesToHex(await signed(call));
    await expect(readLaneTransaction(hexToBytes(`${raw}00`))).rejects.toThrow();
    await expect(readLaneTransaction(hexToBytes(raw).subarray(0, -1))).rejects.toThrow();
    await expect(readLaneTransaction(hexToBytes(serializeTransaction(fields)))).rejects.toThrow();
    await expect(readLaneTransaction(new Uint8Array())).rejects.toThrow();
  });

  it('any byte that is another, unless it says something else', async () => {
    const bytes = await signed(call);
    const meant = await readLaneTransaction(bytes);
    for (let index = 0; index < bytes.length; index += 1) {
      const changed = bytes.with(index, (bytes[index] ?? 0) ^ 1);
      const said = await readLaneTransaction(changed).catch(() => null);
      if (said === null) continue;
      expect({ ...said, transactionHash: null }).not.toEqual({ ...meant, transactionHash: null });
    }
  });
});

function signatureOf(bytes: Uint8Array): { r: `0x${string}`; s: bigint; yParity: number } {
  return {
    r: bytesToHex(bytes.subarray(0, 32)),
    s: BigInt(bytesToHex(bytes.subarray(32, 64))),
    yParity: bytes[64] ?? 9,
  };
}
