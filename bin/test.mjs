// npm test: npm run check, then every test. `npm test -- FILE …` runs those test files only.
import { installWhatIsMissing, run, runtime, root } from './prepare.mjs';
import { join } from 'node:path';

await installWhatIsMissing();
const files = process.argv.slice(2);
const checked = files.length > 0 ? 0 : await run(runtime(), [join(root, 'bin', 'check.mjs')]);
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const tested = await run(runtime(), [vitest, 'run', ...files]);
process.exit(checked || tested);
