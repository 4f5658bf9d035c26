// npm start: installs what is missing and runs the sandbox.
import { readFileSync } from 'node:fs';
import { installWhatIsMissing, run, runtime } from './prepare.mjs';

await installWhatIsMissing();
if (process.env.npm_lifecycle_event !== undefined) endWithNpm();
process.exit(await run(runtime(), ['src/main.ts', 'sandbox', ...process.argv.slice(2)]));

/**
 * npm passes no signal on to this process. Where npm itself was ended, its shell or this process gets
 * another parent, and the sandbox has to stop.
 */
function endWithNpm() {
  const before = ancestors();
  setInterval(() => {
    if (ancestors() !== before) process.emit('SIGTERM');
  }, 500).unref();
}

/** The parent and its parent (npm's shell, npm), as /proc has them. */
function ancestors() {
  try {
    const status = readFileSync(`/proc/${process.ppid}/status`, 'utf8');
    return `${process.ppid} ${/^PPid:\s+(\d+)/m.exec(status)?.[1]}`;
  } catch {
    return `${process.ppid}`;
  }
}
