// npm run bench -- NAME, or -- --list. Progress goes to stderr; the last line on stdout is the result.
import { join } from 'node:path';
import { installWhatIsMissing, root, run, runtime } from './prepare.mjs';

await installWhatIsMissing();
process.exit(await run(runtime(), [join(root, 'bench', 'bench.ts'), ...process.argv.slice(2)]));
