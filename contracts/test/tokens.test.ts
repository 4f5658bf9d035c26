import { createWalletClient, encodeFunctionData, http, parseAbi, type Hex } from 'viem';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startTestChain, type TestChain, type TestToken } from '../../test/harness/chain.ts';
import { TOKEN_OWNER } from '../../src/sandbox/deploy-tokens.ts';

const abi = parseAbi([
  'function name() view returns (string)',
  'function symbol() view returns (string)',
  'function version() view returns (string)',
  'function decimals() view returns (uint8)',
  'function totalSupply() view returns (uint256)',
  'function approve(address spender, uint256 value)',
  'function transfer(address to, uint256 value)',
  'function transferFrom(address from, address to, uint256 value)',
  'function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, uint8 v, bytes32 r, bytes32 s)',
  'function receiveWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, uint8 v, bytes32 r, bytes32 s)',
  'function cancelAuthorization(address authorizer, bytes32 nonce, uint8 v, bytes32 r, bytes32 s)',
  'function setMode(uint8 mode)',
  'function mint(address to, uint256 amount)',
  'function pause()',
]);

const payer = privateKeyToAccount(`0x${'11'.repeat(32)}`);
const stranger = privateKeyToAccount(`0x${'22'.repeat(32)}`);
const RECIPIENT = '0x00000000000000000000000000000000000b0b00';
const TOKEN = 10n ** 6n;

let chain: TestChain;
let before: unknown;
beforeAll(async () => {
  chain = await startTestChain({ network: 'ETHEREUM_MAINNET' });
  await chain.fund(payer.address, { units: 1_000n * TOKEN });
  await chain.fund(stranger.address, { units: 0n });
});
afterAll(async () => await chain.stop());
beforeEach(async () => {
  before = await chain.rpc('evm_snapshot');
});
afterEach(async () => {
  await chain.rpc('evm_revert', before as string);
});

type Name =
  'transfer' | 'transferFrom' | 'approve' | 'mint' | 'pause' | 'setMode' | 'cancelAuthorization';
type Call = Parameters<typeof encodeFunctionData<typeof abi>>[0];

function encode(functionName: string, args: readonly unknown[]): Hex {
  return encodeFunctionData({ abi, functionName, args } as unknown as Call);
}

/** Sends for real, mines, and tells what became of it. */
async function send(
  account: PrivateKeyAccount,
  to: string,
  data: Hex,
): Promise<{ succeeded: boolean; gasUsed: number }> {
  const wallet = createWalletClient({ account, transport: http(chain.rpcUrl) });
  const hash = await wallet.sendTransaction({
    chain: null,
    to: to as Hex,
    data,
    gas: 200_000n,
    type: 'eip1559',
    maxFeePerGas: 10_000_000_000n,
    maxPriorityFeePerGas: 1_000_000_000n,
  });
  await chain.mine();
  const receipt = (await chain.rpc('eth_getTransactionReceipt', hash)) as {
    status: string;
    gasUsed: string;
  };
  return { succeeded: receipt.status === '0x1', gasUsed: Number(receipt.gasUsed) };
}

/** What a call answers: its return data, or the reason for its refusal ("" without one). */
async function call(
  from: string,
  to: string,
  data: Hex,
): Promise<{ returned: string } | { reverted: string }> {
  try {
    return { returned: (await chain.rpc('eth_call', { from, to, data }, 'latest')) as string };
  } catch (error) {
    const { nodeMessage = '' } = error as { nodeMessage?: string };
    return { reverted: nodeMessage };
  }
}

const addressOf = (token: TestToken): string => chain.tokens[token].address;
const TRUE = `0x${'1'.padStart(64, '0')}`;
const FALSE = `0x${'0'.repeat(64)}`;

