import fc from 'fast-check';
import {
  encodeAbiParameters,
  encodeFunctionData,
  keccak256,
  parseAbi,
  stringToHex,
  toFunctionSelector,
  toHex,
  zeroAddress,
  type Hex,
} from 'viem';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createBatchPayer, recipient, type BatchPayer } from '../test/harness/batch-payer.ts';
import { startTestChain, type TestChain } from '../test/harness/chain.ts';
import {
  deployContract,
  executeData,
  refusalOf,
  send,
  signBatch,
  testKey,
  treasuryAbi,
} from '../test/harness/treasury-contract.ts';

// The treasury's own account, which runs the contract's code by EIP-7702.

const stranger = testKey(0x33);
const erc20 = parseAbi([
  'function transfer(address to, uint256 value)',
  'function approve(address spender, uint256 value)',
]);

let chain: TestChain;
let payer: BatchPayer;
let before: unknown;
beforeAll(async () => {
  chain = await startTestChain({ network: 'ETHEREUM_MAINNET' });
  payer = await createBatchPayer(chain);
  await chain.fund(stranger.address, { units: 0n });
  await chain.fund(payer.treasury, { units: 0n });
});
afterAll(async () => await chain.stop());
beforeEach(async () => {
  before = await chain.rpc('evm_snapshot');
});
afterEach(async () => {
  await chain.rpc('evm_revert', before as string);
});

async function codeOf(address: Hex): Promise<Hex> {
  return (await chain.rpc('eth_getCode', address, 'latest')) as Hex;
}

async function coinsOf(address: Hex): Promise<bigint> {
  return BigInt((await chain.rpc('eth_getBalance', address, 'latest')) as string);
}

async function nonceOf(address: Hex): Promise<number> {
  return Number(await chain.rpc('eth_getTransactionCount', address, 'latest'));
}

async function signerOf(address: Hex): Promise<Hex> {
  const data = encodeFunctionData({ abi: treasuryAbi, functionName: 'signer' });
  const word = (await chain.rpc('eth_call', { to: address, data }, 'latest')) as Hex;
  return `0x${word.slice(26)}`;
}

/** The storage word of 256 batch ids, by ERC-7201 and the rule for mappings. */
function spentSlot(batchId: bigint): Hex {
  const inner = BigInt(keccak256(stringToHex('knit.treasury'))) - 1n;
  const root = BigInt(keccak256(toHex(inner, { size: 32 }))) & ~0xffn;
  const types = [{ type: 'uint256' }, { type: 'uint256' }] as const;
  return keccak256(encodeAbiParameters(types, [batchId / 256n, root]));
}

describe('the delegation', () => {
  test('is the account’s code, and its own key is the signer', async () => {
    expect(await codeOf(payer.treasury)).toBe(`0xef0100${payer.implementation.slice(2)}`);
    expect(await signerOf(payer.treasury)).toBe(payer.key.address.toLowerCase());
    expect(await signerOf(payer.implementation)).toBe(zeroAddress);
  });

  test('of another account to the same code gives that account no say here', async () => {
    const delegate = { key: stranger, to: payer.implementation };
    await send(chain, stranger, { to: stranger.address, delegate });
    expect(await signerOf(stranger.address)).toBe(stranger.address.toLowerCase());
    const batch = payer.batchOf();
    for (const treasury of [payer.treasury, stranger.address]) {
      const place = { chainId: chain.chainId, treasury };
      const data = executeData(batch, await signBatch(stranger, batch, place));
      expect(await payer.refusal(data)).toBe('InvalidSignature');
    }
  });

  test('to a contract that has a key of its own still obeys the account’s key alone', async () => {
    const name = 'Treasury';
    const keyed = await deployContract(chain, stranger, { name, args: [stranger.address] });
    await send(chain, stranger, { to: recipient(0), delegate: { key: payer.key, to: keyed } });
    const batch = payer.batchOf();
    const theirs = executeData(batch, await signBatch(stranger, batch, payer));
    expect(await payer.refusal(theirs)).toBe('InvalidSignature');
    expect(await payer.refusal(await payer.dataOf(batch))).toBeNull();
  });

  test('takes one nonce of the account, whoever sends it', async () => {
    const { key, implementation: to } = payer;
    const start = await nonceOf(key.address);
    await send(chain, stranger, { to: recipient(0), delegate: { key, to } });
    expect(await nonceOf(key.address)).toBe(start + 1);
    // The account that sends its own authorization takes one for the transaction and one for that.
    await send(chain, key, { to: recipient(0), delegate: { key, to } });
    expect(await nonceOf(key.address)).toBe(start + 3);
    await payer.execute(payer.batchOf());
    expect(await nonceOf(key.address)).toBe(start + 3);
  });
});

