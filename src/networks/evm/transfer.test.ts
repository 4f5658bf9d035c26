import { secp256k1 } from '@noble/curves/secp256k1.js';
import {
  bytesToHex,
  hexToBytes,
  keccak256,
  parseTransaction,
  serializeTransaction,
  type TransactionSerializable,
} from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { describe, expect, it } from 'vitest';
import { createMnemonicSigner } from '../../treasury/mnemonic-signer.ts';
import {
  digestOf,
  proveTransaction,
  readSignedTransfer,
  signedBytesOf,
  type Transfer,
} from './transfer.ts';

const KEY = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';
const account = privateKeyToAccount(KEY);
const signer = createMnemonicSigner({
  mnemonic: 'test test test test test test test test test test test junk',
}).for('ETHEREUM_MAINNET');

const transfer: Transfer = {
  chainId: 137,
  nonce: 0n,
  token: '0xc2132d05d31c914a87c6611c10748aeb04b58e8f',
  to: '0x70997970c51812dc3a010c7d01b50e0d17dc79c8',
  units: 20_000n,
  gasLimit: 76_250n,
  maxFeeWei: 230_000_000_000n,
  tipWei: 30_000_000_000n,
};

async function signed(it: Transfer): Promise<Uint8Array> {
  return signedBytesOf(it, await signer.sign(digestOf(it)));
}

describe('a signed transfer', () => {
  it.each([0n, 1n, 127n, 128n, 1_000_000n])(
    'reads back as it was ordered, nonce %s',
    async (nonce) => {
      const it = { ...transfer, nonce, units: 2n ** 256n - 1n - nonce };
      const bytes = await signed(it);
      expect(await readSignedTransfer(bytes)).toEqual({
        ...it,
        sender: '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266',
        transactionHash: keccak256(bytes),
      });
    },
  );

  it('is what an independent signer makes of the same fields', async () => {
    const other = await account.signTransaction({
      type: 'eip1559',
      chainId: 137,
      nonce: 0,
      gas: 76_250n,
      maxFeePerGas: 230_000_000_000n,
      maxPriorityFeePerGas: 30_000_000_000n,
      to: transfer.token,
      data: '0xa9059cbb00000000000000000000000070997970c51812dc3a010c7d01b50e0d17dc79c80000000000000000000000000000000000000000000000000000000000004e20',
    });
    expect(bytesToHex(await signed(transfer))).toBe(other);
  });

  it('refuses a high s and a wrong recovery id', async () => {
    const signature = await signer.sign(digestOf(transfer));
    const s = BigInt(bytesToHex(signature.subarray(32, 64)));
    const high = (secp256k1.Point.CURVE().n - s).toString(16).padStart(64, '0');
    const flipped = Uint8Array.of(...signature.subarray(0, 32), ...hexToBytes(`0x${high}`), 0);
    expect(() => signedBytesOf(transfer, flipped)).toThrow('high s');
    expect(() => signedBytesOf(transfer, Uint8Array.of(...signature.subarray(0, 64), 27))).toThrow(
      'recovery id',
    );
    expect(() => signedBytesOf(transfer, signature.subarray(0, 64))).toThrow('65 bytes');
  });
});

describe('readSignedTransfer', () => {
  const data = `0xa9059cbb${'0'.repeat(24)}${'11'.repeat(20)}${'0'.repeat(63)}1`;
  const fields = {
    type: 'eip1559',
    chainId: 1,
    nonce: 1,
    gas: 50_000n,
    maxFeePerGas: 10n,
    maxPriorityFeePerGas: 1n,
    to: transfer.token,
    data: data as `0x${string}`,
  } as const;

  it.each<[string, TransactionSerializable]>([
    ['coins', { ...fields, value: 1n }],
    ['an access list', { ...fields, accessList: [{ address: transfer.to, storageKeys: [] }] }],
    ['approve', { ...fields, data: data.replace('a9059cbb', '095ea7b3') as `0x${string}` }],
    ['surplus calldata', { ...fields, data: `${fields.data}00` }],
    ['dirty address bits', { ...fields, data: data.replace('cbb0', 'cbb1') as `0x${string}` }],
    ['no calldata', { ...fields, data: '0x' }],
    ['a new contract', { ...fields, to: null }],
    [
      'an older type',
      {
        type: 'legacy',
        chainId: 1,
        nonce: 1,
        gas: 9n,
        gasPrice: 1n,
        to: transfer.token,
        data: fields.data,
      },
    ],
  ])('refuses %s', async (_, it) => {
    const raw = await account.signTransaction(it);
    await expect(readSignedTransfer(hexToBytes(raw))).rejects.toThrow();
  });

  it('takes the plain form of these', async () => {
    const raw = await account.signTransaction(fields);
    expect((await readSignedTransfer(hexToBytes(raw))).units).toBe(1n);
    await expect(readSignedTransfer(hexToBytes(`${raw}00`))).rejects.toThrow();
    await expect(readSignedTransfer(hexToBytes(serializeTransaction(fields)))).rejects.toThrow();
  });
});

describe('proveTransaction', () => {
  it('verifies the example of EIP-155', async () => {
    expect(
      await proveTransaction({
        type: '0x0',
        nonce: '0x9',
        gasPrice: '0x4a817c800',
        gas: '0x5208',
        to: '0x3535353535353535353535353535353535353535',
        value: '0xde0b6b3a7640000',
        input: '0x',
        v: '0x25',
        r: '0x28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276',
        s: '0x67cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83',
      }),
    ).toEqual({
      // Private key 0x46…46, as the EIP has it; the hash is of the EIP's own signed bytes.
      hash: keccak256(
        '0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83',
      ),
      sender: '0x9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f',
      nonce: 9n,
      chainId: 1,
    });
  });

  it('takes the chain from the signature, not from the node', async () => {
    const raw = await account.signTransaction({
      type: 'legacy',
      chainId: 56,
      nonce: 3,
      gas: 21_000n,
      gasPrice: 1n,
      to: transfer.to,
      value: 1n,
    });
    const { r, s, v } = parseTransaction(raw) as { r: string; s: string; v: bigint };
    const fields = {
      type: '0x0',
      nonce: '0x3',
      gas: '0x5208',
      gasPrice: '0x1',
      to: transfer.to,
      value: '0x1',
      input: '0x',
      r,
      s,
    };
    const honest = await proveTransaction({ ...fields, v: `0x${v.toString(16)}`, chainId: '0x38' });
    expect(honest).toMatchObject({
      hash: keccak256(raw),
      chainId: 56,
      sender: account.address.toLowerCase(),
    });
    const lying = await proveTransaction({ ...fields, v: `0x${v.toString(16)}`, chainId: '0x89' });
    expect(lying.chainId).toBe(56);
  });

  it('shows another signer where a field was changed', async () => {
    const raw = bytesToHex(await signed(transfer));
    const it = parseTransaction(raw as `0x02${string}`);
    const fields = {
      type: '0x2',
      chainId: '0x89',
      nonce: '0x0',
      gas: '0x129da',
      value: '0x0',
      to: it.to,
      input: it.data,
      maxFeePerGas: '0x358d117c00',
      maxPriorityFeePerGas: '0x6fc23ac00',
      accessList: [],
      r: it.r,
      s: it.s,
      yParity: `0x${it.yParity}`,
      v: `0x${it.yParity}`,
    };
    expect(await proveTransaction(fields)).toMatchObject({
      hash: keccak256(raw),
      sender: account.address.toLowerCase(),
    });
    const changed = await proveTransaction({ ...fields, nonce: '0x1' });
    expect(changed.sender).not.toBe(account.address.toLowerCase());
  });
});
