import { expect, test } from 'vitest';
import { syncWords } from './syncWords.ts';

test('a folder that this computer did not put into a workspace waits for a word and says why; a project of one’s own does not', () => {
  const own = syncWords({ state: 'local_only', pending: 0 }, true, 0);
  expect(own).toMatchObject({ waits: false, word: 'Saved here', act: 'publish' });
  const foreign = syncWords({ state: 'local_only', pending: 0, reason: 'It comes from elsewhere.' }, true, 0);
  expect(foreign).toMatchObject({ waits: true, word: 'Local only', why: 'It comes from elsewhere.', act: 'publish' });
});
