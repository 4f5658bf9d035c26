import { expect, test } from 'vitest';
import { staleArtifacts } from './compile.ts';

test('every artifact is what its source compiles to, without a warning', async () => {
  expect(await staleArtifacts()).toEqual([]);
});