describe('both tokens', () => {
  test.each(['USDT', 'USDC'] as const)('%s moves what it is told to', async (token) => {
    const data = encode('transfer', [RECIPIENT, 25n * TOKEN]);
    expect(await send(payer, addressOf(token), data)).toMatchObject({ succeeded: true });
    expect(await chain.balanceOf(token, RECIPIENT)).toBe(25n * TOKEN);
    expect(await chain.balanceOf(token, payer.address)).toBe(975n * TOKEN);
    expect((await chain.transferLogs(token)).at(-1)).toMatchObject({
      from: payer.address.toLowerCase(),
      to: RECIPIENT,
      units: 25n * TOKEN,
    });
  });

  test.each(['USDT', 'USDC'] as const)('%s lends by allowance', async (token) => {
    const take = encode('transferFrom', [payer.address, RECIPIENT, 3n]);
    expect((await send(stranger, addressOf(token), take)).succeeded).toBe(false);
    await send(payer, addressOf(token), encode('approve', [stranger.address, 5n]));
    expect((await send(stranger, addressOf(token), take)).succeeded).toBe(true);
    expect((await send(stranger, addressOf(token), take)).succeeded).toBe(false);
    expect(await chain.balanceOf(token, RECIPIENT)).toBe(3n);
  });

  test.each(['USDT', 'USDC'] as const)('%s stops while it is paused', async (token) => {
    const data = encode('transfer', [RECIPIENT, 1n]);
    await chain.pauseToken(token, true);
    expect((await send(payer, addressOf(token), data)).succeeded).toBe(false);
    await chain.pauseToken(token, false);
    expect((await send(payer, addressOf(token), data)).succeeded).toBe(true);
  });

  test.each(['USDT', 'USDC'] as const)('%s obeys its owner only', async (token) => {
    const answer = await call(stranger.address, addressOf(token), encode('pause', []));
    expect(answer).toHaveProperty('reverted');
    expect(await call(TOKEN_OWNER, addressOf(token), encode('pause', []))).toEqual({
      returned: '0x',
    });
  });
});

describe('USDT, as Tether has it', () => {
  test('a transfer returns nothing', async () => {
    const data = encode('transfer', [RECIPIENT, 1n]);
    expect(await call(payer.address, addressOf('USDT'), data)).toEqual({ returned: '0x' });
  });

  test('refusals carry no reason', async () => {
    await chain.pauseToken('USDT', true);
    const data = encode('transfer', [RECIPIENT, 1n]);
    expect(await call(payer.address, addressOf('USDT'), data)).toEqual({
      reverted: 'execution reverted',
    });
  });

  test('a balance that is too small burns all gas', async () => {
    const data = encode('transfer', [RECIPIENT, 1_001n * TOKEN]);
    expect(await send(payer, addressOf('USDT'), data)).toEqual({
      succeeded: false,
      gasUsed: 200_000,
    });
  });

  test('the blacklist binds senders, not recipients', async () => {
    const data = encode('transfer', [RECIPIENT, 1n]);
    await chain.setBlacklisted('USDT', RECIPIENT, true);
    expect((await send(payer, addressOf('USDT'), data)).succeeded).toBe(true);
    await chain.setBlacklisted('USDT', payer.address, true);
    expect((await send(payer, addressOf('USDT'), data)).succeeded).toBe(false);
    await chain.setBlacklisted('USDT', payer.address, false);
    expect((await send(payer, addressOf('USDT'), data)).succeeded).toBe(true);
  });

  test.each([
    { basisPoints: 10, maximum: 49, value: 100n * TOKEN, fee: TOKEN / 10n },
    { basisPoints: 19, maximum: 1, value: 900n * TOKEN, fee: TOKEN },
    { basisPoints: 10, maximum: 1, value: 999n, fee: 0n },
    { basisPoints: 10, maximum: 0, value: 100n * TOKEN, fee: 0n },
  ])('a fee of $fee is kept from $value', async ({ basisPoints, maximum, value, fee }) => {
    await chain.setFee(basisPoints, maximum);
    const owned = await chain.balanceOf('USDT', TOKEN_OWNER);
    await send(payer, addressOf('USDT'), encode('transfer', [RECIPIENT, value]));
    expect(await chain.balanceOf('USDT', RECIPIENT)).toBe(value - fee);
    expect(await chain.balanceOf('USDT', payer.address)).toBe(1_000n * TOKEN - value);
    expect(await chain.balanceOf('USDT', TOKEN_OWNER)).toBe(owned + fee);
    expect((await chain.transferLogs('USDT')).at(-1)?.units).toBe(value - fee);
  });

  test('an allowance is changed by way of zero, and short calldata is refused', async () => {
    await send(payer, addressOf('USDT'), encode('approve', [stranger.address, 5n]));
    const again = encode('approve', [stranger.address, 6n]);
    expect((await send(payer, addressOf('USDT'), again)).succeeded).toBe(false);
    const short = encode('transfer', [RECIPIENT, 256n]).slice(0, -2) as Hex;
    expect((await send(payer, addressOf('USDT'), short)).succeeded).toBe(false);
  });
});

