#!/usr/bin/env node
// The operator's command. Runs src/main.ts on the pinned Node.js, in the caller's folder.
import { join } from 'node:path';
import { root, run, runtime } from './prepare.mjs';

process.exit(
  await run(runtime(), [join(root, 'src', 'main.ts'), ...process.argv.slice(2)], {
    cwd: process.cwd(),
  }),
);
