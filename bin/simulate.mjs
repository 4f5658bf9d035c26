// npm run simulate -- --payouts N --seed S [--network NETWORK] [--plant NAME], or -- --plants.
// Progress goes to stderr; the last line on stdout is the result.
import { join } from 'node:path';
import { installWhatIsMissing, root, run, runtime } from './prepare.mjs';

await installWhatIsMissing();
const program = join(root, 'test', 'simulation', 'simulate.ts');
process.exit(await run(runtime(), [program, ...process.argv.slice(2)]));