describe('USDC, as FiatToken has it', () => {
  test('a transfer returns true', async () => {
    const data = encode('transfer', [RECIPIENT, 1n]);
    expect(await call(payer.address, addressOf('USDC'), data)).toEqual({ returned: TRUE });
  });

  test('refusals say why', async () => {
    const usdc = addressOf('USDC');
    const reason = async (name: Name, ...args: readonly unknown[]): Promise<unknown> => {
      const answer = await call(payer.address, usdc, encode(name, args));
      return 'reverted' in answer ? answer.reverted.replace('execution reverted: ', '') : answer;
    };
    expect(await reason('transfer', RECIPIENT, 1_001n * TOKEN)).toBe(
      'ERC20: transfer amount exceeds balance',
    );
    expect(await reason('transfer', `0x${'0'.repeat(40)}`, 1n)).toBe(
      'ERC20: transfer to the zero address',
    );
    expect(await reason('transferFrom', stranger.address, RECIPIENT, 1n)).toBe(
      'ERC20: transfer amount exceeds allowance',
    );
    expect(await reason('mint', RECIPIENT, 1n)).toBe('FiatToken: caller is not a minter');
    await chain.setBlacklisted('USDC', RECIPIENT, true);
    expect(await reason('transfer', RECIPIENT, 1n)).toBe('Blacklistable: account is blacklisted');
    await chain.pauseToken('USDC', true);
    expect(await reason('transfer', RECIPIENT, 1n)).toBe('Pausable: paused');
  });

  test.each(['payer', 'recipient'] as const)('a blacklisted %s stops a transfer', async (who) => {
    const listed = who === 'payer' ? payer.address : RECIPIENT;
    const data = encode('transfer', [RECIPIENT, 1n]);
    await chain.setBlacklisted('USDC', listed, true);
    expect((await send(payer, addressOf('USDC'), data)).succeeded).toBe(false);
    await chain.setBlacklisted('USDC', listed, false);
    expect((await send(payer, addressOf('USDC'), data)).succeeded).toBe(true);
  });
});

/** EIP-3009's fields, in its order. */
const types = {
  from: 'address',
  to: 'address',
  value: 'uint256',
  validAfter: 'uint256',
  validBefore: 'uint256',
  nonce: 'bytes32',
};
const authorizationFields = Object.entries(types).map(([name, type]) => ({ name, type }));
const FAR = 2n ** 40n;
interface Authorization {
  from: Hex;
  to: Hex;
  value: bigint;
  validAfter: bigint;
  validBefore: bigint;
  nonce: Hex;
}

const authorization: Authorization = {
  from: payer.address,
  to: RECIPIENT,
  value: 7n,
  validAfter: 0n,
  validBefore: FAR,
  nonce: `0x${'ab'.repeat(32)}`,
};
async function sign(
  primaryType: string,
  values: object,
  of: { fields?: { name: string; type: string }[]; chainId?: number } = {},
): Promise<readonly unknown[]> {
  const signature = await payer.signTypedData({
    domain: {
      name: 'USD Coin',
      version: '2',
      chainId: of.chainId ?? 1,
      verifyingContract: addressOf('USDC') as Hex,
    },
    types: { [primaryType]: of.fields ?? authorizationFields },
    primaryType,
    message: { ...values },
  });
  const v = Number.parseInt(signature.slice(130), 16);
  return [v, signature.slice(0, 66), `0x${signature.slice(66, 130)}`];
}

