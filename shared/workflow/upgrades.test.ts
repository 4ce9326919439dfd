import { describe, expect, it } from 'vitest';
import { checkFormat } from './upgrades.ts';

describe('formats', () => {
  it('refuses a newer one and says what to do', () => {
    expect(() => checkFormat(2)).toThrow(
      expect.objectContaining({ code: 'client.upgrade_required', advice: expect.stringContaining('newest') }),
    );
    expect(() => checkFormat(7)).toThrow(expect.objectContaining({ details: { format: 7, known: 1 } }));
  });

  it.each([0, -1, 1.5, '1', null, undefined])('refuses %j, which never was one', (format) => {
    expect(() => checkFormat(format)).toThrow(expect.objectContaining({ code: 'project.invalid' }));
  });

  it('takes the one of today', () => {
    expect(() => checkFormat(1)).not.toThrow();
  });
});
