// npm start: installs what is missing and runs the sandbox.
import { installWhatIsMissing, run, runtime } from './prepare.mjs';

await installWhatIsMissing();
process.exit(await run(runtime(), ['src/main.ts', 'sandbox', ...process.argv.slice(2)]));
