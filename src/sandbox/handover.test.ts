import { expect, test } from 'vitest';
import { ConfigProblem } from '../config.ts';
import { prepareHandover } from './handover.ts';

test('a folder that cannot be made is a wrong setting, and named', async () => {
  const made = prepareHandover('/dev/null/knit');
  await expect(made).rejects.toThrow(ConfigProblem);
  await expect(made).rejects.toThrow(/^KNIT_SANDBOX_DIR: /);
});
