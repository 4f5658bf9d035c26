// npm run check: format, lint, types, boundaries, unused code. All of them run; each that fails is named.
import { installWhatIsMissing, run } from './prepare.mjs';

const steps = [
  ['format', 'prettier', ['--check', '--log-level', 'warn', '.']],
  ['lint', 'oxlint', ['--type-aware', '--deny-warnings']],
  ['types', 'tsc', ['--noEmit']],
  [
    'boundaries',
    'depcruise',
    ['--config', '.dependency-cruiser.mjs', 'src', 'test', 'local-chains', '--output-type', 'err'],
  ],
  ['unused code', 'knip', ['--no-progress']],
];

await installWhatIsMissing();
const failed = [];
for (const [name, command, args] of steps) {
  console.error(`check: ${name}`);
  if ((await run(command, args)) !== 0) failed.push(name);
}
if (failed.length > 0) console.error(`check failed: ${failed.join(', ')}`);
process.exit(failed.length > 0 ? 1 : 0);