describe('the account', () => {
  test('still sends as a plain account, by its key', async () => {
    const data = encodeFunctionData({
      abi: erc20,
      functionName: 'transfer',
      args: [recipient(1), 9n],
    });
    const to = chain.tokens.USDT.address as Hex;
    expect((await send(chain, payer.key, { to, data })).succeeded).toBe(true);
    expect(await chain.balanceOf('USDT', recipient(1))).toBe(9n);
  });

  test('takes coins as before; a treasury that is a contract takes none', async () => {
    const start = await coinsOf(payer.treasury);
    const receipt = await send(chain, stranger, { to: payer.treasury, value: 5n, gas: 30_000n });
    expect(receipt.succeeded).toBe(true);
    expect(await coinsOf(payer.treasury)).toBe(start + 5n);
    const call = {
      from: stranger.address,
      to: payer.implementation,
      data: '0x',
      value: '0x5',
    } as const;
    expect(await refusalOf(chain, call)).toBe('CoinsRefused');
  });

  test('takes coins from a contract that sends them with 2,300 gas', async () => {
    const call = { from: stranger.address, to: payer.treasury, data: '0x', value: '0x5' } as const;
    // 21,000 for the transaction, and the stipend that transfer() and send() give.
    expect(await refusalOf(chain, { ...call, gas: toHex(23_300) })).toBeNull();
  });

  test.each([
    'onERC721Received(address,address,uint256,bytes)',
    'onERC1155Received(address,address,uint256,uint256,bytes)',
    'tokensReceived(address,address,address,uint256,bytes,bytes)',
    'isValidSignature(bytes32,bytes)',
    'execute(address,uint256,bytes)',
    'execute(bytes32,bytes)',
    'transfer(address,uint256)',
    'approve(address,uint256)',
    'upgradeTo(address)',
    'initialize(address)',
    'transferOwnership(address)',
    'multicall(bytes[])',
  ])('has no %s', async (signature) => {
    const words = [recipient(1).slice(2), '5', '60', '0', '0', '0'];
    const values = words.map((value) => value.padStart(64, '0')).join('');
    const data = `${toFunctionSelector(signature)}${values}` as Hex;
    for (const from of [stranger.address, payer.treasury]) {
      expect(await payer.refusal(data, from)).toBe('execution reverted');
    }
  });

  test('moves nothing for anybody who has no signature, whatever is called', async () => {
    const selectors = ['execute', 'cancel', 'isSpent', 'signer'].map((name) => {
      const entry = treasuryAbi.find((it) => it.type === 'function' && it.name === name);
      return toFunctionSelector(entry as Extract<typeof entry, { type: 'function' }>);
    });
    const bytes = (size: number) => fc.uint8Array({ maxLength: size });
    const word = fc.oneof(
      fc.constantFrom(0n, 1n, 32n, 224n, 2n ** 40n, 2n ** 256n - 1n),
      fc.constant(BigInt(chain.tokens.USDT.address)),
      fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }),
    );
    const calldata = fc.oneof(
      bytes(300).map((data) => toHex(data)),
      fc
        .tuple(fc.constantFrom(...selectors), fc.array(word, { maxLength: 16 }))
        .map(([selector, words]) => {
          const values = words.map((value) => value.toString(16).padStart(64, '0')).join('');
          return `${selector}${values}` as Hex;
        }),
    );
    const state = await stateOfTreasury();
    await fc.assert(
      fc.asyncProperty(calldata, async (data) => {
        const receipt = await send(chain, stranger, { to: payer.treasury, data, gas: 1_000_000n });
        expect(receipt.logs).toEqual([]);
        expect(await stateOfTreasury()).toEqual(state);
      }),
      { numRuns: 150, seed: 20_261_122 },
    );
  });

  async function stateOfTreasury() {
    const tokens = [chain.tokens.USDT.address, chain.tokens.USDC.address];
    return {
      code: await codeOf(payer.treasury),
      nonce: await nonceOf(payer.treasury),
      coins: await coinsOf(payer.treasury),
      units: await Promise.all(tokens.map((it) => chain.balanceOf(it, payer.treasury))),
      firstIds: await chain.rpc('eth_getStorageAt', payer.treasury, spentSlot(0n), 'latest'),
    };
  }
});

