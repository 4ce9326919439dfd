import { describe, expect, it } from 'vitest';
import { isTimezone, nextFires, parseCron } from './next.ts';

const at = (text: string) => Date.parse(text);
const fires = (cron: string, zone: string | undefined, after: string, count: number) =>
  nextFires(cron, zone, at(after), count).map((time) => new Date(time).toISOString().replace(':00.000Z', 'Z'));
const invalid = (message: RegExp) =>
  expect.objectContaining({
    code: 'config.invalid',
    message: expect.stringMatching(message),
    advice: expect.stringMatching(/Write/),
  });

describe('nextFires', () => {
  it('follows the clock of the zone', () => {
    expect(fires('0 7 * * 1-5', 'Europe/Berlin', '2026-11-20T07:00:00Z', 3)).toEqual([
      '2026-11-23T06:00Z',
      '2026-11-24T06:00Z',
      '2026-11-25T06:00Z',
    ]);
    expect(fires('*/20 * * * *', undefined, '2026-11-20T07:00:00Z', 2)).toEqual([
      '2026-11-20T07:20Z',
      '2026-11-20T07:40Z',
    ]);
    expect(fires('30 6 1 1 *', 'Asia/Tokyo', '2026-11-20T00:00:00Z', 1)).toEqual(['2026-12-31T21:30Z']);
  });

  it('does not give the time it starts from, and counts on from each planned time', () => {
    const [first, second] = nextFires('0 0 * * *', 'UTC', at('2026-01-01T00:00:00Z'), 2);
    expect(first).toBe(at('2026-01-02T00:00:00Z'));
    expect(nextFires('0 0 * * *', 'UTC', first as number, 1)).toEqual([second]);
  });

  it('fires a time that the change of the clock leaves out once, at the first valid minute', () => {
    expect(fires('30 2 * * *', 'Europe/Berlin', '2027-03-27T12:00:00Z', 2)).toEqual([
      '2027-03-28T01:00Z',
      '2027-03-29T00:30Z',
    ]);
    expect(fires('30 2,3 * * *', 'Europe/Berlin', '2027-03-27T12:00:00Z', 3)).toEqual([
      '2027-03-28T01:00Z',
      '2027-03-28T01:30Z',
      '2027-03-29T00:30Z',
    ]);
  });

  it('fires a fixed time that comes twice at the first', () => {
    expect(fires('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', 2)).toEqual([
      '2026-10-25T00:30Z',
      '2026-10-26T01:30Z',
    ]);
    expect(fires('30 1 * * *', 'America/New_York', '2026-10-31T12:00:00Z', 2)).toEqual([
      '2026-11-01T05:30Z',
      '2026-11-02T06:30Z',
    ]);
  });

  it('runs intervals through both hours, and through the gap', () => {
    expect(fires('*/30 * * * *', 'Europe/Berlin', '2026-10-25T00:00:00Z', 4)).toEqual([
      '2026-10-25T00:30Z',
      '2026-10-25T01:00Z',
      '2026-10-25T01:30Z',
      '2026-10-25T02:00Z',
    ]);
    expect(fires('*/30 * * * *', 'Europe/Berlin', '2027-03-28T00:15:00Z', 3)).toEqual([
      '2027-03-28T00:30Z',
      '2027-03-28T01:00Z',
      '2027-03-28T01:30Z',
    ]);
    expect(fires('0 * * * *', 'Europe/Berlin', '2026-10-24T23:30:00Z', 4)).toEqual([
      '2026-10-25T00:00Z',
      '2026-10-25T01:00Z',
      '2026-10-25T02:00Z',
      '2026-10-25T03:00Z',
    ]);
  });

  it('gives less than asked for where the pattern never comes', () => {
    expect(nextFires('0 0 30 2 *', 'UTC', at('2026-01-01T00:00:00Z'), 3)).toEqual([]);
  });
});

describe('parseCron', () => {
  it.each([
    '',
    'x',
    '* * * *',
    '* * * * * * *',
    '61 * * * *',
    '* 25 * * *',
    '0 0 32 * *',
    '5-1 * * * *',
    '0 0 1 13 *',
  ])('refuses %j with advice', (cron) => {
    expect(() => parseCron(cron)).toThrow(invalid(/is not a schedule/));
  });

  it('refuses a zone that does not exist', () => {
    expect(() => parseCron('* * * * *', 'Europe/Berln')).toThrow(invalid(/no time zone "Europe\/Berln"/));
    expect([isTimezone('Europe/Berlin'), isTimezone('UTC'), isTimezone(''), isTimezone('+25:00')]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});
