import { decodeFunctionResult, encodeFunctionData, parseAbi, toHex, type Hex } from 'viem';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { present } from '../src/base/assert.ts';
import { spentSlotOf } from '../src/networks/evm/spent-slot.ts';
import { PROBE_CODE } from './harness/simulated-chain/code.ts';
import { packItem } from './harness/treasury-contract.ts';
import {
  startTwinChains,
  viewData,
  type GasSample,
  type TwinChains,
} from './harness/twin-chains.ts';
import {
  BLOCK_STEPS,
  createPast,
  SENDING_STEPS,
  type Past,
  type Step,
} from './harness/twin-steps.ts';

// The chain of the simulation against a real one with the real contracts: the same bytes to both.

const STEPS = 400;
/** How far the gas of the model may be off, of the truth. */
const GAS_ERROR = 0.05;

let twins: TwinChains;
const past: Past = createPast();
beforeAll(async () => {
  twins = await startTwinChains('1');
});
afterAll(async () => await twins.stop());

/** Runs one step; its name is in the error of what differs. */
async function run(steps: Readonly<Record<string, Step>>): Promise<void> {
  const [name, step] = twins.random.pick(Object.entries(steps));
  try {
    await step(twins, past);
  } catch (error) {
    throw new Error(`at "${name}", block ${twins.model.head().number}: ${String(error)}`, {
      cause: error,
    });
  }
}

test('the codes are the real ones', async () => {
  const { implementation, tokens, treasury } = twins;
  const proxy = '0x4e59b44847b379578588920ca78fbf26c0b4956c';
  for (const address of [implementation, tokens.USDT, tokens.USDC, treasury.address, proxy]) {
    await twins.same('eth_getCode', address, 'latest');
  }
  // Zero: the code is only lent, and nothing can be signed for it.
  await view(implementation, viewData('signer'), 'latest');
});

test('a few hundred random steps leave the same behind on both', async () => {
  for (let step = 0; step < STEPS; step += 1) {
    if (twins.random.chance(0.1)) {
      await twins.mine();
      await run(BLOCK_STEPS);
    } else {
      await run(SENDING_STEPS);
    }
    if (twins.random.chance(0.4)) {
      await twins.mine();
      await compareState();
    }
  }
  await twins.mine();
  await compareState();
  const isOff = ({ real, model }: GasSample): boolean => Math.abs(model / real - 1) > GAS_ERROR;
  expect(twins.gas.filter(isOff)).toEqual([]);
  expect(twins.gas.length).toBeGreaterThan(300);
  // Each refusal came up, so that each was compared.
  expect(Object.keys(twins.refusals).toSorted()).toEqual([
    'already known',
    'gas cap',
    'insufficient funds',
    'intrinsic gas too low',
    'nonce too low',
    'not a transaction',
    'other chain',
    'replacement underpriced',
  ]);
}, 300_000);

/** What the two say of accounts, tokens and batch ids, now and a little earlier. */
async function compareState(): Promise<void> {
  const { same, random, tokens, treasury, lanes, model } = twins;
  const head = Number(model.head().number);
  const block = toHex(Math.max(0, head - random.between(0, 12)));
  const at = random.pick([block, 'latest', 'safe', 'finalized'] as const);
  const recipient = random.pick(past.recipients);
  for (const { address } of [treasury, ...lanes])
    await same('eth_getTransactionCount', address, at);
  await same('eth_getBalance', recipient, at);
  await same('eth_getCode', treasury.address, at);
  for (const token of [tokens.USDT, tokens.USDC]) {
    for (const owner of [treasury.address, recipient]) {
      await view(token, viewData('balanceOf', owner), at);
    }
    const sender = random.pick([treasury.address, recipient]);
    const units = random.pick([0n, 1n, 10n ** 16n]);
    await view(token, viewData('transfer', recipient, units), at, sender);
    await view(token, random.pick(views(recipient)), at);
    await compareProbe(token);
  }
  const batchId = past.batchIds.length === 0 ? 0n : random.pick(past.batchIds);
  await same('eth_getStorageAt', treasury.address, spentSlotOf(batchId).slot, at);
  await view(treasury.address, viewData('isSpent', batchId), at);
  await view(treasury.address, viewData('signer'), at);
  if (past.calldata.length > 0) await view(treasury.address, random.pick(past.calldata), 'latest');
}

function views(recipient: Hex): readonly Hex[] {
  const plain = [
    'name',
    'symbol',
    'decimals',
    'owner',
    'totalSupply',
    'paused',
    'basisPointsRate',
    'maximumFee',
  ];
  const of = ['isBlackListed', 'isBlacklisted', 'isBlocked', 'getBlackListStatus'];
  return [...plain.map((name) => viewData(name)), ...of.map((name) => viewData(name, recipient))];
}

const probeAbi = parseAbi([
  'struct Outcome { bool paid; bool reverted; bool listed; uint256 gasUsed; bytes reason; }',
  'function probe(address token, uint256 gasPerItem, bytes32[] items) returns (Outcome[] outcomes)',
]);

/** The probe over the treasury's account: the same outcomes, and almost the same gas. */
async function compareProbe(token: Hex): Promise<void> {
  const { random, treasury } = twins;
  const items = Array.from({ length: random.between(0, 5) }, () => {
    const to = random.chance(0.2) ? (`0x${'0'.repeat(40)}` as const) : random.pick(past.recipients);
    return packItem({ to, units: random.pick([0n, 7n, 10n ** 16n]) });
  });
  const args = [token, 60_000n, items] as const;
  const data = encodeFunctionData({ abi: probeAbi, functionName: 'probe', args });
  const call = { to: treasury.address, data, gas: toHex(16_000_000) };
  const params = [call, 'latest', { [treasury.address]: { code: PROBE_CODE } }] as const;
  const read = (answer: unknown): ProbeOutcomes =>
    decodeFunctionResult({ abi: probeAbi, functionName: 'probe', data: answer as Hex });
  const real = read(await twins.real.rpc('eth_call', ...params));
  const model = read(await twins.node.request('eth_call', params));
  const essence = (outcomes: ProbeOutcomes): unknown =>
    outcomes.map(({ paid, reverted, listed, reason }) => ({ paid, reverted, listed, reason }));
  expect(essence(model)).toEqual(essence(real));
  for (const [index, { gasUsed }] of real.entries()) {
    const ours = Number(present(model[index], 'as many outcomes').gasUsed);
    expect(Math.abs(ours - Number(gasUsed))).toBeLessThanOrEqual(
      Math.max(1_500, Number(gasUsed) * GAS_ERROR),
    );
  }
}

type ProbeOutcomes = readonly {
  readonly paid: boolean;
  readonly reverted: boolean;
  readonly listed: boolean;
  readonly gasUsed: bigint;
  readonly reason: Hex;
}[];

async function view(to: Hex, data: Hex, at: string, from?: Hex): Promise<void> {
  await twins.same('eth_call', { to, data, ...(from === undefined ? {} : { from }) }, at);
}
