import { expect, test } from 'vitest';
import { readTags } from './TagsField.tsx';

test('tags are what stands between commas, each once, without what people type around them', () => {
  expect(readTags(' sales,, month   end ,#eu, sales ,')).toEqual({ tags: ['sales', 'month end', 'eu'] });
  expect(readTags(' , ')).toEqual({ tags: [] });
});

test('what cannot be a tag is told, and what just can is taken', () => {
  expect(readTags('x'.repeat(41)).problem).toContain('40 characters');
  expect(readTags('x'.repeat(40)).problem).toBeUndefined();
  const many = (count: number) => Array.from({ length: count }, (_, n) => `tag ${n}`).join();
  expect(readTags(many(21)).problem).toContain('at most 20');
  expect(readTags(many(20)).problem).toBeUndefined();
});
