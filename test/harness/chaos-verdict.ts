import type { Token } from '../../src/money/asset.ts';
import { checkBooks } from '../../src/ledger/check-books.ts';
import type { ChaosOutcome } from './chaos.ts';
import type { Platform } from './platform.ts';
import { OPENING_BALANCES } from './tenant.ts';

/** A sentence for each broken promise: by the chain, then by each merchant's books. */
export async function whatIsWrong(platform: Platform, outcome: ChaosOutcome): Promise<string[]> {
  const wrong: string[] = [];
  for (const token of platform.chain.tokens) {
    wrong.push(...(await wrongPayments(platform, token, outcome)));
  }
  for (const { businessId } of platform.merchants) {
    wrong.push(...(await checkBooks(platform.database, businessId)));
    wrong.push(...(await wrongBalances(platform, businessId, outcome)));
  }
  return wrong;
}

/** By what the chain says has left the treasury, and nothing of ours. */
async function wrongPayments(
  { chain }: Platform,
  token: Token,
  { orders, ends }: ChaosOutcome,
): Promise<string[]> {
  const wrong: string[] = [];
  const left = await chain.paidOut(token);
  const asked = orders.filter((order) => order.token === token);
  const known = new Set(asked.map(({ toAddress }) => toAddress));
  for (const { to, transactionHash } of left) {
    if (!known.has(to)) wrong.push(`${token} to ${to}, whom nobody ordered: ${transactionHash}`);
  }
  for (const order of asked) {
    const end = ends.get(order.payoutId);
    const paid = left.filter(({ to }) => to === order.toAddress);
    const found = `${order.payoutId} ${end?.status}: ${paid.map(({ units }) => units).join(' + ')}`;
    if (end?.status === 'FAILED' && paid.length > 0) wrong.push(`${found} paid though FAILED`);
    if (end?.status !== 'COMPLETED') continue;
    const [only] = paid;
    if (paid.length !== 1 || only?.units !== order.units) wrong.push(`${found} is not once`);
    if (only?.transactionHash !== end.transactionHash) wrong.push(`${found} in another place`);
  }
  return wrong;
}

/** Of the asset: what was ordered and ended as COMPLETED. */
export function paidUnits(
  { orders, ends }: ChaosOutcome,
  token: Token,
  businessId?: string,
): bigint {
  return orders
    .filter((order) => order.token === token && ends.get(order.payoutId)?.status === 'COMPLETED')
    .filter(({ merchant }) => businessId === undefined || merchant.businessId === businessId)
    .reduce((total, { units }) => total + units, 0n);
}

/** The merchant has what he began with, less what was paid for him, and nothing is held. */
async function wrongBalances(
  { database, chain }: Platform,
  businessId: string,
  outcome: ChaosOutcome,
): Promise<string[]> {
  const accounts = await database.query<{
    token: Token;
    balance_units: bigint;
    held_units: bigint;
  }>(
    `SELECT token, balance_units, held_units FROM ledger_accounts
     WHERE business_id = $1 AND kind = 'API_ACCOUNT'`,
    [businessId],
  );
  const wrong: string[] = [];
  if (accounts.length !== chain.tokens.length) wrong.push(`${businessId}: an account is missing`);
  const scale = 10n ** BigInt(18 - chain.decimals);
  for (const { token, balance_units: balance, held_units: held } of accounts) {
    const expected = OPENING_BALANCES[token] - paidUnits(outcome, token, businessId) * scale;
    if (balance !== expected) wrong.push(`${businessId} ${token}: ${balance}, not ${expected}`);
    if (held !== 0n) wrong.push(`${businessId} ${token}: ${held} held for nothing`);
  }
  return wrong;
}

/** A run in which nothing went through would show nothing. */
export function completed({ ends }: ChaosOutcome): number {
  return [...ends.values()].filter(({ status }) => status === 'COMPLETED').length;
}
