import { keccak256, parseTransaction } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { describe, expect, it } from 'vitest';
import { proveTransaction } from './proven-transaction.ts';

const RECIPIENT = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8';
const account = privateKeyToAccount(
  '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80',
);

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
      to: RECIPIENT,
      value: 1n,
    });
    const { r, s, v } = parseTransaction(raw) as { r: string; s: string; v: bigint };
    const fields = {
      type: '0x0',
      nonce: '0x3',
      gas: '0x5208',
      gasPrice: '0x1',
      to: RECIPIENT,
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
    const raw = await account.signTransaction({
      type: 'eip1559',
      chainId: 137,
      nonce: 0,
      gas: 76_250n,
      maxFeePerGas: 230_000_000_000n,
      maxPriorityFeePerGas: 30_000_000_000n,
      to: RECIPIENT,
      data: '0x1234',
    });
    const it = parseTransaction(raw);
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