async function transferOf(changes: Partial<Authorization> = {}, chainId = 1): Promise<Hex> {
  const message = { ...authorization, ...changes };
  const signature = await sign('TransferWithAuthorization', message, { chainId });
  return encode('transferWithAuthorization', [...Object.values(message), ...signature]);
}

async function refusal(data: Hex): Promise<unknown> {
  return await call(stranger.address, addressOf('USDC'), data);
}

describe('EIP-3009', () => {
  test('a stranger moves what the payer signed for, once', async () => {
    const data = await transferOf();
    expect((await send(stranger, addressOf('USDC'), data)).succeeded).toBe(true);
    expect(await chain.balanceOf('USDC', RECIPIENT)).toBe(7n);
    expect(await refusal(data)).toEqual({
      reverted: 'execution reverted: FiatTokenV2: authorization is used or canceled',
    });
  });

  test('a signature holds for its own values, chain and time only', async () => {
    const signed = await sign('TransferWithAuthorization', authorization);
    const other = Object.values({ ...authorization, value: 8n });
    const invalid = { reverted: 'execution reverted: FiatTokenV2: invalid signature' };
    expect(await refusal(encode('transferWithAuthorization', [...other, ...signed]))).toEqual(
      invalid,
    );
    expect(await refusal(await transferOf({}, 137))).toEqual(invalid);
    expect(await refusal(await transferOf({ validBefore: 1n }))).toEqual({
      reverted: 'execution reverted: FiatTokenV2: authorization is expired',
    });
    expect(await refusal(await transferOf({ validAfter: FAR }))).toEqual({
      reverted: 'execution reverted: FiatTokenV2: authorization is not yet valid',
    });
  });

  test('only the payee sends a receipt by signature', async () => {
    const message = { ...authorization, to: stranger.address };
    const signature = await sign('ReceiveWithAuthorization', message);
    const data = encode('receiveWithAuthorization', [...Object.values(message), ...signature]);
    expect(await call(payer.address, addressOf('USDC'), data)).toEqual({
      reverted: 'execution reverted: FiatTokenV2: caller must be the payee',
    });
    expect((await send(stranger, addressOf('USDC'), data)).succeeded).toBe(true);
  });

  test('a cancelled authorization cannot be used', async () => {
    const message = { authorizer: payer.address, nonce: authorization.nonce };
    const signature = await sign('CancelAuthorization', message, {
      fields: [
        { name: 'authorizer', type: 'address' },
        { name: 'nonce', type: 'bytes32' },
      ],
    });
    const cancel = encode('cancelAuthorization', [...Object.values(message), ...signature]);
    expect((await send(stranger, addressOf('USDC'), cancel)).succeeded).toBe(true);
    expect(await refusal(await transferOf())).toEqual({
      reverted: 'execution reverted: FiatTokenV2: authorization is used or canceled',
    });
  });
});

describe('a token whose answers cannot be trusted', () => {
  test.each([
    { mode: 0, value: 11n, answer: FALSE, paid: 0n },
    { mode: 0, value: 5n, answer: TRUE, paid: 5n },
    { mode: 1, value: 5n, answer: FALSE, paid: 5n },
    { mode: 2, value: 5n, answer: TRUE, paid: 0n },
    { mode: 3, value: 5n, answer: TRUE, paid: 0n },
  ])('mode $mode pays $paid of $value', async ({ mode, value, answer, paid }) => {
    const { address } = await chain.deploy('TestFalseToken');
    await send(payer, address, encode('mint', [payer.address, 10n]));
    await send(payer, address, encode('setMode', [mode]));
    const data = encode('transfer', [RECIPIENT, value]);
    expect(await call(payer.address, address, data)).toEqual({ returned: answer });
    expect((await send(payer, address, data)).succeeded).toBe(true);
    expect(await chain.balanceOf(address, RECIPIENT)).toBe(paid);
  });
});
