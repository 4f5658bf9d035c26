import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: [
      'src/**/*.test.ts',
      'test/**/*.test.ts',
      'contracts/**/*.test.ts',
      'local-chains/**/*.test.ts',
    ],
    globalSetup: ['test/harness/global-setup.ts'],
    // Two cores, and each file may run a database, chains and whole processes of its own.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
  },
});
