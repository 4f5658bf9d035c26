// A process of its own: payouts as they are written without thinking of speed, each in a transaction with
// five statements, by as many connections as are asked for. Without HTTP, credentials or checks.
import { randomInt } from 'node:crypto';
import { Client } from 'pg';
import { systemClock } from '../src/base/clock.ts';
import { createIdSource } from '../src/base/id.ts';
import { systemRandom } from '../src/base/random.ts';
import { giveAnswer, readQuestion } from './child.ts';

export interface NaiveLoad {
  readonly url: string;
  readonly accounts: readonly string[];
  readonly connections: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

export interface NaiveAnswers {
  /** Payouts committed while it was measured. */
  readonly committed: number;
  /** Those of before too. */
  readonly committedInAll: number;
  readonly seconds: number;
  /** CPU of this process while it was measured. */
  readonly cpuSeconds: number;
  /** With all before it. */
  readonly wholeCpuSeconds: number;
}

const HOLD = {
  name: 'hold',
  text: `UPDATE accounts SET held_units = held_units + $2
    WHERE account_id = $1 AND balance_units - held_units >= $2`,
};
const PAYOUT = {
  name: 'payout',
  text: `INSERT INTO payouts (payout_id, account_id, network, token, units, to_address, status, created_at)
    VALUES ($1, $2, 'MATIC_MAINNET', 'USDT', $3, $4, 'PENDING', $5)`,
};
const ENTRY = {
  name: 'entry',
  text: `INSERT INTO entries (payout_id, side, account_id, units, created_at)
    VALUES ($1, $2, $3, $4, $5)`,
};
const OUTBOX = {
  name: 'outbox',
  text: `INSERT INTO outbox (item_id, payload, created_at) VALUES ($1, $2, $3)`,
};

const UNITS = '10000000000000000';
const RECIPIENT = '0x56adfcc254ab3b8142a275c1837bcffaff5aa38b';

const question = await readQuestion<NaiveLoad>();
const ids = createIdSource(systemClock, systemRandom);
const clients = Array.from({ length: question.connections }, () => new Client(question.url));
await Promise.all(clients.map(async (client) => await client.connect()));
const warmedUp = await payFor(question.warmUpSeconds);
const before = process.cpuUsage();
const from = performance.now();
const committed = await payFor(question.seconds);
const seconds = (performance.now() - from) / 1_000;
const cpu = process.cpuUsage(before);
await Promise.all(clients.map(async (client) => await client.end()));
await giveAnswer({
  committed,
  committedInAll: warmedUp + committed,
  seconds,
  cpuSeconds: secondsOf(cpu),
  wholeCpuSeconds: secondsOf(process.cpuUsage()),
} satisfies NaiveAnswers);
process.exit();

async function payFor(duration: number): Promise<number> {
  const until = performance.now() + duration * 1_000;
  let done = 0;
  const paying = clients.map(async (client) => {
    while (performance.now() < until) {
      await pay(client);
      done += 1;
    }
  });
  await Promise.all(paying);
  return done;
}

async function pay(client: Client): Promise<void> {
  const account = question.accounts[randomInt(question.accounts.length)] ?? '';
  const payoutId = ids.next();
  const at = systemClock.now();
  await client.query('BEGIN');
  const held = await client.query({ ...HOLD, values: [account, UNITS] });
  if (held.rowCount !== 1) throw new Error('the account is empty');
  await client.query({ ...PAYOUT, values: [payoutId, account, UNITS, RECIPIENT, at] });
  await client.query({ ...ENTRY, values: [payoutId, 'DEBIT', account, UNITS, at] });
  await client.query({ ...ENTRY, values: [payoutId, 'CREDIT', account, UNITS, at] });
  await client.query({ ...OUTBOX, values: [ids.next(), { payoutId }, at] });
  await client.query('COMMIT');
}

function secondsOf({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1e6;
}
