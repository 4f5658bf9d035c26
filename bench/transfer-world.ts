import { encodeFunctionData, keccak256, parseAbi, stringToHex, type Hex } from 'viem';
import type { PrivateKeyAccount } from 'viem/accounts';
import { privateKeyToAccount } from 'viem/accounts';
import { systemClock } from '../src/base/clock.ts';
import type { TestChain } from '../test/harness/chain.ts';

/** One transfer that somebody is to make: USDT, of 6 decimals, to an address that has nothing. */
export interface Transfer {
  readonly to: Hex;
  readonly units: bigint;
}

const abi = parseAbi(['function transfer(address to, uint256 value)']);

/** What nodes ask at most on these chains, many times over: no baseline waits for a fee. */
export const FEES = { maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 10n ** 9n } as const;

/** As long as everything may take: a bench that hangs ends. */
const PATIENCE_MS = 600_000;
const LOOK_EVERY_MS = 20;

let last = 0;

/** Recipients that nobody has paid before. */
export function newTransfers(count: number): Transfer[] {
  return Array.from({ length: count }, () => {
    last += 1;
    const to: Hex = `0x${keccak256(stringToHex(`transfer ${last}`)).slice(-40)}`;
    return { to, units: BigInt(20_000 + (last % 1_000)) };
  });
}

export function transferData({ to, units }: Transfer): Hex {
  return encodeFunctionData({ abi, functionName: 'transfer', args: [to, units] });
}

/** A key that nothing else uses, with coins and tokens on this chain. */
export async function fundedAccount(chain: TestChain, name: string): Promise<PrivateKeyAccount> {
  const account = privateKeyToAccount(keccak256(stringToHex(`${name} of a bench`)));
  await chain.fund(account.address);
  return account;
}

/** Waits until the sender's transactions below `nonce` are in final blocks. */
export async function untilFinal(chain: TestChain, sender: string, nonce: number): Promise<void> {
  await until(async () => {
    const count = await chain.rpc('eth_getTransactionCount', sender, 'finalized');
    return Number(count) >= nonce;
  }, `the transactions of ${sender}`);
}

/** Asks again and again, with a short pause, until the answer is yes. */
export async function until(answer: () => Promise<boolean>, what: string): Promise<void> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (!(await answer())) {
    if (Date.now() > giveUpAt) throw new Error(`${what}: not done after ${PATIENCE_MS / 1_000} s`);
    await systemClock.sleep(LOOK_EVERY_MS);
  }
}

/** Throws unless the chain's logs show each transfer exactly once, by that payer, in a final block. */
export async function requirePaidOnce(
  chain: TestChain,
  payer: string,
  transfers: readonly Transfer[],
): Promise<void> {
  const { number } = (await chain.rpc('eth_getBlockByNumber', 'finalized', false)) as {
    number: string;
  };
  const wanted = new Map(transfers.map(({ to, units }) => [to.toLowerCase(), units]));
  const paid = (await chain.transferLogs('USDT')).filter(
    ({ from, to, blockNumber }) =>
      from === payer.toLowerCase() && wanted.has(to) && blockNumber <= BigInt(number),
  );
  const right = paid.filter(({ to, units }) => wanted.get(to) === units);
  const recipients = new Set(right.map(({ to }) => to));
  if (paid.length !== wanted.size || recipients.size !== wanted.size) {
    throw new Error(`${paid.length} transfers, ${recipients.size} right, of ${wanted.size}`);
  }
}
