import type { Bench } from './bench-result.ts';
import { measureBatchShapes } from './batch-shapes.ts';
import { measureCoins } from './coin-selection.ts';
import { measureCosts } from './costs.ts';
import { measureCrash } from './crash.ts';
import { measureGas } from './gas.ts';
import { measureGrowth } from './growth.ts';
import { measureIntake } from './intake.ts';
import { measureNetworks } from './networks.ts';
import { measureRecovery } from './recovery.ts';
import { measureSettle } from './settle.ts';
import { measureWebhooks } from './webhooks.ts';

const benches: Readonly<Record<string, Bench>> = {
  gas: measureGas,
  'batch-shapes': measureBatchShapes,
  settle: measureSettle,
  recovery: measureRecovery,
  costs: measureCosts,
  coins: measureCoins,
  networks: measureNetworks,
  intake: measureIntake,
  growth: measureGrowth,
  webhooks: measureWebhooks,
  crash: measureCrash,
};

const [name = '--list'] = process.argv.slice(2);
const bench = benches[name];
if (name === '--list') {
  process.stdout.write(`${JSON.stringify({ benches: Object.keys(benches) })}\n`);
} else if (bench === undefined) {
  process.stderr.write(`there is no bench ${name}; npm run bench -- --list names them\n`);
  process.exitCode = 1;
} else {
  const result = await bench((progress) => process.stderr.write(`${progress}\n`));
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
