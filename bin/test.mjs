// npm test: npm run check, then every test. `npm test -- FILE …` runs those test files only.
// Ends with one line, "N passed, N failed"; a failed check counts as one failure.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { installWhatIsMissing, root, run, runtime } from './prepare.mjs';

await installWhatIsMissing();
const files = process.argv.slice(2);
const checked = files.length > 0 ? 0 : await run(runtime(), [join(root, 'bin', 'check.mjs')]);

const report = join(root, 'node_modules', '.cache', 'vitest-report.json');
rmSync(report, { force: true });
const tested = await run(runtime(), [
  join(root, 'node_modules', 'vitest', 'vitest.mjs'),
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile=${report}`,
  ...files,
]);

const counts = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : {};
const { numPassedTests = 0, numFailedTests = 0 } = counts;
// A run that failed without a failed test (a file that does not load, say) failed all the same.
const broken = tested !== 0 && numFailedTests === 0 ? 1 : 0;
console.log(
  `${numPassedTests} passed, ${numFailedTests + broken + (checked === 0 ? 0 : 1)} failed`,
);
process.exit(checked !== 0 || tested !== 0 ? 1 : 0);