describe('the account’s storage', () => {
  test('holds spent ids where ERC-7201 says, and nothing else', async () => {
    for (const batchId of [3n, 255n, 256n, 2n ** 255n]) {
      await payer.execute(payer.batchOf({ batchId }));
      const slot = spentSlot(batchId);
      const value = await chain.rpc('eth_getStorageAt', payer.treasury, slot, 'latest');
      const bits = BigInt(value as string);
      expect((bits >> (batchId % 256n)) & 1n).toBe(1n);
    }
    const word = await chain.rpc('eth_getStorageAt', payer.treasury, spentSlot(0n), 'latest');
    expect(BigInt(word as string)).toBe((1n << 3n) | (1n << 255n));
  });

  test('meets nothing that other code left at its first slots, or in their mappings', async () => {
    const all = toHex(2n ** 256n - 1n);
    const types = [{ type: 'uint256' }, { type: 'uint256' }] as const;
    const inMappings = [0n, 1n, 2n].map((slot) =>
      keccak256(encodeAbiParameters(types, [0n, slot])),
    );
    const slots = [0n, 1n, 2n].map((slot) => toHex(slot, { size: 32 })).concat(inMappings);
    for (const slot of slots) await chain.rpc('anvil_setStorageAt', payer.treasury, slot, all);
    expect(await payer.isSpent(7n)).toBe(false);
    const { report } = await payer.execute(payer.batchOf({ batchId: 7n }));
    expect(report).toMatchObject({ failed: 0n });
    for (const slot of slots) {
      expect(await chain.rpc('eth_getStorageAt', payer.treasury, slot, 'latest')).toBe(all);
    }
  });

  test('keeps spent ids spent through other code, no code and a newer copy of this code', async () => {
    const batch = payer.batchOf();
    await payer.execute(batch);
    const { submitter, key } = payer;
    const other = await deployContract(chain, submitter, { name: 'TestCaller' });
    const copy = await deployContract(chain, submitter, { name: 'Treasury', args: [zeroAddress] });
    for (const to of [other, zeroAddress, copy]) {
      await send(chain, submitter, { to: recipient(0), delegate: { key, to } });
    }
    expect(await codeOf(payer.treasury)).toBe(`0xef0100${copy.slice(2)}`);
    expect(await payer.isSpent(batch.batchId)).toBe(true);
    expect(await payer.refusal(await payer.dataOf(batch))).toBe('AlreadySpent');
  });

  test('tells of a batch even while the account has no code to ask', async () => {
    const { submitter, key } = payer;
    const batch = payer.batchOf();
    await send(chain, submitter, { to: recipient(0), delegate: { key, to: zeroAddress } });
    expect(await codeOf(payer.treasury)).toBe('0x');
    // Without code the account takes any call: the transaction succeeds, and nothing has happened.
    const { receipt, report } = await payer.execute(batch);
    expect([receipt.succeeded, receipt.logs, report]).toEqual([true, [], null]);
    const word = await chain.rpc(
      'eth_getStorageAt',
      payer.treasury,
      spentSlot(batch.batchId),
      'latest',
    );
    expect((BigInt(word as string) >> (batch.batchId % 256n)) & 1n).toBe(0n);
    // What was signed in the meantime holds again with the code.
    const to = payer.implementation;
    await send(chain, submitter, { to: recipient(0), delegate: { key, to } });
    expect((await payer.execute(batch)).report).toMatchObject({ failed: 0n });
  });
});
